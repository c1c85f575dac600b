"""Reshape, transpose, expand and their kin, both ways."""

from __future__ import annotations

from framework.exchange.rules.registry import Call, Out, Sent, Wire, reads, writes
from framework.ir.dims import Dim, Shape, Size, at_least
from framework.ir.op import Op
from framework.ops.layout import ones

LATEST = 2**63 - 1
"""Beyond the end of every axis."""


@reads("Reshape")
def read_reshape(n: Call) -> Wire:
    """A 0 copies the size of the input, unless ``allowzero``."""
    x: Wire = n[0]
    wanted = n.sizes(1, n.ints("shape", ()))
    if not n.flag("allowzero"):
        wanted = tuple(x.shape[i] if size == 0 else size for i, size in enumerate(wanted))
    return n.add("reshape", x, shape=wanted)


@writes("reshape")
def write_reshape(w: Out, op: Op, x: Sent) -> Sent:
    """Sizes that the input has at the same place are copied by 0; one that is left is -1."""
    target = w.types[0].shape
    if 0 in target:
        return w.add("Reshape", x, w.sizes(target), allowzero=1, shape=target)
    return w.add("Reshape", x, w.sizes(shortened(x.shape, target)), shape=target)


def shortened(shape: Shape, target: Shape) -> Shape:
    """The target with 0 for copied symbolic sizes, and -1 if one symbolic size is left.

    Beside a size that may be 0, a -1 has no meaning.
    """
    wanted: list[Size] = list(target)
    for axis, size in enumerate(target):
        if isinstance(size, Dim) and axis < len(shape) and shape[axis] == size:
            wanted[axis] = 0
    rest = [axis for axis, size in enumerate(wanted) if isinstance(size, Dim)]
    if len(rest) == 1 and all(at_least(size, 1).always for size in target):
        wanted[rest[0]] = -1
    return tuple(wanted)


@reads("Flatten")
def read_flatten(n: Call) -> Wire:
    """The first axis of the columns."""
    return n.add("flatten", n[0], axis=n.int("axis", 1))


@writes("flatten")
def write_flatten(w: Out, op: Op, x: Sent) -> Sent:
    """The same operator."""
    return w.add("Flatten", x, axis=op.values["axis"])


@reads("Squeeze")
def read_squeeze(n: Call) -> Wire:
    """Axes are an input, before opset 13 an attribute."""
    return n.add("squeeze", n[0], axes=n.sizes(1, n.ints("axes")))


@writes("squeeze")
def write_squeeze(w: Out, op: Op, x: Sent) -> Sent:
    """The axes are always written."""
    axes = op.values["axes"]
    return w.add("Squeeze", x, w.ints(ones(x.shape) if axes is None else listed(axes)))


def listed(axes: int | tuple[int, ...]) -> tuple[int, ...]:
    """One or several axes as a tuple."""
    return (axes,) if isinstance(axes, int) else axes


@reads("Unsqueeze")
def read_unsqueeze(n: Call) -> Wire:
    """Axes are an input, before opset 13 an attribute."""
    return n.add("unsqueeze", n[0], axes=n.sizes(1, n.ints("axes")))


@writes("unsqueeze")
def write_unsqueeze(w: Out, op: Op, x: Sent) -> Sent:
    """The same operator."""
    return w.add("Unsqueeze", x, w.ints(listed(op.values["axes"])))


@reads("Transpose")
def read_transpose(n: Call) -> Wire:
    """Without an order the axes are reversed."""
    x: Wire = n[0]
    return n.add("transpose", x, perm=n.ints("perm", tuple(reversed(range(x.rank)))))


@writes("transpose")
def write_transpose(w: Out, op: Op, x: Sent) -> Sent:
    """The same operator."""
    return w.add("Transpose", x, perm=op.values["perm"])


@reads("Expand")
def read_expand(n: Call) -> Wire:
    """ONNX broadcasts both ways: a 1 in the shape keeps the size of the input."""
    x: Wire = n[0]
    shape = n.sizes(1)
    rank = max(x.rank, len(shape))
    have, want = ((1,) * (rank - len(sizes)) + tuple(sizes) for sizes in (x.shape, shape))
    target = tuple(wider(size, wanted) for size, wanted in zip(have, want, strict=True))
    return x if target == x.shape else n.add("expand", x, shape=target)


def wider(have: Size, want: Size) -> Size:
    """The broadcast size; where both are symbolic, the wanted one, which must then fit."""
    if want == 1 or (isinstance(have, int) and have != 1 and isinstance(want, Dim)):
        return have
    return want


@writes("expand")
def write_expand(w: Out, op: Op, x: Sent) -> Sent:
    """The shape as it is written."""
    return w.add("Expand", x, w.sizes(op.values["shape"]), shape=w.types[0].shape)


@reads("Tile")
def read_tile(n: Call) -> Wire:
    """Before opset 6 one axis was repeated."""
    x: Wire = n[0]
    if n.opset >= 6:
        return n.add("tile", x, repeats=n.sizes(1))
    repeats: list[Size] = [1] * x.rank
    repeats[int(n.scalar(2))] = n.sizes(1)[0]
    return n.add("tile", x, repeats=repeats)


@writes("tile")
def write_tile(w: Out, op: Op, x: Sent) -> Sent:
    """The same operator."""
    return w.add("Tile", x, w.sizes(op.values["repeats"]), shape=w.types[0].shape)


@reads("Shape")
def read_shape(n: Call) -> Wire:
    """Axes from ``start`` to ``end``."""
    return n.add("shape_of", n[0], start=n.int("start", 0), end=n.int("end"))


@writes("shape_of")
def write_shape(w: Out, op: Op, x: Sent) -> Sent:
    """Before opset 15 the shape has to be cut."""
    start, end = op.values["start"], op.values["end"]
    if (start, end) == (0, None) or w.opset >= 15:
        return w.add("Shape", x, start=start or None, end=end)
    last = LATEST if end is None else end
    return w.add("Slice", w.add("Shape", x), w.ints([start]), w.ints([last]))


@reads("Size")
def read_size(n: Call) -> Wire:
    """The number of elements."""
    return n.add("size_of", n[0])


@writes("size_of")
def write_size(w: Out, op: Op, x: Sent) -> Sent:
    """The same operator."""
    return w.add("Size", x)


@reads("DepthToSpace", "SpaceToDepth")
def read_blocks(n: Call) -> Wire:
    """ONNX's names of the two orders, in small letters."""
    name = "depth_to_space" if n.op_type == "DepthToSpace" else "space_to_depth"
    return n.add(name, n[0], block=n.int("blocksize"), mode=n.text("mode", "DCR").lower())


@writes("depth_to_space")
def write_depth_to_space(w: Out, op: Op, x: Sent) -> Sent:
    """The same operator."""
    mode = op.values["mode"].upper()
    return w.add("DepthToSpace", x, blocksize=op.values["block"], mode=mode)


@writes("space_to_depth")
def write_space_to_depth(w: Out, op: Op, x: Sent) -> Sent:
    """Before opset 28 there is one order only; the other is decomposed."""
    mode = None if op.values["mode"] == "dcr" else "CRD"
    return w.add("SpaceToDepth", x, blocksize=op.values["block"], mode=mode)
