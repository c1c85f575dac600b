"""Order, extremes' positions and different elements, both ways."""

from __future__ import annotations

from typing import Any

from framework.exchange.rules.registry import Call, Out, Result, Sent, Wire, reads, writes
from framework.ir.op import Op


@reads("TopK")
def read_top_k(n: Call) -> Result:
    """Before opset 10 the number was an attribute."""
    (count,) = n.sizes(1, (n.int("k"),))
    rest = {"largest": n.flag("largest", True), "sorted": n.flag("sorted", True)}
    return n.add_all("top_k", n[0], k=count, axis=n.int("axis", -1), **rest)


@writes("top_k")
def write_top_k(w: Out, op: Op, x: Sent) -> Any:
    """What ONNX leaves unsorted has no order at all; ours has that of the positions."""
    count, axis = w.sizes((op.values["k"],)), op.values["axis"]
    largest, shape = int(op.values["largest"]), w.types[0].shape
    values, indices = w.add("TopK", x, count, outputs=2, axis=axis, largest=largest, shape=shape)
    if op.values["sorted"]:
        return values, indices
    places, _ = w.add("TopK", indices, count, outputs=2, axis=axis, largest=0, shape=shape)
    return w.add("GatherElements", x, places, axis=axis), places


@reads("ArgMax", "ArgMin")
def read_arg(n: Call) -> Wire:
    """The first or the last of equal elements."""
    rest: dict[str, Any] = {
        "keepdims": n.flag("keepdims", True),
        "last": n.flag("select_last_index"),
    }
    name = "arg_max" if n.op_type == "ArgMax" else "arg_min"
    return n.add(name, n[0], axis=n.int("axis", 0), **rest)


@writes("arg_max", "arg_min")
def write_arg(w: Out, op: Op, x: Sent) -> Sent:
    """The same operator."""
    op_type = "ArgMax" if op.name == "arg_max" else "ArgMin"
    axis, kept, last = op.values["axis"], op.values["keepdims"], op.values["last"] or None
    return w.add(op_type, x, axis=axis, keepdims=kept, select_last_index=last)


@reads("Unique")
def read_unique(n: Call) -> Result:
    """The same operator."""
    return n.add_all("unique", n[0], axis=n.int("axis"), sorted=n.flag("sorted", True))


@writes("unique")
def write_unique(w: Out, op: Op, x: Sent) -> Any:
    """The same operator."""
    rest = {"axis": op.values["axis"], "sorted": op.values["sorted"]}
    found = w.add("Unique", x, outputs=4, **rest)
    for sent, kind in zip(found, w.types, strict=True):
        sent.known = kind.shape
    return found


@reads("NonMaxSuppression")
def read_non_max_suppression(n: Call) -> Wire:
    """Without a number of boxes none is chosen."""
    limits: dict[str, Any] = {"most": max(n.scalar(2, 0), 0), "iou_threshold": n.scalar(3, 0.0)}
    if n[4] is not None and n.known(4).size:
        limits["score_threshold"] = n.scalar(4)
    form = "centre" if n.flag("center_point_box") else "corners"
    return n.add("non_max_suppression", n[0], n[1], format=form, **limits)


@writes("non_max_suppression")
def write_non_max_suppression(w: Out, op: Op, boxes: Sent, scores: Sent) -> Sent:
    """The same operator; ONNX takes float32 only."""
    least = op.values["score_threshold"]
    return w.add(
        "NonMaxSuppression",
        w.cast(boxes, "float32"),
        w.cast(scores, "float32"),
        w.ints([op.values["most"]]),
        w.scalar(op.values["iou_threshold"], "float32"),
        None if least is None else w.scalar(least, "float32"),
        center_point_box=int(op.values["format"] == "centre"),
        shape=w.types[0].shape,
    )
