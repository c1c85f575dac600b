"""The patterns in their order, and the report of what they found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import framework.ops  # noqa: F401  (declares the operators)
from framework.ir.graph import Graph, Value
from framework.ir.op import Array
from framework.passes.recognise.activations import activations
from framework.passes.recognise.attending import attentions
from framework.passes.recognise.axes import rearrangements
from framework.passes.recognise.finish import final_names, finished
from framework.passes.recognise.heads import heads
from framework.passes.recognise.norms import affine_norms, norms
from framework.passes.recognise.picks import picks
from framework.passes.recognise.products import Joins, biases, channels, linears
from framework.passes.recognise.scalars import scalars
from framework.passes.recognise.work import Piece, Work

Pattern = Callable[[Work, Piece], bool]
MOST_SWEEPS = 8


@dataclass(frozen=True)
class Recognised:
    """A pattern that was found: what it became, how often, and the names of the new nodes."""

    name: str
    count: int
    where: tuple[str, ...]


def patterns() -> tuple[Pattern, ...]:
    """All patterns; later ones build on what earlier ones made."""
    return (
        picks, scalars, activations, norms, affine_norms, linears, biases, attentions, heads,
        channels, Joins(), rearrangements,
    )  # fmt: skip


def recognised(
    graph: Graph, weights: Mapping[str, Array]
) -> tuple[Graph, dict[str, Array], list[Recognised]]:
    """The graph with composite operators in place of what was written out, and its weights.

    The function is the same but for rounding.  Neither argument is changed.
    """
    work = Work(graph, dict(weights))
    for pattern in patterns():
        for _ in range(MOST_SWEEPS):
            if not sweep(work, pattern):
                break
    work.prune()
    private_constants(work)
    private_starts(work)
    found: dict[str, list[str]] = {}
    final = final_names(work)
    for node, name in work.made.items():
        found.setdefault(name, []).append(final[node])
    report = [Recognised(name, len(nodes), tuple(nodes)) for name, nodes in sorted(found.items())]
    return *finished(work), report


def sweep(work: Work, pattern: Pattern) -> bool:
    """Try a pattern at every node, in order; was anything changed?"""
    changed = False
    for piece in sorted(work.pieces.values(), key=lambda piece: piece.place):
        if piece.name in work.pieces and pattern(work, piece):
            changed = True
    return changed


def private_constants(work: Work) -> None:
    """Give every reader of a written constant one of its own: nothing else ties them together."""
    for piece in [piece for piece in work.pieces.values() if piece.op.name == "constant"]:
        value = Value(piece.name)
        for name in list(work.readers.get(value, {}))[1:]:
            reader = work.pieces[name]
            copy = work.add("constant", {}, reader, name=piece.name, attributes=piece.op.values)
            if copy is not None:
                work.rewire(reader, value, Value(copy.name))


def private_starts(work: Work) -> None:
    """Untie vectors whose elements are all equal: exporters store equal first values once."""
    users: dict[str, list[Piece]] = {}
    for piece in work.ordered():
        for name in dict.fromkeys(piece.parameters.values()):
            users.setdefault(name, []).append(piece)
    for name, pieces in users.items():
        array = work.weights.get(name)
        if array is None or array.ndim != 1 or (array != array[:1]).any():
            continue
        for piece in pieces[1:]:
            work.give(piece, name, work.derived(name, ("own", piece.name), array))
