"""Recurrent layers with gates: gru and lstm."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from framework.ir.attributes import Reals
from framework.ir.op import Op, Sample
from framework.numerics.recurrent import Function, Step, Weights, gru_cell, lstm_cell
from framework.ops.recurrent import (
    Activation,
    Direction,
    Recurrent,
    first_values,
    layer_signature,
)


class GRU(Recurrent, name="gru"):
    """A recurrent layer that keeps part of its state (update) and reads part of it (reset).

    r = f(W_r x + R_r h + b_r), z = f(W_z x + R_z h + b_z),
    n = g(W_n x + bias_ih_n + r * (R_n h + bias_hh_n)), h' = (1 - z) * n + z * h

    f is ``gate_activation``, g ``cell_activation``; weight_ih has the rows W_r, W_z, W_n,
    weight_hh the rows R.  Without ``linear_before_reset``: n = g(W_n x + R_n (r * h) + both
    biases), as in the first version of the paper.  Axes, lengths and states: see `lstm`.
    Source: torch.nn.GRU (gate order and default); ONNX GRU-22; Cho et al. 2014.
    """

    signature = layer_signature(3, "h")
    initial = first_values("bias_ih", "bias_hh")
    gates = 3
    work = 14

    hidden_size: int
    direction: Direction = "forward"
    bias: bool = True
    batch_first: bool = True
    linear_before_reset: bool = True
    gate_activation: Activation = "sigmoid"
    cell_activation: Activation = "tanh"
    clip: float | None = None
    alpha: Reals | None = None
    beta: Reals | None = None

    @property
    def functions(self) -> tuple[str, ...]:
        """That of both gates, that of the candidate."""
        return self.gate_activation, self.cell_activation

    def cell(self, weights: Weights, functions: Sequence[Function]) -> Step:
        """Two gates and a candidate."""
        f, g = functions
        return gru_cell(weights, f, g, self.linear_before_reset)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Every direction, layout, and way to begin."""
        yield cls(hidden_size=5), (2, 3, 4)
        ends = Sample((2,), "int32", low=1, high=4)
        yield cls(5, "bidirectional", linear_before_reset=False), (2, 3, 4), ends, (2, 2, 5)
        yield cls(5, "reverse", bias=False, batch_first=False, clip=0.5), (3, 2, 4), ends
        hard: dict[str, Any] = {"gate_activation": "hard_sigmoid", "cell_activation": "softsign"}
        yield cls(3, alpha=(0.25, 1.0), beta=0.5, **hard), (2, 5, 4)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """The order r, z, n; the reset before and after the product; what z keeps."""
        line: dict[str, Any] = {
            "gate_activation": "affine",
            "cell_activation": "affine",
            "hidden_size": 1,
        }
        x, h = np.array([[[1.0]]]), np.array([[[4.0]]])
        ih, hh = np.array([[2.0], [0.25], [3.0]]), np.array([[0.0], [0.0], [1.0]])
        given, inner = np.array([0.0, 0.0, 10.0]), np.array([0.0, 0.0, 100.0])
        # r = 2, z = 1/4, n = 3 + 10 + 2 * (4 + 100) = 221, h' = 3/4 * 221 + 1/4 * 4
        after, before = 166.75, 91.75  # or n = 3 + 10 + 2 * 4 + 100 = 121
        arrays = (x, None, h, ih, hh, given, inner)
        yield cls(**line), arrays, ([[[after]]], [[[after]]])
        early = cls(**line, linear_before_reset=False)
        yield early, arrays, ([[[before]]], [[[before]]])
        plain = cls(**line, bias=False)  # n = 3 + 2 * 4 = 11
        yield plain, (x, None, h, ih, hh), ([[[9.25]]], [[[9.25]]])
        yield cls(**line, alpha=(1.0, 0.0), beta=(0.0, 8.0)), arrays, ([[[7]]], [[[7]]])


class LSTM(Recurrent, name="lstm"):
    """A recurrent layer with a cell that gates write, keep and read.

    i = f(W_i x + R_i h + b_i), o = f(W_o x + R_o h + b_o),
    k = f(W_f x + R_f h + b_f), n = g(W_g x + R_g h + b_g),
    c' = k * c + i * n, h' = o * hidden_activation(c'), y[t] = h'

    f is ``gate_activation``, g ``cell_activation``; weight_ih has the rows W_i, W_f, W_g, W_o,
    weight_hh the rows R; there are two biases, bias_ih and bias_hh.  ``peephole`` adds P_i * c,
    P_f * c and P_o * c' inside f; ``coupled`` sets k = 1 - i; ``clip`` bounds the sums in f and
    g to [-clip, clip], not c' (so does onnxruntime; the words of ONNX allow both).

    x is [b, t, c], or [t, b, c] without ``batch_first``; h0, c0, h and c are [directions, b,
    hidden_size] either way.  y has the outputs of both directions side by side on its last axis.
    Beyond a sample's length y is 0, and h and c are those at its end.
    Source: torch.nn.LSTM (gate order); ONNX LSTM-22; Hochreiter and Schmidhuber 1997, Gers 2000.
    """

    signature = layer_signature(4, "hc", ", peephole{1}: 3*hidden_size")
    initial = first_values("bias_ih", "bias_hh", "peephole")
    slots = 5
    states = 2
    gates = 4
    work = 17

    hidden_size: int
    direction: Direction = "forward"
    bias: bool = True
    batch_first: bool = True
    peephole: bool = False
    coupled: bool = False
    gate_activation: Activation = "sigmoid"
    cell_activation: Activation = "tanh"
    hidden_activation: Activation = "tanh"
    clip: float | None = None
    alpha: Reals | None = None
    beta: Reals | None = None

    @property
    def functions(self) -> tuple[str, ...]:
        """That of the gates, of what is written, of what is read."""
        return self.gate_activation, self.cell_activation, self.hidden_activation

    def has_slot(self, slot: str) -> bool:
        """Peepholes are there where they are asked for."""
        if slot.startswith("peephole") and not self.peephole:
            return False
        return super().has_slot(slot)

    def cell(self, weights: Weights, functions: Sequence[Function]) -> Step:
        """Three gates and a candidate; the cell is read without a bound."""
        f, g, h = functions
        return lstm_cell(weights, f, g, h, self.coupled)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Every direction, layout, and way to begin."""
        yield cls(hidden_size=5), (2, 3, 4)
        ends = Sample((2,), "int32", low=1, high=4)
        both = cls(5, "bidirectional", peephole=True)
        yield both, (2, 3, 4), ends, (2, 2, 5), (2, 2, 5)
        yield cls(5, "reverse", bias=False, batch_first=False, clip=0.5), (3, 2, 4), ends
        yield cls(3, coupled=True), (2, 5, 4), None, (1, 2, 3), (1, 2, 3)
        words: dict[str, Any] = {
            "gate_activation": "hard_sigmoid",
            "cell_activation": "scaled_tanh",
            "hidden_activation": "elu",
        }
        yield cls(3, alpha=(0.25, 1.5, 0.5), beta=0.75, **words), (2, 5, 4)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """The order i, f, g, o; what is kept; peepholes at the cell before and after."""
        words = ("gate_activation", "cell_activation", "hidden_activation")
        line: dict[str, Any] = {"hidden_size": 1, "bias": False}
        line |= dict.fromkeys(words, "affine")
        x, h, c = np.array([[[1.0]]]), np.array([[[1.0]]]), np.array([[[10.0]]])
        ih, hh = np.array([[1.0], [2.0], [3.0], [4.0]]), np.array([[1.0], [1.0], [2.0], [0.0]])
        # i = 2, f = 3, g = 5, o = 4: c' = 3 * 10 + 2 * 5 = 40, h' = 4 * 40
        arrays = (x, None, h, c, ih, hh)
        yield cls(**line), arrays, ([[[160]]], [[[160]]], [[[40]]])
        # coupled: f = 1 - 2 = -1: c' = 0
        yield cls(**line, coupled=True), arrays, ([[[0]]], [[[0]]], [[[0]]])
        # i = 2 + 10 = 12, f = 3 - 10 = -7: c' = -70 + 60 = -10, o = 4 - 10/2 = -1, h' = 10
        peep = np.array([1.0, -1.0, 0.5])
        yield (
            cls(**line, peephole=True),
            (*arrays, None, None, peep),
            ([[[10]]], [[[10]]], [[[-10]]]),
        )
        # clip 3: i = 2, f = 3, g = 3, o = 3: c' = 36, which is read as it is
        yield cls(**line, clip=3.0), arrays, ([[[108]]], [[[108]]], [[[36]]])
        twice = cls(**line, alpha=(1.0, 2.0, 1.0), beta=(0.0, 0.0, 1.0))  # c' = 50, h' = 4 * 51
        yield twice, arrays, ([[[204]]], [[[204]]], [[[50]]])
