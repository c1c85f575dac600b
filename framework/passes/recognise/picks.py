"""One place of an axis taken in several ways becomes `select`; what does nothing goes away."""

from __future__ import annotations

import numpy as np

from framework.ir.graph import Value
from framework.passes.recognise.work import Piece, Work


def picks(work: Work, piece: Piece) -> bool:
    """A squeeze of a part of width one, a gather of one place, a join of one tensor."""
    match piece.op.name:
        case "squeeze":
            return squeezed_part(work, piece)
        case "gather":
            return gathered(work, piece)
        case "concat" | "identity":
            return nothing(work, piece)
    return False


def squeezed_part(work: Work, piece: Piece) -> bool:
    """``split`` into parts of one place each, one of them squeezed."""
    part = next(piece.reads)
    split, axes = work.pieces[part.node], piece.op.values["axes"]
    if split.op.name != "split" or split.wires.keys() != {"x"}:
        return False
    rank = split.outputs[0].rank
    axis = split.op.values["axis"] % rank
    listed = (axes,) if isinstance(axes, int) else axes
    if listed is None or [a % rank for a in listed] != [axis]:
        return False
    if any(output.shape[axis] != 1 for output in split.outputs):
        return False
    return selected(work, piece, next(split.reads), axis, part.output)


def gathered(work: Work, piece: Piece) -> bool:
    """``gather`` with one stored index."""
    x, index = piece.reads
    array = work.array(index)
    if array is None or array.ndim != 0 or not np.issubdtype(array.dtype, np.integer):
        return False
    axis = piece.op.values["axis"] % work.type_of(x).rank
    return selected(work, piece, x, axis, int(array))


def selected(work: Work, piece: Piece, x: Value, axis: int, index: int) -> bool:
    """The same as a selection."""
    new = work.add("select", {"x": x}, piece, attributes={"axis": axis, "index": index})
    return work.replace(Value(piece.name), new)


def nothing(work: Work, piece: Piece) -> bool:
    """A join of one tensor, or an identity."""
    reads = list(piece.reads)
    if len(reads) != 1:
        return False
    work.redirect(Value(piece.name), reads[0])
    return True
