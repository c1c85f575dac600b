"""Repeated blocks whose copies are equal, and how rows of all copies are called in common."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping
from itertools import groupby

from framework.ir.find import scopes_around
from framework.ir.graph import Graph


def equal_copies(graph: Graph, facts: Mapping[str, Hashable]) -> dict[str, int]:
    """Number of copies by path without the copy's number, for repeats whose copies are equal.

    Copies are equal if the nodes in them have the same names (from there on) and ``facts``.
    """
    return {
        base: len(copies)
        for base, copies in copies_of(graph, facts).items()
        if len(copies) > 1 and len(set(map(tuple, copies.values()))) == 1
    }


def equal_runs(graph: Graph, facts: Mapping[str, Hashable]) -> dict[str, tuple[int, ...]]:
    """The numbers of the copies that stand beside one and are equal to it and each other, by the
    path of each; one that is equal to none beside it is left out.
    """
    found: dict[str, tuple[int, ...]] = {}
    for base, copies in copies_of(graph, facts).items():
        for _, group in groupby(sorted(copies), copies.__getitem__):
            run = tuple(group)
            found |= {f"{base}.{copy}": run for copy in run if len(run) > 1}
    return found


def copies_of(
    graph: Graph, facts: Mapping[str, Hashable]
) -> dict[str, dict[int, list[tuple[str, Hashable]]]]:
    """What the copies of repeats hold, by path without the copy's number, and by that."""
    contents: dict[str, dict[int, list[tuple[str, Hashable]]]] = defaultdict(dict)
    for name, fact in facts.items():
        for path in scopes_around(graph, name):
            if graph.scopes[path].copies > 1:
                base, _, number = path.rpartition(".")
                held = contents[base].setdefault(int(number), [])
                held.append((name.removeprefix(path), fact))
    return contents


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
