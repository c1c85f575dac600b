"""Repeated blocks whose copies are equal, and how rows of all copies are called in common."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping

from framework.ir.find import scopes_around
from framework.ir.graph import Graph


def equal_copies(graph: Graph, facts: Mapping[str, Hashable]) -> dict[str, int]:
    """Number of copies by path without the copy's number, for repeats whose copies are equal.

    Copies are equal if the nodes in them have the same names (from there on) and ``facts``.
    """
    contents: dict[str, list[tuple[str, Hashable]]] = defaultdict(list)
    for name, fact in facts.items():
        for path in scopes_around(graph, name):
            if graph.scopes[path].copies > 1:
                contents[path].append((name.removeprefix(path), fact))
    variants: dict[str, set[Hashable]] = defaultdict(set)
    counts: dict[str, int] = defaultdict(int)
    for path, content in contents.items():
        base = path.rpartition(".")[0]
        variants[base].add(tuple(content))
        counts[base] += 1
    return {
        base: counts[base] for base, found in variants.items() if len(found) == 1 < counts[base]
    }


def label(path: str, same: Mapping[str, int]) -> str:
    """The path with ``×12`` in place of the copy's number wherever the copies are equal.

    >>> label("encoder.3.norm", {"encoder": 12})
    'encoder ×12.norm'
    """
    parts = path.split(".")
    out: list[str] = []
    for end, part in enumerate(parts):
        base = ".".join(parts[:end])
        if base in same and part.isdecimal():
            out[-1] += f" ×{same[base]}"
        else:
            out.append(part)
    return ".".join(out)
