"""Reading attention as onnxruntime's optimiser writes it, in the domain com.microsoft."""

from __future__ import annotations

import numpy as np

from framework.exchange.rules.attention import heads
from framework.exchange.rules.registry import Call, Refused, Result, Wire, reads
from framework.ir.dims import Size


@reads("com.microsoft.MultiHeadAttention")
def read_multi_head_attention(n: Call) -> Result:
    """Heads packed in the last axis, one bias for the three projections, masks of keys."""
    count = n.int("num_heads")
    if n[1] is None or n[2] is None or n[0].rank != 3:
        raise Refused("queries, keys and values in one tensor are not supported")
    if any(n[index] is not None for index in (8, 9)):
        raise Refused("a cache that is shared between input and output is not supported")
    sides = biased(n, (n[0], n[1], n[2]), n[3])
    q, k, v = (heads(n, x, count) if x.rank == 3 else x for x in sides)
    keep, lengths = masks(n, n[4], n[5])
    y, weights, *present = n.add_all(
        "attention", q, k, v, keep, n[6], n[7], lengths,
        causal=n.flag("unidirectional"), scale=n.real("scale", 0.0) or None,
        stage="scores",
    )  # fmt: skip
    return merged(n, y), *(present if present else (k, v)), weights


@reads("com.microsoft.Attention")
def read_projecting_attention(n: Call) -> Result:
    """One weight [in, 3*width] projects queries, keys and values at once."""
    if n.has("qkv_hidden_sizes") or n[4] is not None or n.flag("do_rotary"):
        raise Refused("past states, unequal widths and rotary positions are not supported here")
    flat = n.add("matmul", n[0], n[1])
    flat = flat if n[2] is None else n.add("add", flat, n[2])
    parts = n.add_all("split", flat, axis=-1, parts=3)
    q, k, v = (heads(n, part, n.int("num_heads")) for part in parts)
    keep, lengths = masks(n, n[3], n[5])
    y = n.add(
        "attention", q, k, v, keep, None, None, lengths,
        causal=n.flag("unidirectional"), scale=n.real("scale", 0.0) or None,
    )  # fmt: skip
    return merged(n, y)


@reads("com.microsoft.RotaryEmbedding")
def read_rotary(n: Call) -> Result:
    """Positions come before the tables; one position is that of the first token."""
    x, positions = n[0], n[1]
    if n.real("scale", 1.0) != 1.0 or n.flag("is_packed_batching"):
        raise Refused("a scale and packed batches are not supported")
    packed, width = x.rank == 3, n.int("rotary_embedding_dim", 0) or None
    if packed:
        x = heads(n, x, n.int("num_heads", 0) or head_count(x, n[2], width))
    if positions.rank == 1:
        start = int(n.scalar(1))
        length = fixed(x.shape[2])
        positions = n.constant(np.arange(start, start + length))
    else:
        positions = n.add("unsqueeze", positions, axes=(1,))
    pairing = "interleaved" if n.flag("interleaved") else "halves"
    y = n.add("rotary", x, positions, n[2], n[3], pairing=pairing, width=width)
    return merged(n, y) if packed else y


def head_count(x: Wire, table: Wire, width: int | None) -> int:
    """Tables are half as wide as a head, if it is rotated whole."""
    if width is not None:
        raise Refused("num_heads is missing")
    return fixed(x.shape[-1]) // (2 * fixed(table.shape[-1]))


def fixed(size: Size) -> int:
    """A size that must be a number."""
    if not isinstance(size, int):
        raise Refused(f"the size {size} must be known here")
    return size


def merged(n: Call, y: Wire) -> Wire:
    """[b, h, t, d] as [b, t, h*d]."""
    return n.add("rearrange", y, pattern="b h t d -> b t (h d)")


def biased(n: Call, sides: tuple[Wire, ...], bias: Wire | None) -> list[Wire]:
    """Each of q, k and v with its part of the bias; parts are as long as their widths."""
    if bias is None:
        return list(sides)
    found, start = [], 0
    for x in sides:
        width = fixed(x.shape[-1])
        if x.rank != 3:
            raise Refused("a bias for keys and values that have heads already is not supported")
        part = n.add("slice", bias, axis=0, start=start, stop=start + width)
        found.append(n.add("add", x, part))
        start += width
    return found


def masks(n: Call, keys: Wire | None, bias: Wire | None) -> tuple[Wire | None, Wire | None]:
    """(keep, lengths) of a mask over keys, 0 where hidden, and a bias that is added."""
    if keys is None:
        return bias, None
    if keys.rank == 1:
        return bias, keys
    if keys.rank not in (2, 3):
        raise Refused(f"a mask with {keys.rank} axes is not supported")
    seen = n.cast(keys, "bool")
    seen = n.add("unsqueeze", seen, axes=(1, 2) if keys.rank == 2 else (1,))
    if bias is None:
        return seen, None
    return n.add("mask_fill", bias, seen, value=float("-inf")), None
