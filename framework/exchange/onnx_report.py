"""What keeps an ONNX model from being imported: all of it in one text, which stays short."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from framework.errors import InputError, Mistake

LISTED = 5  # nodes named for each operator that cannot be read
MOST_LINES = 40
LONGEST_WORD = 80
LONGEST_FACT = 400


class ImportFailure(InputError):
    """What keeps a model from being imported.

    ``sources`` are the inputs whose contents would have to be known.
    """

    def __init__(self, text: str, sources: Iterable[str] = ()) -> None:
        super().__init__(text)
        self.sources = tuple(sources)


@dataclass
class Trouble:
    """One node that cannot be read."""

    op_type: str
    node: str
    mistake: Mistake


def report(name: str, troubles: Sequence[Trouble]) -> str:
    """All that cannot be read: each operator and fact once, with its nodes."""
    groups: dict[tuple[str, str, str | None], list[str]] = {}
    for trouble in troubles:
        key = (trouble.op_type, trouble.mistake.fact, trouble.mistake.hint)
        groups.setdefault(key, []).append(trouble.node)
    lines = [f"{name} cannot be imported:"]
    for (op_type, fact, hint), nodes in list(groups.items())[:MOST_LINES]:
        named = ", ".join(map(brief, nodes[:LISTED])) + (", …" if len(nodes) > LISTED else "")
        count = f"{len(nodes)} × " if len(nodes) > 1 else ""
        lines.append(f"  {count}{brief(op_type)} ({named}): {brief(fact, LONGEST_FACT)}")
        if hint:
            lines.append(f"    hint: {brief(hint, LONGEST_FACT)}")
    if len(groups) > MOST_LINES:
        lines.append(f"  … and {len(groups) - MOST_LINES:,} more")
    return "\n".join(lines)


def spelled(text: str | bytes) -> str:
    """A foreign text, which protobuf gives as bytes where it is no UTF-8."""
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else text


def brief(text: str | bytes, longest: int = LONGEST_WORD) -> str:
    """A foreign text for a message: not long, and without what a terminal obeys."""
    text = spelled(text[: 4 * longest])
    kept = text if len(text) <= longest else f"{text[: longest - 1]}…"
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in kept)
