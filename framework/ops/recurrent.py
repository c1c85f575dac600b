"""Recurrent layers: what rnn, gru and lstm have in common, and the plain one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from framework.errors import InputError, Mistake
from framework.ir.attributes import Reals
from framework.ir.dims import Size
from framework.ir.op import Array, Cost, Match, Op, Sample
from framework.numerics.convolution import widened
from framework.numerics.recurrent import Function, Step, Weights, activation, rnn_cell, walk

Direction = Literal["forward", "reverse", "bidirectional"]

Activation = Literal[
    "sigmoid", "tanh", "relu", "affine", "leaky_relu", "thresholded_relu", "scaled_tanh",
    "hard_sigmoid", "elu", "softsign", "softplus",
]  # fmt: skip


def layer_signature(gates: int, states: str, extra: str = "") -> str:
    """The signature of a layer; ``states`` are letters, ``extra`` further slots of a direction."""
    vector = f"{gates}*hidden_size"
    initial = "".join(f", {state}0?: directions batch hidden_size" for state in states)
    slots = (
        f", weight_ih{{0}}: {vector} c, weight_hh{{0}}: {vector} hidden_size"
        f", bias_ih{{1}}: {vector}, bias_hh{{1}}: {vector}{extra}"
    )
    both = slots.format("~", "~?") + slots.format("_reverse~?", "_reverse~?")
    finals = "".join(f", {state}: directions batch hidden_size" for state in states)
    return (
        f"x: first second c, lengths?<int>: batch{initial}{both} "
        f"-> y: first second directions*hidden_size{finals}"
    )


def first_values(*vectors: str) -> dict[str, object]:
    """Initialisers of the slots of both directions; vectors start at 0."""
    values: dict[str, object] = {"weight_ih": "xavier_uniform", "weight_hh": "orthogonal"}
    values |= dict.fromkeys(vectors, "zeros")
    return values | {f"{slot}_reverse": value for slot, value in values.items()}


class Recurrent(Op):
    """Family: a cell that goes through a sequence, forward, backwards, or both ways.

    ``x`` is [b, t, c], or [t, b, c] without ``batch_first``; the states are [directions, b,
    hidden_size] either way.  ``y`` has the outputs of both directions one after the other on
    its last axis.  ``lengths`` gives each sample's length: beyond it the output is 0, and the
    state is that at the sample's own end.
    """

    category = "linear"
    main = "hidden_size"
    slots: ClassVar[int] = 4
    """Parameter slots of each direction."""
    states: ClassVar[int] = 1
    gates: ClassVar[int] = 1
    work: ClassVar[int] = 3
    """Elementwise operations for one unit at one time."""

    hidden_size: int
    direction: Direction
    bias: bool
    batch_first: bool
    clip: float | None
    alpha: Any
    beta: Any

    def check(self) -> None:
        """At least one unit; bounds and numbers that make sense."""
        if self.hidden_size < 1:
            raise Mistake(f"hidden_size is {self.hidden_size}; it must be at least 1")
        if self.clip is not None and not self.clip > 0:
            raise Mistake(f"clip is {self.clip}; it must be above 0", hint="leave it out")
        for name in ("alpha", "beta"):
            given, wanted = getattr(self, name), len(self.functions)
            if isinstance(given, tuple) and len(given) != wanted:
                raise Mistake(f"{name} has {len(given)} numbers; there are {wanted} activations")

    @property
    def functions(self) -> tuple[str, ...]:
        """Names of the activations, in the order of `alpha` and `beta`."""
        raise NotImplementedError

    def cell(self, weights: Weights, functions: Sequence[Function]) -> Step:
        """One step of one direction."""
        raise NotImplementedError

    def has_slot(self, slot: str) -> bool:
        """The second direction has slots of its own; both biases come together."""
        if slot.endswith("_reverse") and self.direction != "bidirectional":
            return False
        return self.bias or not slot.startswith("bias")

    def derive(self, d: Match) -> dict[str, Any]:
        """Which axis is the batch; how many directions there are."""
        batch: Size = d.first if self.batch_first else d.second
        directions = len(self.backwards)
        for name, wanted in (("batch", batch), ("directions", directions)):
            if name in d.names:
                d.require("==", d.names[name], wanted, f"{name} of the states or lengths and of x")
        return {"batch": batch, "directions": directions}

    @property
    def backwards(self) -> tuple[bool, ...]:
        """For each direction: does it go backwards?"""
        if self.direction == "bidirectional":
            return (False, True)
        return (self.direction == "reverse",)

    def compute(self, x: Array, lengths: Array | None, *rest: Array | None) -> tuple[Array, ...]:
        """Each direction by itself; all products with the input at once."""
        wide = widened(x if self.batch_first else x.swapaxes(0, 1))
        inner = [None if array is None else widened(array) for array in rest]
        check_lengths(lengths, wide.shape[1])
        found = [
            self._one(wide, lengths, inner, number, backwards)
            for number, backwards in enumerate(self.backwards)
        ]
        y = np.concatenate([outputs for outputs, _ in found], -1)
        y = y.swapaxes(0, 1) if self.batch_first else y
        last = (np.stack(states) for states in zip(*(each for _, each in found), strict=True))
        return tuple(np.array(array, x.dtype, order="C") for array in (y, *last))

    def _one(
        self, x: Array, lengths: Array | None, rest: list[Any], number: int, backwards: bool
    ) -> tuple[Array, tuple[Array, ...]]:
        """Outputs [t, b, hidden] and last states of one direction."""
        begin = self.states + number * self.slots
        weights = Weights(*rest[begin : begin + self.slots])
        zero = np.zeros((len(x), self.hidden_size), x.dtype)
        initial = tuple(zero if s is None else s[number] for s in rest[: self.states])
        step = self.cell(weights, self._activations())
        return walk(weights.of_input(x.swapaxes(0, 1)), step, initial, lengths, backwards)

    def _activations(self) -> list[Function]:
        """The activations with their numbers."""
        count = len(self.functions)
        alphas, betas = (
            given if isinstance(given, tuple) else (given,) * count
            for given in (self.alpha, self.beta)
        )
        clips = (self.clip, self.clip, None)  # gates, candidate; a cell is read as it is
        columns = zip(self.functions, alphas, betas, clips, strict=False)
        return [activation(*column) for column in columns]

    def index_limit(self, d: Match) -> dict[str, Size]:
        """A length is at most that of the sequence."""
        return {"lengths": (d.second if self.batch_first else d.first) + 1}

    def cost(self, d: Match) -> Cost:
        """Two matrix products for each time and direction, and the activations and sums."""
        units = d.first * d.second * d.directions * self.hidden_size
        return Cost(units * self.gates * (d.c + self.hidden_size), units * self.work)


def check_lengths(lengths: Array | None, longest: int) -> None:
    """Refuse lengths outside ``[0, longest]``; names the worst one."""
    if lengths is None or lengths.size == 0:
        return
    low, high = int(lengths.min()), int(lengths.max())
    if high > longest or low < 0:
        worst = high if high > longest else low
        raise InputError(f"a length is {worst}; the sequence has {longest} elements")


class RNN(Recurrent, name="rnn"):
    """A layer whose hidden state is a function of the input and of the hidden state before.

    h[t] = activation(weight_ih x[t] + bias_ih + weight_hh h[t-1] + bias_hh), y[t] = h[t]
    Source: ONNX RNN-22; torch.nn.RNN; Elman 1990.  Axes, lengths and states: see `lstm`.
    """

    signature = layer_signature(1, "h")
    initial = first_values("bias_ih", "bias_hh")

    hidden_size: int
    direction: Direction = "forward"
    bias: bool = True
    batch_first: bool = True
    activation: Activation = "tanh"
    clip: float | None = None
    alpha: Reals | None = None
    beta: Reals | None = None

    @property
    def functions(self) -> tuple[str, ...]:
        """There is one."""
        return (self.activation,)

    def cell(self, weights: Weights, functions: Sequence[Function]) -> Step:
        """One function of one sum."""
        return rnn_cell(weights, *functions)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Every direction, layout, and way to begin."""
        yield cls(hidden_size=5), (2, 3, 4)
        ends = Sample((2,), "int32", low=1, high=4)
        yield cls(5, "bidirectional", activation="relu"), (2, 3, 4), ends, (2, 2, 5)
        yield cls(5, "reverse", bias=False, batch_first=False, clip=0.5), (3, 2, 4), ends
        yield cls(3, activation="scaled_tanh", alpha=1.7159, beta=(2 / 3,)), (2, 5, 4)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """With h[t] = 2 x[t] + 10 h[t-1] + 1 both ways; a short sample rests; bounded sums."""
        x, one, half = np.array([[[1.0], [2.0]]]), np.array([[2.0]]), np.array([0.5])
        way = (one, 5 * one, half, half)
        line: dict[str, Any] = {"hidden_size": 1, "activation": "affine"}
        yield cls(**line), (x, None, None, *way), ([[[3], [35]]], [[[35]]])
        started = (x, None, np.array([[[1.0]]]), *way)
        yield cls(**line), started, ([[[13], [135]]], [[[135]]])
        back = (x, None, None, *way)
        yield cls(**line, direction="reverse"), back, ([[[53], [5]]], [[[53]]])
        short = (x, np.array([1]), None, *way, *way)
        both = cls(**line, direction="bidirectional")
        yield both, short, ([[[3, 3], [0, 0]]], [[[3]], [[3]]])
        two = np.array([[[1.0], [0.5]]])  # two samples at one time
        yield cls(**line, batch_first=False), (two, None, None, *way), ([[[3], [2]]], [[[3], [2]]])
        yield cls(**line, clip=4.0), (x, None, None, *way), ([[[3], [4]]], [[[4]]])
        yield cls(**line, alpha=2.0, beta=-1.0), (x[:, :1], None, None, *way), ([[[5]]], [[[5]]])
