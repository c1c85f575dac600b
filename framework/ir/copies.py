"""Repeated blocks whose copies are equal, and how rows of all copies are called in common."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping

from framework.ir.find import scopes_around
from framework.ir.graph import Graph


def equal_copies(graph: Graph, facts: Mapping[str, Hashable]) -> dict[str, int]:
    """Number of copies by path without the copy's number, for repeats whose copies are equal.

    Copies are equal if the nodes in them have the same names (from there on) and ``facts``.
    """
    counts = Counter(path.rpartition(".")[0] for path in copies_of(graph, facts))
    runs = {path.rpartition(".")[0]: run for path, run in equal_runs(graph, facts).items()}
    return {base: len(run) for base, run in runs.items() if len(run) == counts[base]}


def equal_runs(graph: Graph, facts: Mapping[str, Hashable]) -> dict[str, range]:
    """The copies that stand beside one and are equal to it and each other, by the path of each.

    One that is equal to none beside it is left out.
    """
    contents = copies_of(graph, facts)
    numbers: dict[str, list[int]] = defaultdict(list)
    for path in contents:
        base, _, number = path.rpartition(".")
        numbers[base].append(int(number))
    return {
        f"{base}.{copy}": run
        for base, copies in numbers.items()
        for run in runs([(copy, contents[f"{base}.{copy}"]) for copy in sorted(copies)])
        for copy in run
        if len(run) > 1
    }


def runs(copies: Iterable[tuple[int, object]]) -> Iterator[range]:
    """Ranges of numbers that follow one another with equal contents.

    >>> list(runs([(0, "a"), (1, "a"), (2, "b"), (4, "b")]))
    [range(0, 2), range(2, 3), range(4, 5)]
    """
    run, before = range(0), None
    for number, content in copies:
        if number == run.stop and content == before:
            run = range(run.start, number + 1)
            continue
        if run:
            yield run
        run, before = range(number, number + 1), content
    if run:
        yield run


def copies_of(graph: Graph, facts: Mapping[str, Hashable]) -> dict[str, list[tuple[str, Hashable]]]:
    """What the copies of repeats hold, by path and in order."""
    contents: dict[str, list[tuple[str, Hashable]]] = defaultdict(list)
    for name, fact in facts.items():
        for path in scopes_around(graph, name):
            if graph.scopes[path].copies > 1:
                contents[path].append((name.removeprefix(path), fact))
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
