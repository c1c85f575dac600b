"""Positions and tokens: positional encodings, causal masks, masking, embeddings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np

from framework.errors import InputError, Mistake
from framework.ir.attributes import SizeAttr
from framework.ir.dims import Size, product
from framework.ir.kernel import How, Kernel
from framework.ir.op import PLAIN, Array, Cost, Match, Op, Sample
from framework.ir.types import TensorType, broadcast, fixed_size
from framework.ops.indexing import take_into
from framework.ops.kernels import all_fast, kernel_of, sizes
from framework.ops.position_tables import Stretch, fitted, require_rows, stretching

Align = Literal["top_left", "bottom_right"]
"""Where the diagonal of a causal mask starts when there are more keys than queries, or fewer."""


class Positional(Op, name="positional"):
    """Add to each position of a sequence a vector that tells where it is.

    sinusoidal: y[..., p, 2i] = x[..., p, 2i] + sin(p / base^(2i/d)),
                y[..., p, 2i+1] = x[..., p, 2i+1] + cos(p / base^(2i/d))
    learned:    y[..., p, :] = x[..., p, :] + table[0, p, :]; the table has ``length`` rows and
                may be longer than the sequence, never shorter - unless ``resize`` stretches
                it to the sequence, as PyTorch's interpolate does it.
    Source: Vaswani et al. 2017, section 3.5; learned: Devlin et al. 2018, Dosovitskiy et al. 2020.
    """

    signature = "x: *lead t d, table~?: 1 length d -> y: *lead t d"
    category = "position"
    main = "kind"
    initial = {"table": {"normal": 0.02}}

    kind: Literal["learned", "sinusoidal"]
    length: int | None = None
    base: float = 10000.0
    resize: Stretch = "none"

    def check(self) -> None:
        """A learned table needs its length."""
        if self.kind == "learned" and self.length is None:
            raise Mistake(
                "positional needs 'length' for a learned table",
                hint="the longest sequence, e.g. length: 512",
                code="missing-attribute",
            )

    def has_slot(self, slot: str) -> bool:
        """Only a learned encoding has a table."""
        return self.kind == "learned"

    def derive(self, d: Match) -> dict[str, Any]:
        """The sequence may not be longer than the table."""
        self.check()
        if self.length is not None:
            require_rows(d, (d.t,), (self.length,), self.resize)
        return {}

    def compute(self, x: Array, table: Array | None = None) -> Array:
        """``x`` plus the rows of the table."""
        length, width = x.shape[-2:]
        if table is None:
            rows = sinusoids(length, width, self.base)
        else:
            rows = fitted(table, (length,), self.resize)
        return np.asarray(x + rows.astype(x.dtype, copy=False))

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """The sum in place; sines are made once, a stored table need not be stretched."""
        x = types[0]
        if x is None or not all_fast(types) or self.resize != "none":
            return None
        *_, length, width = sizes(x)
        sines = None
        if self.kind == "sinusoidal":
            sines = sinusoids(length, width, self.base).astype(x.dtype)

        def run(x: Array, table: Any, out: Array, scratch: Array) -> None:
            np.add(x, table[0, :length] if sines is None else sines, out=out)

        return kernel_of(self, types, run, (0,))

    def cost(self, d: Match) -> Cost:
        """An addition for each element, and what the stretching takes; sines are a constant."""
        work = product(d.shapes["x"])
        if self.kind == "learned":
            work += stretching((d.t,), (self.length or 0,), d.d, self.resize)
        return Cost(elementwise=work)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """A longer learned table, a stretched one; even and odd widths."""
        yield cls(kind="learned", length=7), (2, 5, 4)
        yield cls(kind="learned", length=3, resize="cubic"), (2, 5, 4)
        yield cls(kind="learned", length=5), (5, 3)
        yield cls(kind="sinusoidal"), (2, 3, 6, 5)
        yield cls(kind="sinusoidal", length=9, base=100.0), (7, 4)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Sine on even columns, cosine on odd ones; an odd width ends with a sine."""
        one, ten = 1.0, 0.1  # 1 / 100^(0/3) and, for column 2, 1 / 100^(2/4)
        rows = [[0, 1, 0, 1], [np.sin(one), np.cos(one), np.sin(ten), np.cos(ten)]]
        yield cls(kind="sinusoidal", base=100.0), (np.zeros((2, 4)),), rows
        last = np.sin(100.0 ** (-2 / 3))
        odd = [[0, 1, 0], [np.sin(one), np.cos(one), last]]
        yield cls(kind="sinusoidal", base=100.0), (np.zeros((2, 3)),), odd
        table = np.array([[[1.0], [2.0], [4.0]]])
        yield cls(kind="learned", length=3), (np.full((2, 1), 10.0), table), [[11], [12]]
        wide = cls(kind="learned", length=2, resize="linear")
        yield wide, (np.zeros((4, 1)), np.array([[[0.0], [4.0]]])), [[0], [1], [3], [4]]


def sinusoids(length: int, width: int, base: float) -> Array:
    """The table [length, width] of sines and cosines, in float64."""
    even = np.arange(0, width, 2)
    angles = np.arange(length)[:, None] / base ** (even / width)
    table = np.empty((length, width))
    table[:, 0::2] = np.sin(angles)
    table[:, 1::2] = np.cos(angles[:, : width // 2])
    return table


class CausalMask(Op, name="causal_mask"):
    """A boolean mask that is true where a query may look: at its own position and before.

    y[i, j] = (j <= i + offset); offset = 0 for top_left, keys - size for bottom_right
    Source: ONNX Attention-23 (is_causal, top left); FlashAttention 2.1 (bottom right).
    """

    signature = "-> y<bool>: t s"
    category = "position"
    main = "size"

    size: SizeAttr
    keys: SizeAttr | None = None
    align: Align = "top_left"

    def derive(self, d: Match) -> dict[str, Any]:
        """[queries, keys]."""
        keys = self.size if self.keys is None else self.keys
        for size in (self.size, keys):
            d.require("<=", 0, size, "size of the mask")
        return {"t": self.size, "s": keys}

    def compute(self, *arrays: Array) -> Array:
        """A triangle of true."""
        keys: Size = self.size if self.keys is None else self.keys
        return visible(fixed_size(self.size, "size"), fixed_size(keys, "keys"), self.align)

    def cost(self, d: Match) -> Cost:
        """One comparison for each element."""
        return Cost(elementwise=d.t * d.s)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """A square, more keys, more queries."""
        yield (cls(size=4),)
        yield (cls(size=3, keys=5),)
        yield (cls(size=5, keys=2, align="bottom_right"),)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Both alignments with more keys than queries, and with fewer."""
        yield cls(size=2, keys=3), (), [[1, 0, 0], [1, 1, 0]]
        yield cls(size=2, keys=3, align="bottom_right"), (), [[1, 1, 0], [1, 1, 1]]
        yield cls(size=3, keys=2), (), [[1, 0], [1, 1], [1, 1]]
        yield cls(size=3, keys=2, align="bottom_right"), (), [[0, 0], [1, 0], [1, 1]]


def visible(queries: int, keys: int, align: Align) -> Array:
    """True where key ``j`` is not after query ``i``: the causal mask [queries, keys]."""
    offset = 0 if align == "top_left" else keys - queries
    return np.tri(queries, keys, offset, dtype=bool)


class MaskFill(Op, name="mask_fill"):
    """Keep elements where the mask is true, put a fixed value everywhere else.

    y = x where keep, otherwise value; x and keep broadcast
    Source: ONNX Where-16; torch.Tensor.masked_fill, whose mask means the opposite.
    """

    signature = "x: *x, keep<bool>: *keep -> y: *y"
    category = "position"

    value: float

    def derive(self, d: Match) -> dict[str, Any]:
        """The broadcast shape."""
        shape, conditions = broadcast([d.x, d.keep], "x and keep")
        d.conditions += conditions
        return {"y": shape}

    def compute(self, x: Array, keep: Array) -> Array:
        """``where(keep, x, value)``."""
        with np.errstate(over="ignore"):  # -1e9 is -inf in float16
            value = np.asarray(self.value).astype(x.dtype)
        return np.where(keep, x, value)

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """A copy where the mask is true, over memory filled with the value."""

        def run(x: Array, keep: Array, out: Array, scratch: Array) -> None:
            out[...] = self.value
            np.copyto(out, x, where=keep)

        return kernel_of(self, types, run) if all_fast(types[:1]) else None

    def cost(self, d: Match) -> Cost:
        """One choice for each element."""
        return Cost(elementwise=product(d.y))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """The same shape, a smaller mask, a larger one."""
        yield cls(value=-1.0), (3, 4), Sample((3, 4), "bool")
        yield cls(value=-np.inf), (2, 3, 4), Sample((3, 1), "bool")
        yield cls(value=0.0), (3,), Sample((2, 1), "bool")

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """True keeps; a NaN that is masked out is gone."""
        x, keep = np.array([1.0, np.nan, 3.0]), np.array([True, False, False])
        yield cls(value=-np.inf), (x, keep), [1, -np.inf, -np.inf]


class Embedding(Op, name="embedding"):
    """Look each id up in a table of vectors.

    y[..., :] = weight[ids[...], :]
    Source: Bengio et al. 2003, section 2; ONNX Gather-13 with axis 0.
    Ids below 0 or not below ``count`` are refused when the model runs.
    """

    signature = "ids<int>: *ids, weight~: count width -> y: *ids width"
    category = "embedding"
    initial = {"weight": {"normal": 0.02}}

    count: int
    width: int

    def compute(self, ids: Array, weight: Array) -> Array:
        """``weight[ids]``."""
        check_ids(ids, len(weight))
        return np.asarray(weight[ids])

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """The same into given memory."""
        return kernel_of(self, types, self._look_up)

    def _look_up(self, ids: Array, weight: Array, out: Array, scratch: Array) -> None:
        check_ids(ids, len(weight))
        take_into(weight, ids, 0, out)

    def cost(self, d: Match) -> Cost:
        """Copies only: no arithmetic."""
        return Cost()

    def index_limit(self, d: Match) -> dict[str, Size]:
        """Ids stay below the number of rows."""
        return {"ids": self.count}

    def fans(self, slot: str, shape: tuple[int, ...]) -> tuple[int, int]:
        """One row is read for each id."""
        return 1, shape[1]

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Ids of two widths, and a single one."""
        yield cls(count=7, width=4), Sample((2, 3), "int64", high=7)
        yield cls(count=5, width=3), Sample((6,), "int32", high=5)
        yield cls(count=5, width=2), Sample((), "uint8", high=5)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Rows, not columns."""
        table = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
        yield cls(count=3, width=2), (np.array([2, 0]), table), [[5, 6], [1, 2]]


def check_ids(ids: Array, count: int) -> None:
    """Refuse ids outside ``[0, count)``; names the worst one."""
    if ids.size == 0:
        return
    low, high = int(ids.min()), int(ids.max())
    if high >= count:
        raise InputError(
            f"id {high} is outside the embedding table: it has {count} rows, ids 0 to {count - 1}"
        )
    if low < 0:
        raise InputError(f"id {low} is negative; ids of an embedding go from 0 to {count - 1}")
