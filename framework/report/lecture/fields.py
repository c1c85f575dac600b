"""Receptive fields of all nodes of a graph, from its image-like inputs to its outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import cast

from framework.ir.graph import Graph, Input, Node
from framework.ir.op import Op
from framework.ir.types import TensorType
from framework.report.lecture.receptive import (
    LONGEST_PERIOD,
    AxisField,
    through_copies,
    through_spread,
    through_window,
    united,
)
from framework.report.lecture.windows import FORWARD, Sliding, axis_letters

CHANNELS = 1
"""The axis that may be joined, cut and normalised without looking to the sides."""

POINTWISE = (
    "affine", "batch_norm", "dropout", "identity", "local_response_norm", "mask_fill",
)  # fmt: skip
EVERYTHING = (
    "global_avg_pool", "global_lp_pool", "global_max_pool", "group_norm", "instance_norm",
)  # fmt: skip


@dataclass(frozen=True)
class Field:
    """What a node sees of the input ``source``.

    One field for each spatial axis; ``lost`` names the node from which on every element sees
    everything ("whole"), or since which the axes are no longer those of an image.
    """

    source: str
    axes: tuple[AxisField, ...] = ()
    whole: str | None = None
    lost: str | None = None

    @property
    def defined(self) -> bool:
        """Are there numbers to show?"""
        return self.whole is None and self.lost is None

    def __str__(self) -> str:
        if self.whole is not None:
            return f"all of {self.source}, since {self.whole}"
        if self.lost is not None:
            return f"not defined: {self.lost} rearranges the axes of {self.source}"
        sizes = " × ".join(str(axis.size) for axis in self.axes)
        strides = " × ".join(str(axis.stride) for axis in self.axes)
        return f"{sizes} elements of {self.source}, moving by {strides}"

    def as_dict(self) -> dict[str, object]:
        """The same for programs; where it is not defined, ``reason`` says why."""
        out: dict[str, object] = {"input": self.source, "whole": self.whole is not None}
        if not self.defined:
            return {**out, "size": None, "stride": None, "reason": str(self)}
        letters = axis_letters(len(self.axes))
        return {
            **out,
            "axes": letters,
            "size": [axis.size for axis in self.axes],
            "stride": [str(axis.stride) for axis in self.axes],
            "first_element_reads": [axis.at(0) for axis in self.axes],
        }


def receptive_fields(graph: Graph, sizes: Mapping[str, int]) -> dict[str, Field]:
    """The field of every node that depends on an image-like input.

    ``sizes`` decide how same-padding splits; symbols left out take their examples.
    """
    known = {**graph.examples, **sizes}
    fields: dict[str, Field] = {}
    for node in graph:
        if isinstance(node.op, Input):
            rank = len(node.type.shape) - 2
            if rank >= 1:
                fields[node.name] = Field(node.name, (AxisField(),) * rank)
            continue
        read = [fields[v.node] for v in graph.wires_of(node.name).values() if v.node in fields]
        if read:
            fields[node.name] = field_of(graph, node, read, known)
    return fields


def field_of(graph: Graph, node: Node, read: list[Field], sizes: Mapping[str, int]) -> Field:
    """The field behind one node, from those of what it reads."""
    found = reduce(lambda one, other: both(one, other, node.name), read)
    if not found.defined:
        return found
    first = next(iter(graph.types_at(node.name).values())).at(sizes)
    if node.op.name in EVERYTHING:
        return Field(found.source, whole=node.name)
    axes = moved(node, found.axes, first, sizes)
    if axes is None or any(axis.period > LONGEST_PERIOD for axis in axes):
        return Field(found.source, lost=node.name)
    return Field(found.source, axes)


def both(one: Field, other: Field, name: str) -> Field:
    """The field of what reads two results."""
    for special in (one, other):
        if special.whole is not None:
            return special
    for special in (one, other):
        if special.lost is not None:
            return special
    if one.source != other.source or len(one.axes) != len(other.axes):
        return Field(one.source, lost=name)
    axes = [united(a, b) for a, b in zip(one.axes, other.axes, strict=True)]
    known = tuple(axis for axis in axes if axis is not None)
    return Field(one.source, known) if len(known) == len(axes) else Field(one.source, lost=name)


def moved(
    node: Node, axes: tuple[AxisField, ...], given: TensorType, sizes: Mapping[str, int]
) -> tuple[AxisField, ...] | None:
    """The fields behind an operator; None where its axes are not those of its input."""
    op, spatial = node.op, given.shape[2:]
    if len(spatial) != len(axes):
        return None
    if op.name in FORWARD or op.name == "conv_transpose":
        return windowed(node, axes, given, sizes)
    if op.name == "upsample" and op.values["mode"] == "nearest":
        return enlarged(node, axes, given, sizes)
    return axes if is_pointwise(op, len(given.shape)) else None


def windowed(
    node: Node, axes: tuple[AxisField, ...], given: TensorType, sizes: Mapping[str, int]
) -> tuple[AxisField, ...] | None:
    """The fields behind sliding windows; None where their pads are not known."""
    transposed = node.op.name == "conv_transpose"
    step = through_spread if transposed else through_window
    padded = node.type.at(sizes) if transposed else given  # pads lie around the larger side
    windows = cast(Sliding, node.op).windows(len(axes))
    begins = (w.pads(size)[0] for w, size in zip(windows, padded.shape[2:], strict=True))
    known = [begin for begin in begins if isinstance(begin, int)]
    if len(known) < len(axes):
        return None
    return tuple(step(*axis) for axis in zip(axes, windows, known, strict=True))


def enlarged(
    node: Node, axes: tuple[AxisField, ...], given: TensorType, sizes: Mapping[str, int]
) -> tuple[AxisField, ...] | None:
    """The fields behind a whole-number enlargement."""
    out = node.type.at(sizes).shape[2:]
    found = []
    for axis, small, large in zip(axes, given.shape[2:], out, strict=True):
        if not isinstance(small, int) or not isinstance(large, int) or small < 1 or large % small:
            return None
        found.append(through_copies(axis, large // small))
    return tuple(found)


def is_pointwise(op: Op, rank: int) -> bool:
    """Does an element depend only on those at the same place, in any channel?"""
    if op.name in POINTWISE or op.category in ("activation", "arithmetic"):
        return op.name != "dynamic_quantize"
    if op.name in ("concat", "split") or op.category == "softmax":
        axis = op.values.get("axis")
        return isinstance(axis, int) and axis % rank == CHANNELS
    return False
