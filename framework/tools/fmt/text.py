"""From a source to its canonical text, which is read back before anybody sees it."""

from __future__ import annotations

from framework.errors import Problem, Source, SpecError
from framework.source import ListNode, MapNode, Scalar, YamlNode, read_yaml
from framework.source.comments import Branch, read_notes
from framework.tools.fmt.layout import document


def formatted_text(text: str, name: str = "model.yaml") -> str:
    """The canonical form of a text; raises `SpecError` for one that is no YAML."""
    return formatted(Source(name, text))


def formatted(source: Source) -> str:
    """The canonical form of a source, with its line ends; raises `SpecError` with its mistakes."""
    crlf = "\r\n" in source.text
    text = source.text.replace("\r\n", "\n").removeprefix("\ufeff")
    text = text if text.endswith("\n") else f"{text}\n"
    before = meaning(Source(source.name, text))
    root = read_notes(Source(source.name, text))
    if not isinstance(root, Branch) or not root.entries:
        return source.text
    out = "\n".join(document(root)) + "\n"
    if meaning(Source(source.name, out)) != before:
        fact = "this file cannot be formatted without a change of its meaning"
        raise SpecError([Problem("format", fact, hint="please report it, with the file")])
    return out.replace("\n", "\r\n") if crlf else out


def meaning(source: Source) -> object:
    """What a text says, without places and the order of keys; raises `SpecError`."""
    problems: list[Problem] = []
    tree = read_yaml(source, problems)
    if problems or tree is None:
        raise SpecError(problems)
    comments = sorted(notes(source))
    return comments, value(tree)


def notes(source: Source) -> list[str]:
    """All comments."""
    root = read_notes(source)
    found: list[str] = []
    waiting = [root]
    while waiting:
        branch = waiting.pop()
        if isinstance(branch, Branch):
            found += (remark.text for remark in branch.foot)
            for entry in branch.entries:
                found += (remark.text for remark in entry.lead)
                found += entry.trail
                waiting.append(entry.value)
    return found


def value(tree: YamlNode) -> object:
    """A tree as plain data; quotes count, as they may decide what a word means."""
    if isinstance(tree, Scalar):
        return (tree.raw, tree.plain)
    if isinstance(tree, ListNode):
        return [value(item) for item in tree]
    if isinstance(tree, MapNode):
        return {key.raw: value(item) for key, item in tree}
    return None
