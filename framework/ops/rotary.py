"""Rotary positional embedding: queries and keys turned by an angle that grows with the position."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from framework.errors import Mistake, ShapeError
from framework.ir.attributes import SizeAttr
from framework.ir.dims import Size, product
from framework.ir.op import Array, Cost, Match, Op, Sample
from framework.ir.types import fixed_size
from framework.numerics.convolution import widened
from framework.ops.rules import fits

Pairing = Literal["halves", "interleaved"]
"""Which elements turn together: i and i + width/2, or 2i and 2i + 1."""


class Rotary(Op, name="rotary"):
    """Turn pairs of elements of each vector by angles that are proportional to its position.

    (y1, y2) = (x1 cos a - x2 sin a, x1 sin a + x2 cos a), a = position / factor * base^(-2i/width)
    for pair i of width/2; elements from ``width`` on stay as they are
    Source: Su et al. 2021, equation 34; ONNX RotaryEmbedding-23.

    Pairs are the elements i and i + width/2 (``halves``: GPT-NeoX, Llama in PyTorch), or 2i and
    2i + 1 (``interleaved``: the paper, GPT-J).  Positions are offset, offset + 1, ... along the
    axis before the last, or what ``positions`` says; ``factor`` squeezes them (Chen et al. 2023).
    ``cos`` and ``sin`` replace the formula: with ``positions`` they are tables with a row for
    each position, without it they broadcast to [..., t, width/2].
    """

    signature = "x: *lead t d, positions?<int>: *positions, cos?: *cos, sin?: *sin -> y: *lead t d"
    category = "position"
    main = "pairing"

    pairing: Pairing = "halves"
    width: int | None = None
    base: float = 10000.0
    factor: float = 1.0
    offset: SizeAttr = 0

    def check(self) -> None:
        """Pairs need an even width; a power and a quotient need numbers above 0."""
        if self.width is not None and (self.width < 2 or self.width % 2):
            raise Mistake(f"rotary of width {self.width}; expected an even number from 2 on")
        for name, number in (("base", self.base), ("factor", self.factor)):
            if not number > 0:
                raise Mistake(f"rotary with {name} {number}; expected a number above 0")

    def derive(self, d: Match) -> dict[str, Any]:
        """The width is even and not above d; positions and tables fit."""
        self.check()
        width: Size = d.d if self.width is None else self.width
        d.require("divisible", width, 2, "width of rotary")
        d.require("<=", width, d.d, "width of rotary and last axis of x")
        if "positions" in d:
            fits(d, d.shapes["positions"], (*d.lead, d.t), "positions")
        for name in ("cos", "sin"):
            if name in d:
                self._require_table(d, name, d.shapes[name], width // 2)
        if ("cos" in d) != ("sin" in d):
            raise ShapeError("rotary needs both cos and sin, or neither")
        return {}

    def _require_table(self, d: Match, name: str, shape: tuple[Size, ...], half: Size) -> None:
        if "positions" not in d:
            fits(d, shape, (*d.lead, d.t, half), name)
            return
        if len(shape) != 2:
            raise ShapeError(f"{name} has {len(shape)} axes; with positions it must have 2")
        d.require("==", shape[-1], half, f"last axis of {name} and half the width of rotary")

    def index_limit(self, d: Match) -> dict[str, Size]:
        """Positions stay below the number of rows of the tables."""
        looked_up = "positions" in d and "cos" in d
        return {"positions": d.shapes["cos"][0]} if looked_up else {}

    def compute(
        self,
        x: Array,
        positions: Array | None = None,
        cos: Array | None = None,
        sin: Array | None = None,
    ) -> Array:
        """Turn the first ``width`` elements, keep the others."""
        width = x.shape[-1] if self.width is None else self.width
        wide = widened(x)
        if cos is None or sin is None:
            angles = self._angles(x.shape[-2], width, positions)
            cos, sin = np.cos(angles), np.sin(angles)
        elif positions is not None:
            cos, sin = cos[positions], sin[positions]
        cos, sin = cos.astype(wide.dtype, copy=False), sin.astype(wide.dtype, copy=False)
        first, second = halves(width, self.pairing)
        y = wide.copy()
        y[..., first] = wide[..., first] * cos - wide[..., second] * sin
        y[..., second] = wide[..., first] * sin + wide[..., second] * cos
        return y.astype(x.dtype, copy=False)

    def _angles(self, length: int, width: int, positions: Array | None) -> Array:
        """[..., t, width/2] in float64: angles of far positions need all its digits."""
        if positions is None:
            positions = np.arange(length) + fixed_size(self.offset, "offset")
        return positions[..., None] / self.factor * self.frequencies(width)

    def frequencies(self, width: int) -> Array:
        """Radians from one position to the next, for each pair."""
        return np.asarray(self.base ** (-np.arange(0, width, 2) / width))

    def cost(self, d: Match) -> Cost:
        """Four products and two sums for each pair; angles are a table."""
        width: Size = d.d if self.width is None else self.width
        return Cost(elementwise=3 * product((*d.lead, d.t)) * width)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Both pairings, a part of the width, given positions, given tables."""
        yield cls(), (5, 4)
        yield cls(pairing="interleaved", base=100.0, offset=3), (2, 3, 5, 8)
        ids = Sample((2, 1, 5), "int64", high=7)
        yield cls(width=4, factor=2.0), (2, 3, 5, 6), ids
        yield cls(width=6), (2, 3, 5, 8), ids, (7, 3), (7, 3)
        yield cls(), (2, 3, 5, 8), None, (2, 1, 5, 4), (5, 4)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """A quarter turn takes (1, 0) to (0, 1); the second pair turns base^-0.5 as fast."""
        turn = 2 / np.pi  # position 1 is a quarter turn
        two = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
        yield cls(factor=turn), (two,), [[1, 0], [0, 1], [-1, 0]]
        yield cls(factor=turn, offset=1), (two,), [[0, 1], [-1, 0], [0, -1]]
        four = np.array([[1.0, 2.0, 3.0, 4.0]])
        quarter, half = np.array([1]), np.array([2])
        # base 4: the second pair turns half as fast, an eighth of a turn at position 1
        slow = cls(factor=turn, base=4.0)
        yield slow, (four, half), [[-1, -4, -3, 2]]
        mixed = cls(pairing="interleaved", factor=turn, base=4.0)
        yield mixed, (four, half), [[-1, -2, -4, 3]]
        yield cls(factor=turn, width=2), (four, quarter), [[-2, 1, 3, 4]]
        cos, sin = np.array([[1.0], [0.0]]), np.array([[0.0], [1.0]])
        yield cls(), (two[:2], np.array([1, 0]), cos, sin), [[0, 1], [1, 0]]
        yield cls(), (two[:2], None, cos, sin), [[1, 0], [0, 1]]


def halves(width: int, pairing: Pairing) -> tuple[slice, slice]:
    """Where the first and the second elements of the pairs are.

    >>> halves(6, "interleaved")
    (slice(0, 6, 2), slice(1, 6, 2))
    """
    if pairing == "interleaved":
        return slice(0, width, 2), slice(1, width, 2)
    return slice(0, width // 2, 1), slice(width // 2, width, 1)
