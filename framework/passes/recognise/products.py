"""Products with stored matrices, factors per channel, and joins that grow by one."""

from __future__ import annotations

from framework.ir.graph import Value
from framework.passes.recognise.work import Piece, Work, home


def linears(work: Work, piece: Piece) -> bool:
    """``x @ W`` with a stored matrix."""
    if piece.op.name != "matmul":
        return False
    x, other = piece.reads
    array = work.array(other)
    if array is None or array.ndim != 2 or work.type_of(x).rank < 2:
        return False
    name = home(work, other, "weight")
    attributes = {"out": array.shape[1], "bias": False}
    weights = {"weight": work.derived(other, "turned", array.T)}
    new = work.add("linear", {"x": x}, piece, weights=weights, name=name, attributes=attributes)
    return work.replace(Value(piece.name), new, "linear")


def biases(work: Work, piece: Piece) -> bool:
    """``linear(x) + b`` and ``conv(x) + b`` with a stored vector."""
    reads = list(piece.reads)
    if piece.op.name != "add" or len(reads) != 2:
        return False
    return any(biased(work, piece, x, b) for x, b in (reads, reads[::-1]))


def biased(work: Work, piece: Piece, x: Value, other: Value) -> bool:
    """The product with its bias."""
    before, array = work.maker(x, "linear", "conv"), work.array(other)
    if before is None or array is None or before.op.values["bias"] or not work.sole(x):
        return False
    rank, out = work.type_of(x).rank, before.op.values["out"]
    behind = 0 if before.op.name == "linear" else rank - 2
    lengths = array.shape[: array.ndim - behind]
    if array.size != out or array.ndim > rank or not lengths or lengths[-1] != out:
        return False
    if set(before.wires) != {"x"}:
        return False
    weights = before.parameters | {"bias": work.derived(other, "flat", array.reshape(out))}
    name = home(work, other, "bias") or before.title
    attributes = {**before.op.values, "bias": True}
    new = work.add(
        before.op.name, {"x": next(before.reads)}, piece,
        weights=weights, name=name, attributes=attributes,
    )  # fmt: skip
    return work.replace(Value(piece.name), new, work.made.get(before.name))


def channels(work: Work, piece: Piece) -> bool:
    """``x * w + b`` with one stored number for each channel, or ``x * w`` alone."""
    reads = list(piece.reads)
    if piece.op.name not in ("mul", "add") or len(reads) != 2:
        return False
    return any(channelled(work, piece, x, w) for x, w in (reads, reads[::-1]))


def channelled(work: Work, piece: Piece, x: Value, other: Value) -> bool:
    """One operator for a factor, or for a factor and a summand."""
    array, rank = work.array(other), work.type_of(x).rank
    axes = [] if array is None else [n for n, size in enumerate(array.shape) if size > 1]
    if array is None or array.ndim > rank or len(axes) != 1:
        return False
    axis = axes[0] - array.ndim  # from the back, as broadcasting counts
    before, flat = work.maker(x, "affine"), work.derived(other, "flat", array.reshape(-1))
    if piece.op.name == "mul":
        slots, source = {"weight": flat}, x
    elif before is not None and work.sole(x) and before.parameters.keys() == {"weight"}:
        if before.op.values["axis"] % rank != axis % rank:
            return False
        slots, source = before.parameters | {"bias": flat}, next(before.reads)
    else:
        return False
    attributes = {"axis": axis if axis == -1 else axis % rank, "bias": "bias" in slots}
    new = work.add("affine", {"x": source}, piece, weights=slots, attributes=attributes)
    return work.replace(Value(piece.name), new, "affine")


class Joins:
    """A join of everything so far and one more is the join before, and that one."""

    def __init__(self) -> None:
        self.known: dict[object, Value] = {}

    def __call__(self, work: Work, piece: Piece) -> bool:
        """DenseNet's joins, each of which lists all layers before it."""
        if piece.op.name != "concat":
            return False
        values = tuple(piece.reads)
        axis = piece.op.values["axis"] % piece.outputs[0].rank
        result = Value(piece.name)
        before = self.known.get((axis, values[:-1]))
        changed = False
        if before is not None and len(values) > 2 and before.node in work.pieces:
            new = work.add("concat", {"xs": (before, values[-1])}, piece, attributes={"axis": axis})
            if work.replace(result, new, "concat of concat") and new is not None:
                result, changed = Value(new.name), True
        self.known.setdefault((axis, values), result)
        return changed
