"""Recurrent cells over [t, b, c] arrays: the activations, the cells, and the walk through time.

A cell takes what the input contributes at one time and the state before it, and gives the
state after it; the first array of a state is the hidden one, which is also the output.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.numerics.softmax import sigmoid

Array = NDArray[Any]
State = tuple[Array, ...]
Function = Callable[[Array], Array]
Step = Callable[[Array, State], State]
Formula = Callable[[Array, float, float], Array]

FUNCTIONS: dict[str, tuple[Formula, float, float]] = {
    "sigmoid": (lambda x, a, b: sigmoid(x), 0, 0),
    "tanh": (lambda x, a, b: np.asarray(np.tanh(x)), 0, 0),
    "relu": (lambda x, a, b: np.maximum(x, 0), 0, 0),
    "affine": (lambda x, a, b: a * x + b, 1, 0),
    "leaky_relu": (lambda x, a, b: np.where(x < 0, a * x, x), 0.01, 0),
    "thresholded_relu": (lambda x, a, b: np.where(x >= a, x, 0), 1, 0),
    "scaled_tanh": (lambda x, a, b: a * np.tanh(b * x), 1, 1),
    "hard_sigmoid": (lambda x, a, b: np.clip(a * x + b, 0, 1), 0.2, 0.5),
    "elu": (lambda x, a, b: np.where(x < 0, a * np.expm1(np.minimum(x, 0)), x), 1, 0),
    "softsign": (lambda x, a, b: x / (1 + np.abs(x)), 0, 0),
    "softplus": (lambda x, a, b: np.asarray(np.logaddexp(x, 0)), 0, 0),
}
"""Activations by name: the formula of x, alpha and beta, and the usual alpha and beta."""


def activation(
    name: str, alpha: float | None = None, beta: float | None = None, clip: float | None = None
) -> Function:
    """An activation with its numbers; ``clip`` bounds what goes in to [-clip, clip]."""
    formula, usual_alpha, usual_beta = FUNCTIONS[name]
    a = float(usual_alpha if alpha is None else alpha)
    b = float(usual_beta if beta is None else beta)

    def apply(x: Array) -> Array:
        bounded = x if clip is None else np.clip(x, -clip, clip)
        return formula(bounded, a, b).astype(x.dtype, copy=False)

    return apply


@dataclass(frozen=True)
class Weights:
    """The weights of one direction: [gates * hidden, …] matrices, and vectors that may be absent.

    ``peephole`` is [3 * hidden]: the cell's part in the input, forget and output gates.
    """

    ih: Array
    hh: Array
    bias_ih: Array | None = None
    bias_hh: Array | None = None
    peephole: Array | None = None

    def of_input(self, x: Array) -> Array:
        """What the input contributes at every time, in one product."""
        y = np.asarray(x @ self.ih.T)
        return y if self.bias_ih is None else np.asarray(y + self.bias_ih)

    def of_state(self, hidden: Array) -> Array:
        """What the hidden state contributes."""
        y = np.asarray(hidden @ self.hh.T)
        return y if self.bias_hh is None else np.asarray(y + self.bias_hh)


def rnn_cell(weights: Weights, f: Function) -> Step:
    """h' = f(W x + b + R h + c)."""
    return lambda given, state: (f(given + weights.of_state(state[0])),)


def gru_cell(weights: Weights, f: Function, g: Function, linear_before_reset: bool) -> Step:
    """h' = (1 - z) * n + z * h, with the gates in the order r, z, n."""
    size = weights.hh.shape[1]
    candidate = Weights(
        weights.ih, weights.hh[2 * size :],
        bias_hh=None if weights.bias_hh is None else weights.bias_hh[2 * size :],
    )  # fmt: skip
    gates = Weights(
        weights.ih, weights.hh[: 2 * size],
        bias_hh=None if weights.bias_hh is None else weights.bias_hh[: 2 * size],
    )  # fmt: skip

    def step(given: Array, state: State) -> State:
        (hidden,) = state
        both = f(given[:, : 2 * size] + gates.of_state(hidden))
        reset, update = both[:, :size], both[:, size:]
        if linear_before_reset:
            recurrent = reset * candidate.of_state(hidden)
        else:
            recurrent = candidate.of_state(reset * hidden)
        new = g(given[:, 2 * size :] + recurrent)
        return ((1 - update) * new + update * hidden,)

    return step


def lstm_cell(weights: Weights, f: Function, g: Function, h: Function, coupled: bool) -> Step:
    """c' = f * c + i * g, h' = o * h(c'), with the gates in the order i, f, g, o.

    ``coupled``: what is forgotten is what comes in, f = 1 - i.
    """
    size = weights.hh.shape[1]
    none: list[Array] | list[float] = [0.0, 0.0, 0.0]
    peep = none if weights.peephole is None else np.split(weights.peephole, 3)

    def step(given: Array, state: State) -> State:
        hidden, cell = state
        total = given + weights.of_state(hidden)
        entry, forget, new, out = (total[:, k * size : (k + 1) * size] for k in range(4))
        admitted = f(entry + peep[0] * cell)
        kept = 1 - admitted if coupled else f(forget + peep[1] * cell)
        after = kept * cell + admitted * g(new)
        return f(out + peep[2] * after) * h(after), after

    return step


def walk(
    given: Array, step: Step, state: State, lengths: Array | None, reverse: bool
) -> tuple[Array, State]:
    """Outputs [t, b, hidden] and the last state of a cell that goes through time.

    A sample rests outside its length: its state stays and its output is 0.  Backwards it
    therefore starts at its own last element.
    """
    y = np.zeros((*given.shape[:2], state[0].shape[-1]), given.dtype)
    times: Sequence[int] = range(len(given))
    for t in reversed(times) if reverse else times:
        after = step(given[t], state)
        if lengths is None:
            y[t], state = after[0], after
            continue
        live = (t < lengths)[:, None]
        state = tuple(np.where(live, new, old) for new, old in zip(after, state, strict=True))
        y[t] = np.where(live, after[0], 0)
    return y, state
