"""Functions of each element, in place or into another array, with few passes over a block.

A curve gets ``x``, ``y`` (which may be ``x``) and a spare array of ``spares`` times their
shape; it writes ``y``.  Blocks have at most `sweep.BLOCK` elements.  Errors are measured in
float32 against double precision over 4 million arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import pi, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.numerics.exponential import RATE, power
from framework.numerics.sweep import (
    BLOCK,
    beside,
    blocks,
    carved,
    filled,
    flat_pair,
    padded_bytes,
    share_out,
    shares,
    threads_for,
)
from framework.numerics.team import Team

Array = NDArray[Any]
Rule = Callable[[Array, Array, Array], None]
NOTHING: Array = np.empty(0)


@dataclass(frozen=True)
class Curve:
    """``rule(x, y, spare)`` writes the function of ``x`` into ``y``; ``spare[i]`` is free.

    ``at_once`` says that it is one pass, which need not be made block by block.
    """

    rule: Rule
    spares: int = 0
    at_once: bool = False

    def scratch(self, itemsize: int, elements: int = BLOCK) -> int:
        """Bytes that one thread needs beside so many elements."""
        return padded_bytes(self.spares * min(elements, BLOCK) * itemsize)

    def spare(self, like: Array, memory: Array) -> Array:
        """The spare arrays of a block."""
        if self.spares == 0:
            return NOTHING
        return carved(memory, (self.spares, *like.shape), like.dtype)[0]

    def over(self, x: Array, y: Array, memory: Array) -> None:
        """``y = curve(x)`` for matrices of any size, block by block; ``y`` may be ``x``."""
        for place in blocks(*y.shape):
            part = y[place]
            self.rule(x[place], part, self.spare(part, memory))

    def in_place(self) -> Callable[[Array], None]:
        """The curve for a tensor of any size, changed in place, block by block.

        The spare memory is made anew for each tensor: a block's worth.
        """

        def change(y: Array) -> None:
            memory = np.empty(self.scratch(y.itemsize, y.size), np.uint8)
            if y.flags.c_contiguous:
                flat = y.reshape(1, -1)
                self.over(flat, flat, memory)
                return
            for part in pieces(y):
                self.rule(part, part, self.spare(part, memory))

        return change


def pieces(y: Array) -> list[Array]:
    """Views of at most a block of elements that together are ``y``."""
    if y.size <= BLOCK:
        return [y]
    if y.ndim != 2:
        return [piece for row in y for piece in pieces(row)]
    return [y[place] for place in blocks(*y.shape)]


def sweep(x: Array, out: Array, curve: Curve, team: Team, scratch: Array) -> None:
    """``out = curve(x)``, block by block, on the whole team."""
    source, target = flat_pair(x, out)
    each = curve.scratch(out.itemsize, out.size)

    def work(number: int, part: slice) -> None:
        memory = scratch[number * each : (number + 1) * each]
        curve.over(source[:, part], target[:, part], memory)

    parts = shares(out.size, threads_for(team, out.size), BLOCK)
    share_out(team, parts, work)


def plain(function: Callable[[Array], Any]) -> Curve:
    """A curve that makes its temporaries anew for each block."""

    def rule(x: Array, y: Array, spare: Array) -> None:
        np.copyto(y, function(x), casting="same_kind")

    return Curve(rule)


def ufunc(function: Callable[..., Any]) -> Curve:
    """One of NumPy's own functions."""
    return Curve(lambda x, y, spare: function(x, out=y), at_once=True)


# ---------------------------------------------------------------------- straight pieces


def relu(x: Array, y: Array, spare: Array) -> None:
    """``max(x, 0)``; NaN stays."""
    np.maximum(x, filled(0, x), out=y)


def clip(low: float | None, high: float | None) -> Curve:
    """Cut off below ``low``, then above ``high``."""

    def rule(x: Array, y: Array, spare: Array) -> None:
        if low is not None and high is not None:  # one pass instead of two
            x.clip(low, high, out=y)
            return
        if low is not None:
            x = np.maximum(x, filled(low, x), out=y)
        if high is not None:
            x = np.minimum(x, filled(high, x), out=y)
        if x is not y:
            np.copyto(y, x)

    return Curve(rule, at_once=None not in (low, high))


def scale(by: float, shift: float) -> Curve:
    """``x * by + shift``."""

    def rule(x: Array, y: Array, spare: Array) -> None:
        np.multiply(x, by, out=y)
        if shift != 0:
            y += shift

    return Curve(rule)


def leaky_relu(slope: float) -> Curve:
    """``max(x, 0) + slope * min(x, 0)``."""

    def rule(x: Array, y: Array, spare: Array) -> None:
        (low,) = spare
        np.minimum(x, filled(0, x), out=low)
        low *= slope
        np.maximum(x, filled(0, x), out=y)
        y += low

    return Curve(rule, 1)


def hard_sigmoid(alpha: float, beta: float) -> Curve:
    """``clip(alpha x + beta, 0, 1)``."""

    def rule(x: Array, y: Array, spare: Array) -> None:
        np.multiply(x, alpha, out=y)
        y += beta
        np.maximum(y, filled(0, y), out=y)
        np.minimum(y, filled(1, y), out=y)

    return Curve(rule)


def hard_swish(x: Array, y: Array, spare: Array) -> None:
    """``x * clip(x + 3, 0, 6) / 6``."""
    (gate,) = spare
    np.add(x, 3, out=gate)
    np.maximum(gate, filled(0, gate), out=gate)
    np.minimum(gate, filled(6, gate), out=gate)
    gate *= 1 / 6
    np.multiply(x, gate, out=y)


# ---------------------------------------------------------------------- by one exponential


def sigmoid(x: Array, y: Array, spare: Array) -> None:
    """``1 / (1 + exp(-x))``; where exp overflows, 0; measured error 9e-8."""
    np.multiply(x, -RATE, out=y)
    weighted(1, y, y)


def swish(alpha: float) -> Curve:
    """``x / (1 + exp(-alpha x))``."""

    def rule(x: Array, y: Array, spare: Array) -> None:
        (gate,) = spare
        np.multiply(x, -RATE * alpha, out=gate)
        weighted(x, y, gate)

    return Curve(rule, 1)


def weighted(x: Array | int, y: Array, gate: Array) -> None:
    """``y = x / (1 + power(gate))``; ``gate`` is changed."""
    power(gate, out=gate)
    gate += 1
    np.divide(x, gate, out=y)


def swiglu_into(gate: Array, value: Array, out: Array, alpha: float, scratch: Array) -> None:
    """``gate / (1 + exp(-alpha gate)) * value`` in blocks of rows; ``out`` may be either."""
    rows = max(1, BLOCK // max(1, out.size // max(1, len(out)))) if out.ndim else 1
    given = (beside(gate, out), beside(value, out), out)
    whole = [array.reshape(-1) if out.ndim == 0 else array for array in given]
    for start in range(0, len(whole[2]), rows):
        g, v, y = (array[start : start + rows] for array in whole)
        inner = np.empty(y.shape, y.dtype)
        if y.nbytes <= scratch.nbytes:
            inner = carved(scratch, y.shape, y.dtype)[0]
        np.multiply(g, -RATE * alpha, out=inner)
        weighted(g, inner, inner)
        np.multiply(inner, v, out=y)


def mish(x: Array, y: Array, spare: Array) -> None:
    """``x tanh(ln(1 + e)) = x n / (n + 2)`` with e = exp(x), n = e (e + 2).

    Above 20 the quotient is 1 in double precision; e stays finite so.
    """
    n, e = spare
    np.minimum(x, filled(20, x), out=e)
    np.exp(e, out=e)
    np.add(e, 2, out=n)
    n *= e
    np.add(n, 2, out=e)
    n /= e
    np.multiply(x, n, out=y)


TANH_GELU = -2 * sqrt(2 / pi) * RATE
"""Factor of x in the exponent."""


def gelu_tanh(x: Array, y: Array, spare: Array) -> None:
    """``x/2 (1 + tanh v) = x / (1 + exp(-2v))``, v = sqrt(2/pi) (x + 0.044715 x³)."""
    (gate,) = spare
    np.multiply(x, x, out=gate)
    gate *= TANH_GELU * 0.044715
    gate += TANH_GELU
    gate *= x
    weighted(x, y, gate)
