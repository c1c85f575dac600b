"""Multi-head attention written out: linear maps, heads, attention, heads joined, linear map.

However an exporter reshapes and transposes on the way, the axes of queries, keys and values are
followed from the linear maps to attention and from there to the last linear map.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from framework.ir.dims import Size
from framework.ir.graph import Value
from framework.passes.recognise.activations import port
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

ROOM = 4
Kinds = tuple[tuple[str, ...], ...]
"""The axes of a tensor as letters: b batch, t tokens, h heads, d width of a head."""

STRAIGHT: Kinds = (("b",), ("t",))


@dataclass(frozen=True)
class Projection:
    """A linear map, or rows ``begin`` to ``end`` of one, whose result is split into heads.

    ``before`` are the kinds of its axes but the last, ``after`` those at attention.
    """

    linear: Piece
    begin: int
    end: int
    heads: int
    before: Kinds
    after: Kinds
    batch: Size
    tokens: Size


def heads(work: Work, piece: Piece) -> bool:
    """The last linear map of multi-head attention."""
    if piece.op.name != "linear" or "weight" not in piece.parameters:
        return False
    inner, steps = walked(work, next(piece.reads), MOVING)
    attention = work.maker(inner, "attention")
    if attention is None or attention.op.values["grouped"]:
        return False
    ports = set(attention.wires)
    return {"q", "k", "v"} <= ports <= {"q", "k", "v", "keep"} and joined(
        work, piece, attention, steps
    )


def joined(work: Work, piece: Piece, attention: Piece, steps: Sequence[Piece]) -> bool:
    """One operator for linear maps, attention and the last linear map."""
    parts = projections(work, attention)
    layout = joined_layout(work, attention, parts[0], steps) if parts else None
    if layout is None:
        return False
    weights, wires = tensors(work, parts, piece), wires_of(work, parts, attention)
    if weights is None or wires is None:
        return False
    new = work.add(
        "multi_head_attention", wires, piece, weights=weights,
        name=common_scope(attention, piece), attributes=attributes(work, parts, attention, piece),
    )  # fmt: skip
    if new is None:
        return False
    last = bent(work, new, layout, piece)
    if last is not new:
        work.made[new.name] = "multi_head_attention"
        return work.replace(Value(piece.name), last)
    return work.replace(Value(piece.name), new, "multi_head_attention")


# ------------------------------------------------------------------ to attention


def projections(work: Work, attention: Piece) -> list[Projection]:
    """Those of queries, keys and values with the same heads; [] where they are not such."""
    found = [projection(work, port(attention, name)) for name in "qkv"]
    parts = [part for part in found if part is not None]
    if len(parts) < 3 or len({(part.heads, part.after[:-2]) for part in parts}) > 1:
        return []
    masked = port(attention, "keep") is not None
    return [] if masked and parts[0].after[:-2] != (("b",), ("h",)) else parts


def wires_of(work: Work, parts: Sequence[Projection], attention: Piece) -> dict[str, Value] | None:
    """What the one operator reads."""
    sources = [straight(work, part, attention) for part in parts]
    wires = {name: value for name, value in zip("qkv", sources, strict=True) if value is not None}
    if len(wires) < len(parts):
        return None
    keep = port(attention, "keep")
    return wires if keep is None else {**wires, "keep": keep}


def projection(work: Work, value: Value | None) -> Projection | None:
    """A query, key or value with its linear map."""
    if value is None:
        return None
    flat, steps = walked(work, value, (*MOVING, "select"))
    found = rows_of(work, flat)
    if found is None:
        return None
    linear, begin, end = found
    axes = axes_of(work.type_of(flat).shape)
    splitter = Splitter(axes, ROOM)
    groups = splitter.follow(steps, [(axis,) for axis in axes])
    if groups is None or len(groups) < 3 or len(axes) not in (2, 3):
        return None
    channels = [leaf for leaf in axes[-1].leaves if leaf not in splitter.picked]
    start = picked_start(axes[-1].leaves, splitter.picked, begin)
    if len(channels) != 2 or start is None:
        return None
    return kinds_of(linear, start, (begin, end), axes, groups, channels)


def rows_of(work: Work, flat: Value) -> tuple[Piece, int, int] | None:
    """The linear map that a value comes from, and which of its rows make the value."""
    split = work.pieces[flat.node]
    if split.op.name != "split":
        linear = work.maker(flat, "linear")
        if linear is None or set(linear.wires) != {"x"}:
            return None
        return linear, 0, linear.op.values["out"]
    linear = work.maker(next(split.reads), "linear")
    rank, sizes = split.outputs[0].rank, [output.shape[-1] for output in split.outputs]
    if linear is None or set(linear.wires) != {"x"} or split.op.values["axis"] % rank != rank - 1:
        return None
    begin = whole(sizes[: flat.output])
    return linear, begin, begin + whole(sizes[flat.output : flat.output + 1])


def picked_start(leaves: Group, picked: dict[Axis, int], begin: int) -> int | None:
    """The first row of the part that was picked: the axis picked from must come first."""
    if not picked:
        return begin
    if list(picked) != list(leaves[:1]):
        return None
    return begin + picked[leaves[0]] * whole([leaves[1].size]) * whole([leaves[2].size])


def kinds_of(
    linear: Piece,
    start: int,
    rows: tuple[int, int],
    axes: Sequence[Axis],
    groups: Sequence[Group],
    channels: Sequence[Axis],
) -> Projection | None:
    """Say which axis is what; None where they are not batch, tokens, heads and width."""
    head, width = channels
    tokens, last = leaves_of(groups[-2]), leaves_of(groups[-1])
    rest = [leaf for axis in axes[:-1] for leaf in axis.leaves if leaf not in tokens]
    if last != (width,) or len(tokens) != 1 or len(rest) != 1 or tokens[0] in channels:
        return None
    kind = {head: "h", width: "d", tokens[0]: "t", rest[0]: "b"}
    after = lettered(kind, map(leaves_of, groups))
    before = lettered(kind, (axis.leaves for axis in axes[:-1]))
    count = whole([head.size])
    end = start + count * whole([width.size])
    if "?" in chain(*after) or end > rows[1] or not count:
        return None
    return Projection(linear, start, end, count, before, after, rest[0].size, tokens[0].size)


def lettered(kind: Mapping[Axis, str], groups: Iterable[Sequence[Axis]]) -> Kinds:
    """Axes as letters; ``?`` is one that attention does not know."""
    return tuple(tuple(kind.get(leaf, "?") for leaf in group) for group in groups)


def straight(work: Work, part: Projection, at: Piece) -> Value | None:
    """What the linear map reads, as [batch, tokens, channels]."""
    value = next(part.linear.reads)
    if part.before == STRAIGHT:
        return value
    sizes = {"b": part.batch, "t": part.tokens}
    order = [kind for group in part.before for kind in group]
    if len(part.before) == 1:
        shape = (*(sizes[kind] for kind in order), work.type_of(value).shape[-1])
        new = work.add("reshape", {"x": value}, part.linear, attributes={"shape": shape})
        value = value if new is None else Value(new.name)
    if order == ["t", "b"] and work.type_of(value).rank == 3:
        new = work.add("transpose", {"x": value}, part.linear, attributes={"perm": (1, 0, 2)})
        return None if new is None else Value(new.name)
    return value if order == ["b", "t"] and work.type_of(value).rank == 3 else None


# ------------------------------------------------------------------ from attention


def joined_layout(
    work: Work, attention: Piece, query: Projection, steps: Sequence[Piece]
) -> Kinds | None:
    """The kinds of the axes that the last linear map keeps; the heads must be joined in order."""
    shape = attention.outputs[0].shape
    sizes = {"b": query.batch, "t": query.tokens, "h": query.heads, "d": shape[-1]}
    axis = {kind: Axis(kind, size) for kind, size in sizes.items()}
    groups = [tuple(axis[kind] for kind in group) for group in query.after]
    found = Splitter(list(axis.values()), 0).follow(steps, groups)
    if found is None:
        return None
    kinds = tuple(tuple(leaf.name for leaf in leaves_of(group)) for group in found)
    if kinds[-1] != ("h", "d") or sorted(k for group in kinds[:-1] for k in group) != ["b", "t"]:
        return None
    return kinds[:-1]


def bent(work: Work, new: Piece, layout: Kinds, last: Piece) -> Piece:
    """The result in the layout that the last linear map had."""
    if layout == STRAIGHT:
        return new
    result: Piece | None = new
    if [kind for group in layout for kind in group] == ["t", "b"]:
        result = work.add("transpose", {"x": Value(new.name)}, last, attributes={"perm": (1, 0, 2)})
    if result is not None and len(layout) == 1:
        shape = last.outputs[0].shape
        wires = {"x": Value(result.name)}
        result = work.add("reshape", wires, last, attributes={"shape": shape})
    return new if result is None else result


# ------------------------------------------------------------------ weights and attributes


def tensors(work: Work, parts: Sequence[Projection], last: Piece) -> dict[str, str] | None:
    """The stored tensors by slot; all maps have a bias, or none has."""
    pieces = [part.linear for part in parts]
    if len({"bias" in piece.parameters for piece in (*pieces, last)}) > 1:
        return None
    found = {f"out.{slot}": name for slot, name in last.parameters.items()}
    for letter, part in zip("qkv", parts, strict=True):
        for slot, name in part.linear.parameters.items():
            found[f"{letter}.{slot}"] = rows(work, name, part.begin, part.end)
    return found


def rows(work: Work, name: str, begin: int, end: int) -> str:
    """Some rows of a stored tensor; all of them are the tensor itself."""
    array = work.weights[name]
    if (begin, end) == (0, len(array)):
        return name
    return work.derived(name, (begin, end), array[begin:end])


def attributes(
    work: Work, parts: Sequence[Projection], attention: Piece, last: Piece
) -> dict[str, object]:
    """The attributes that are not what the query's width implies."""
    query = parts[0]
    width, given = query.end - query.begin, work.type_of(next(query.linear.reads)).shape[-1]
    found: dict[str, object] = {
        "heads": query.heads,
        "bias": "bias" in last.parameters,
    }
    usual = vars(type(attention.op))
    found |= {n: value for n, value in attention.op.values.items() if value != usual[n]}
    found |= {} if width == given else {"width": width}
    out = last.op.values["out"]
    return found | ({} if out == given else {"out": out})


def common_scope(attention: Piece, last: Piece) -> str | None:
    """The scope of the last map, if attention lies in one of that name: a name for the whole."""
    scope, own = last.title.rpartition(".")[0], attention.source.name.split(".")[:-1]
    return scope if scope and own[-1:] == scope.split(".")[-1:] else None


def whole(sizes: Sequence[Size]) -> int:
    """The sum of sizes that are numbers."""
    return sum(size for size in sizes if isinstance(size, int))
