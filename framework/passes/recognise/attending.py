"""Attention written out: product, scale, mask, softmax, product."""

from __future__ import annotations

import math
from dataclasses import dataclass

from framework.ir.graph import Value
from framework.passes.recognise.activations import port
from framework.passes.recognise.scalars import line_of
from framework.passes.recognise.tracking import order_of
from framework.passes.recognise.work import Piece, Work

CLOSE = 1e-5


@dataclass(frozen=True)
class Scores:
    """What stands before the softmax: ``scale * q @ kt`` with a mask."""

    q: Value
    kt: Value
    scale: float
    keep: Value | None


def attentions(work: Work, piece: Piece) -> bool:
    """The last product of attention."""
    if piece.op.name != "matmul":
        return False
    weights, v = piece.reads
    soft = work.maker(without_dropout(work, weights), "softmax")
    if soft is None or soft.op.values["masked"] or work.type_of(v).rank < 2:
        return False
    rank = soft.outputs[0].rank
    if soft.op.values["axis"] not in (-1, rank - 1) or rank != work.type_of(v).rank:
        return False
    scores = scores_of(work, next(soft.reads))
    if scores is None or not work.sole(Value(soft.name)):
        return False
    k = turned(work, scores.kt, piece)
    if k is None:
        return False
    wires = {"q": scores.q, "k": k, "v": v}
    wires |= {} if scores.keep is None else {"keep": scores.keep}
    width = work.type_of(scores.q).shape[-1]
    usual = isinstance(width, int) and math.isclose(scores.scale, width**-0.5, rel_tol=CLOSE)
    attributes = {
        "scale": None if usual else scores.scale,
        "empty": "zeros" if scores.keep is None else "nan",
    }
    new = work.add("attention", wires, piece, attributes=attributes)
    return work.replace(Value(piece.name), new, "attention")


def without_dropout(work: Work, value: Value) -> Value:
    """What dropout, which does nothing here, reads."""
    piece = work.maker(value, "dropout", "identity")
    return value if piece is None or not work.sole(value) else next(piece.reads)


def scores_of(work: Work, value: Value) -> Scores | None:
    """The parts of the scores, from the softmax backwards."""
    keep: Value | None = None
    piece = work.maker(value, "add", "mask_fill")
    if piece is not None:
        found = masked(work, piece)
        if found is None:
            return None
        value, keep = found
    scale, shift, inner = line_of(work, value)
    product = work.maker(inner, "matmul")
    if product is None or shift != 0:
        return None
    sides = [line_of(work, side) for side in product.reads]
    kept = [by if shift == 0 else 1.0 for by, shift, _ in sides]
    bare = [
        side if line[1] != 0 else line[2] for side, line in zip(product.reads, sides, strict=True)
    ]
    if keep is not None and not covers(work, inner, keep):
        return None
    return Scores(bare[0], bare[1], scale * kept[0] * kept[1], keep)


def masked(work: Work, piece: Piece) -> tuple[Value, Value] | None:
    """Scores and mask: added numbers, or truth values outside of which all is -inf."""
    if piece.op.name == "mask_fill":
        x, keep = port(piece, "x"), port(piece, "keep")
        hidden = piece.op.values["value"] == -math.inf
        return (x, keep) if hidden and x is not None and keep is not None else None
    reads = list(piece.reads)
    for x, other in (reads, reads[::-1]) if len(reads) == 2 else ():
        if work.maker(line_of(work, x)[2], "matmul") is not None:
            return x, other
    return None


def covers(work: Work, scores: Value, keep: Value) -> bool:
    """Does the mask broadcast to the scores, and not the other way round?"""
    own, mask = work.type_of(scores), work.type_of(keep)
    pairs = zip(reversed(own.shape), reversed(mask.shape), strict=False)
    return mask.rank <= own.rank and all(b == 1 or a == b for a, b in pairs)


def turned(work: Work, value: Value, at: Piece) -> Value | None:
    """The value with its last two axes exchanged; a transposition before it takes this over."""
    rank = work.type_of(value).rank
    perm, source = list(range(rank)), value
    before = work.maker(value, "transpose")
    if before is not None:
        source = next(before.reads)
        perm = list(order_of(before, rank))
    perm[-2:] = [perm[-1], perm[-2]]
    if perm == list(range(rank)):
        return source
    new = work.add("transpose", {"x": source}, before or at, attributes={"perm": tuple(perm)})
    return None if new is None else Value(new.name)
