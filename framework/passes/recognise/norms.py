"""Layer norm and RMS norm written out, and the weight and bias that follow them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from framework.ir.graph import Value
from framework.ir.op import Array
from framework.passes.recognise.activations import port
from framework.passes.recognise.scalars import line_of
from framework.passes.recognise.work import Piece, Work, home


def norms(work: Work, piece: Piece) -> bool:
    """The quotient of a norm."""
    if piece.op.name not in ("div", "mul"):
        return False
    reads = list(piece.reads)
    pairs = [reads] if piece.op.name == "div" else [reads, reads[::-1]]
    return any(norm(work, piece, *pair) for pair in pairs if len(pair) == 2)


def norm(work: Work, piece: Piece, above: Value, below: Value) -> bool:
    """``above / sqrt(mean(above**2) + eps)``: RMS norm, or layer norm where above is centred."""
    root = root_of(work, below, inverse=piece.op.name == "mul")
    if root is None:
        return False
    by, eps, mean = line_of(work, root)
    found = mean_of(work, mean)
    if found is None or by != 1.0 or eps <= 0:
        return False
    squares, axes = found
    base = squared(work, squares)
    if base is None or not work.same(base, above):
        return False
    centred = centred_of(work, above, axes)
    attributes: dict[str, Any] = {"axes": axes, "eps": eps, "affine": False}
    if centred is not None:
        new = work.add("layer_norm", {"x": centred}, piece, attributes=attributes | {"bias": False})
        return work.replace(Value(piece.name), new, "layer_norm")
    new = work.add("rms_norm", {"x": above}, piece, attributes=attributes)
    return work.replace(Value(piece.name), new, "rms_norm")


def root_of(work: Work, value: Value, inverse: bool) -> Value | None:
    """What stands under a root: of sqrt(z), or of 1/sqrt(z)."""
    if inverse:
        power = work.maker(value, "pow")
        if power is not None:
            return port(power, "a") if work.number(port(power, "b")) == -0.5 else None
        outer = work.maker(value, "reciprocal")
        if outer is None:
            return None
        value = next(outer.reads)
    piece = work.maker(value, "sqrt")
    return None if piece is None else next(piece.reads)


def mean_of(work: Work, value: Value) -> tuple[Value, int] | None:
    """What a mean over the last axes is taken of, and the number of these axes."""
    piece = work.maker(value, "reduce")
    if piece is None or piece.op.values["op"] != "mean" or not piece.op.values["keepdims"]:
        return None
    inner = next(piece.reads)
    rank, axes = work.type_of(inner).rank, piece.op.values["axes"]
    listed = range(rank) if axes is None else (axes,) if isinstance(axes, int) else axes
    places = sorted(axis % rank for axis in listed)
    if places != list(range(rank - len(places), rank)) or not places:
        return None
    return inner, len(places)


def squared(work: Work, value: Value) -> Value | None:
    """What a square is taken of."""
    piece = work.maker(value, "square", "mul", "pow")
    if piece is None:
        return None
    reads = list(piece.reads)
    if piece.op.name == "square":
        return reads[0]
    if piece.op.name == "pow":
        return reads[0] if work.number(reads[1]) == 2 else None
    return reads[0] if len(reads) == 2 and work.same(reads[0], reads[1]) else None


def centred_of(work: Work, value: Value, axes: int) -> Value | None:
    """The x of ``x - mean(x)`` over the same axes."""
    piece = work.maker(value, "sub")
    if piece is None:
        return None
    x, mean = piece.reads
    found = mean_of(work, mean)
    return x if found is not None and found[1] == axes and work.same(found[0], x) else None


# ------------------------------------------------------------------ weight and bias


def affine_norms(work: Work, piece: Piece) -> bool:
    """``norm * weight`` and ``norm + bias`` with stored tensors of the normalised shape."""
    if piece.op.name not in ("mul", "add"):
        return False
    reads = list(piece.reads)
    if len(reads) != 2:
        return False
    return any(attached(work, piece, x, w) for x, w in (reads, reads[::-1]))


def attached(work: Work, piece: Piece, x: Value, other: Value) -> bool:
    """The norm with one more stored tensor."""
    before = work.maker(x, "layer_norm", "rms_norm")
    array = work.array(other)
    if before is None or array is None or not work.sole(x):
        return False
    slot = "weight" if piece.op.name == "mul" else "bias"
    values, has = before.op.values, before.parameters
    free = "weight" not in has if slot == "weight" else has.keys() == {"weight"}
    if not free or (slot == "bias" and before.op.name == "rms_norm"):
        return False
    fitting = trimmed(array, work.type_of(x).shape[-values["axes"] :])
    if fitting is None:
        return False
    weights = has | {slot: work.derived(other, "trimmed", fitting)}
    attributes = {**values, "affine": True}
    if before.op.name == "layer_norm":
        attributes["bias"] = slot == "bias"
    name = home(work, other, slot) or before.title
    new = work.add(
        before.op.name, {"x": next(before.reads)}, piece,
        weights=weights, name=name, attributes=attributes,
    )  # fmt: skip
    return work.replace(Value(piece.name), new, before.op.name)


def trimmed(array: Array, shape: Sequence[Any]) -> Array | None:
    """The array without axes of one in front, if it then has the shape."""
    extra = array.ndim - len(shape)
    if extra < 0 or array.shape[:extra] != (1,) * extra or array.shape[extra:] != tuple(shape):
        return None
    return array.reshape(array.shape[extra:])
