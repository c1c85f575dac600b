"""Attention prepared for known sizes: which cases run in blocks, and in what memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from framework.ir.kernel import How, Kernel
from framework.ir.op import Array, Op
from framework.ir.types import TensorType
from framework.numerics.attend import Rules, Sizes, attend, threads
from framework.numerics.sweep import carved, padded_bytes
from framework.numerics.team import Team
from framework.ops.attending import Attending
from framework.ops.kernels import all_fast, kernel_of, sizes

Y, WEIGHTS, KEYS, VALUES = range(4)
"""The results, in order."""


def attention_kernel(
    op: Op,
    attending: Attending,
    scale: float | None,
    types: Sequence[TensorType | None],
    how: How,
) -> Kernel | None:
    """A kernel for softmax attention in single or double precision without lengths."""
    q, k, v, keep, past, _, lengths = types
    wanted = how.wanted if how.wanted is not None else (True,) * 4
    usual = lengths is None and is_usual(attending, wanted[WEIGHTS], q, keep)
    if q is None or k is None or v is None or not usual:
        return None
    *lead, queries, width = sizes(q)
    if width == 0:
        return None
    before = 0 if past is None else sizes(past)[-2]
    keys = before + sizes(k)[-2]
    first = before if attending.align == "top_left" else keys - queries
    rules = Rules(
        width**-0.5 if scale is None else scale, attending.softcap,
        attending.left, attending.bound, first, attending.empty == "zeros",
    )  # fmt: skip
    itemsize = np.dtype(q.dtype).itemsize
    lead = lead or [1]
    sharing = lead[-1] // max(1, math.prod(sizes(k)[-3:-2]))
    plan = Sizes(
        tuple(lead), queries, keys, width, sizes(v)[-1], itemsize, wanted[WEIGHTS], sharing
    )
    joined = joined_types(k, v, keys) if past is not None else ()
    room = sum(bytes_of(t) for t, want in zip(joined, wanted[KEYS:], strict=False) if not want)
    return kernel_of(
        op,
        types,
        partial(run, rules, plan, joined, how.team),
        scratch=room + threads(plan, how.team) * plan.memory(),
        algorithm="whole rows" if plan.key_block == keys else "blocks with a running softmax",
    )


def is_usual(
    attending: Attending, shown: bool, q: TensorType | None, keep: TensorType | None
) -> bool:
    """Softmax of real scores, of which at most the weights are shown."""
    if attending.normalizer != "softmax" or (attending.stage != "weights" and shown):
        return False
    return all_fast([q] if keep is None or keep.dtype == "bool" else [q, keep])


def joined_types(k: TensorType, v: TensorType, keys: int) -> tuple[TensorType, TensorType]:
    """Types of the keys and of the values with those of earlier calls before them."""
    shapes = ((*t.shape[:-2], keys, t.shape[-1]) for t in (k, v))
    one, two = (TensorType(shape, k.dtype) for shape in shapes)
    return one, two


def bytes_of(type_: TensorType) -> int:
    """Bytes of a tensor, in whole cache lines."""
    return padded_bytes(int(np.prod(sizes(type_), dtype=np.int64)) * np.dtype(type_.dtype).itemsize)


def run(
    rules: Rules, plan: Sizes, joined: Sequence[TensorType], team: Team,
    q: Array, k: Array, v: Array, keep: Any, past_k: Any, past_v: Any, lengths: Any,
    *, out: Any, scratch: Array,
) -> None:  # fmt: skip
    """Past keys and values first, where there are any; then the attention itself."""
    if joined:
        k, scratch = together(past_k, k, out[KEYS], joined[0], scratch)
        v, scratch = together(past_v, v, out[VALUES], joined[1], scratch)
    attend(q, k, v, keep, out[Y], out[WEIGHTS], rules, plan, team, scratch)


def together(
    past: Array, new: Array, out: Array | None, type_: TensorType, scratch: Array
) -> tuple[Array, Array]:
    """Both one after the other, in the result or in scratch; and the scratch that is left."""
    if out is None:
        out, start = carved(scratch, sizes(type_), type_.dtype)
        scratch = scratch[start:]
    np.concatenate((past, new), axis=-2, out=out)
    return out, scratch
