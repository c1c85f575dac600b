"""Reshapes and transpositions in a row become `rearrange`, where names make them readable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from framework.ir.graph import Value
from framework.passes.recognise.tracking import (
    MOVING,
    Axis,
    Group,
    Splitter,
    axes_of,
    leaves_of,
    walked,
)
from framework.passes.recognise.work import Piece, Work

MOST_AXES = 6


def rearrangements(work: Work, piece: Piece) -> bool:
    """A chain with at least one reshape and one transposition that ends here."""
    if piece.op.name not in MOVING:
        return False
    if cancelled(work, piece):
        return True
    if not ends_chain(work, piece):
        return False
    chain = chain_of(work, piece)
    while len(chain) > 1:
        if rearranged(work, chain):
            return True
        chain = chain[1:]
    return False


def cancelled(work: Work, piece: Piece) -> bool:
    """A chain that ends where it began; others may read what lies between."""
    _, steps = walked(work, Value(piece.name), MOVING)
    for start in range(len(steps) - 1):
        source = next(steps[start].reads)
        axes = axes_of(work.type_of(source).shape)
        groups = Splitter(axes, MOST_AXES).follow(steps[start:], [(axis,) for axis in axes])
        if groups is not None and [leaves_of(g) for g in groups] == [(axis,) for axis in axes]:
            work.redirect(Value(piece.name), source)
            return True
    return False


def ends_chain(work: Work, piece: Piece) -> bool:
    """Is the result not merely read by the next reshape or transposition?"""
    value = Value(piece.name)
    if not work.sole(value):
        return True
    reader = work.pieces[next(iter(work.readers[value]))]
    return reader.op.name not in MOVING


def chain_of(work: Work, piece: Piece) -> list[Piece]:
    """The reshapes and transpositions that lead here, each read by the next one alone."""
    chain = [piece]
    while len(chain) < 4:
        value = next(chain[0].reads)
        before = work.maker(value, *MOVING)
        if before is None or not work.sole(value):
            break
        chain.insert(0, before)
    return chain


def rearranged(work: Work, chain: Sequence[Piece]) -> bool:
    """Replace the chain by one operator, or by nothing, if names can say what it does."""
    source, last = next(chain[0].reads), chain[-1]
    axes = axes_of(work.type_of(source).shape)
    splitter = Splitter(axes, MOST_AXES - len(axes))
    groups = splitter.follow(chain, [(axis,) for axis in axes])
    if groups is None:
        return False
    if len({step.op.name == "transpose" for step in chain}) == 1:
        return False
    pattern = pattern_of(axes, groups)
    if pattern is None:
        return False
    attributes = {"pattern": pattern, "sizes": tuple(given(axes))}
    new = work.add("rearrange", {"x": source}, last, attributes=attributes)
    return work.replace(Value(last.name), new, "rearrange")


def pattern_of(axes: Sequence[Axis], groups: Sequence[Group]) -> str | None:
    """``b t (h d) -> b h t d``; None where an axis is lost."""
    left = [axis.leaves for axis in axes]
    right = [leaves_of(group) for group in groups]
    shown = {leaf.name for group in right for leaf in group}
    lost = [leaf for group in left for leaf in group if leaf.name not in shown]
    if any(leaf.size != 1 for leaf in lost):
        return None
    hidden = {leaf.name for leaf in lost}
    return f"{side(left, hidden)} -> {side(right, hidden)}"


def given(axes: Sequence[Axis]) -> Iterator[tuple[str, int]]:
    """The sizes that do not follow from the input: all but one part of each split axis."""
    for axis in axes:
        open_ones = [leaf for leaf in axis.leaves if not isinstance(leaf.size, int)]
        implied = open_ones[0] if open_ones else axis.leaves[-1]
        for leaf in axis.leaves:
            if leaf is not implied and isinstance(leaf.size, int):
                yield leaf.name, leaf.size


def side(groups: Sequence[Group], hidden: set[str]) -> str:
    """One side of a pattern."""
    texts = []
    for group in groups:
        names = [leaf.name for leaf in group if leaf.name not in hidden]
        texts.append(names[0] if len(names) == 1 else f"({' '.join(names)})" if names else "1")
    return " ".join(texts)
