"""Lines of YAML in the style of this project: one node on one line where it fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

WIDTH = 96
STEP = "  "


def flow_map(entries: Mapping[str, str]) -> str:
    """``{out: 64, kernel: 3}``."""
    return "{" + ", ".join(f"{key}: {text}" for key, text in entries.items()) + "}"


def flow_list(items: Sequence[str]) -> str:
    """``[prev, x]``."""
    return f"[{', '.join(items)}]"


def indented(lines: Sequence[str], levels: int = 1) -> list[str]:
    """The lines further to the right; empty ones stay empty."""
    return [STEP * levels + line if line else line for line in lines]


def listed(lines: Sequence[str]) -> list[str]:
    """The lines as one item of a list."""
    return [("- " if number == 0 else STEP) + line for number, line in enumerate(lines)]


def entry(key: str, text: str) -> list[str]:
    """``key: text``, on further lines where it is long."""
    whole = f"{key}: {text}" if text else f"{key}:"
    if len(whole) <= WIDTH or text[0] not in "[{":
        return [whole]
    return [f"{key}:", *indented(list(broken(text)))]


def broken(text: str) -> Iterator[str]:
    """A list or mapping in flow style, broken behind commas."""
    line = ""
    for piece in pieces(text):
        if line and len(line) + len(piece) > WIDTH:
            yield line.rstrip()
            line = " "
        line += piece
    yield line


def pieces(text: str) -> Iterator[str]:
    """Parts of a flow collection that end behind a comma outside of quotes."""
    start, quoted = 0, False
    for place, character in enumerate(text):
        if character == '"' and text[place - 1] != "\\":
            quoted = not quoted
        elif character == "," and not quoted:
            yield text[start : place + 2]
            start = place + 2
    yield text[start:]


def node_lines(head: str, value: str, beside: Mapping[str, str], one_line: bool) -> list[str]:
    """A node: its operator, and what stands beside it."""
    if not beside and not value:
        return [f"- {head}"]
    if one_line and len(beside) > 0:
        whole = f"- {flow_map({head: value, **beside})}"
        if len(whole) <= WIDTH:
            return [whole]
    lines = entry(head, value)
    for key, text in beside.items():
        lines += entry(key, text)
    return listed(lines)
