"""ONNX rules of RNN, GRU and LSTM: gates in another order, directions on an axis of their own.

ONNX has the weights of all directions in one tensor, [directions, gates * hidden, …], with the
gates in the order i o f c (LSTM) or z r h (GRU); ours are one tensor for each direction with
the gates in the order i f c o or r z n.  Its two biases lie one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from framework.exchange.rules.registry import Call, Refused, Wire, reads
from framework.ir.op import Array

FUNCTIONS = {
    "Sigmoid": "sigmoid", "Tanh": "tanh", "Relu": "relu", "Affine": "affine",
    "LeakyRelu": "leaky_relu", "ThresholdedRelu": "thresholded_relu", "ScaledTanh": "scaled_tanh",
    "HardSigmoid": "hard_sigmoid", "Elu": "elu", "Softsign": "softsign", "Softplus": "softplus",
}  # fmt: skip
OURS = {onnx.lower(): ours for onnx, ours in FUNCTIONS.items()}
THEIRS = {ours: onnx for onnx, ours in FUNCTIONS.items()}

ALPHAS = {
    "affine": 1.0, "leaky_relu": 0.01, "thresholded_relu": 1.0, "scaled_tanh": 1.0,
    "hard_sigmoid": 0.2, "elu": 1.0,
}  # fmt: skip
"""The activations that take an alpha, and the usual one."""

BETAS = {"affine": 0.0, "scaled_tanh": 1.0, "hard_sigmoid": 0.5}
"""The same for beta."""


@dataclass(frozen=True)
class Kind:
    """One of the three operators: which of ONNX's gates each of ours is, and its activations."""

    name: str
    theirs: str
    gates: tuple[int, ...]
    """For each of our gates its place in ONNX's order; a permutation that is its own inverse
    only for GRU, so writing inverts it."""
    activations: tuple[str, ...]
    usual: tuple[str, ...]
    states: int = 1

    def rows(self, hidden: int, begin: int = 0) -> Array:
        """ONNX's rows in our order."""
        return gate_rows(self.gates, hidden) + begin * len(self.gates) * hidden


KINDS = {
    "RNN": Kind("rnn", "RNN", (0,), ("activation",), ("tanh",)),
    "GRU": Kind(
        "gru", "GRU", (1, 0, 2), ("gate_activation", "cell_activation"), ("sigmoid", "tanh")
    ),
    "LSTM": Kind(
        "lstm", "LSTM", (0, 2, 3, 1),
        ("gate_activation", "cell_activation", "hidden_activation"),
        ("sigmoid", "tanh", "tanh"), states=2,
    ),
}  # fmt: skip
PEEPHOLES = (0, 2, 1)
"""ONNX has them in the order i o f."""


def gate_rows(gates: Sequence[int], hidden: int) -> Array:
    """Rows of a matrix of gates in another order."""
    return np.concatenate([np.arange(hidden) + gate * hidden for gate in gates])


@reads("RNN", "GRU", "LSTM")
def read_recurrent(n: Call) -> tuple[Wire | None, ...]:
    """One operator of ours; two where the directions have different activations."""
    kind = KINDS[n.op_type]
    direction = n.text("direction", "forward")
    if direction not in ("forward", "reverse", "bidirectional"):
        raise Refused(f"the direction '{direction}' is not known")
    count = 2 if direction == "bidirectional" else 1
    given = [activations_of(n, kind, number, count) for number in range(count)]
    if count == 1 or given[0] == given[1]:
        results = layer(n, kind, direction, range(count), given[0])
    else:
        each = zip(("forward", "reverse"), range(count), given, strict=True)
        parts = [layer(n, kind, word, (number,), options) for word, number, options in each]
        joined = zip(*parts, strict=True)
        results = tuple(
            n.add("concat", *pair, axis=-1 if place == 0 else 0)
            for place, pair in enumerate(joined)
        )
    return outputs_of(n, results, count)


def layer(
    n: Call, kind: Kind, direction: str, numbers: Sequence[int], options: dict[str, Any]
) -> tuple[Wire, ...]:
    """Our operator for one direction or both."""
    hidden = n.int("hidden_size") if n.has("hidden_size") else n[2].shape[-1]
    if hidden != n[2].shape[-1]:
        raise Refused(f"hidden_size is {hidden}; the weights are for {n[2].shape[-1]}")
    options = options | special(n)
    slots: dict[str, Wire | None] = {}
    for suffix, number in zip(("", "_reverse"), numbers, strict=False):
        found = weights_of(n, kind, number, hidden)
        slots |= {f"{slot}{suffix}": wire for slot, wire in found.items()}
    states = (state_of(n, n[index], numbers) for index in (5, 6)[: kind.states])
    return n.add_all(
        kind.name, n[0], n[4], *states, hidden_size=hidden, direction=direction,
        bias=n[3] is not None, batch_first=n.flag("layout"), clip=n.real("clip"),
        **options, **slots,
    )  # fmt: skip


def special(n: Call) -> dict[str, Any]:
    """Attributes that only one of the three has."""
    if n.op_type == "GRU":
        return {"linear_before_reset": n.flag("linear_before_reset")}
    if n.op_type == "LSTM":
        return {"coupled": n.flag("input_forget")}
    return {}


def weights_of(n: Call, kind: Kind, number: int, hidden: int) -> dict[str, Wire | None]:
    """The slots of one direction."""
    rows, later = kind.rows(hidden), kind.rows(hidden, 1)
    found = {
        "weight_ih": picked(n, n[1], number, rows),
        "weight_hh": picked(n, n[2], number, rows),
        "bias_ih": picked(n, n[3], number, rows),
        "bias_hh": picked(n, n[3], number, later),
    }
    if n.op_type == "LSTM":  # whether the slot is filled sets the attribute of its name
        found["peephole"] = picked(n, n[7], number, gate_rows(PEEPHOLES, hidden))
    return found


def picked(n: Call, wire: Wire | None, number: int, rows: Array) -> Wire | None:
    """Rows of one direction in our order."""
    if wire is None:
        return None
    one = n.add("select", wire, axis=0, index=number)
    if one.shape[0] == len(rows) and (rows == np.arange(len(rows))).all():
        return one
    return n.add("gather", one, n.constant(rows), axis=0)


def state_of(n: Call, wire: Wire | None, numbers: Sequence[int]) -> Wire | None:
    """The first state of some directions, [directions, b, hidden]."""
    if wire is None:
        return None
    if n.flag("layout"):
        wire = n.add("transpose", wire, perm=(1, 0, 2))
    if wire.shape[0] == 2 and len(numbers) == 1:
        return n.add("slice", wire, axis=0, start=numbers[0], stop=numbers[0] + 1)
    return wire


def outputs_of(n: Call, results: Sequence[Wire], count: int) -> tuple[Wire | None, ...]:
    """The directions on an axis of their own, where ONNX has it; None for what nobody wants."""
    y, *states = results
    batch_first = n.flag("layout")
    whole: Wire | None = None
    if n.wants(0) and count == 1:
        whole = n.add("unsqueeze", y, axes=(2 if batch_first else 1,))
    elif n.wants(0):
        pattern = "b t (d h) -> b t d h" if batch_first else "t b (d h) -> t d b h"
        whole = n.add("rearrange", y, pattern=pattern, sizes=(("d", count),))
    if batch_first:
        states = [
            n.add("transpose", state, perm=(1, 0, 2)) if n.wants(place) else state
            for place, state in enumerate(states, 1)
        ]
    return whole, *states


def activations_of(n: Call, kind: Kind, number: int, count: int) -> dict[str, Any]:
    """Names, alphas and betas of one direction; the numbers go to those that take one, in order."""
    size = len(kind.activations)
    words = n.texts("activations", ()) or tuple(THEIRS[name] for name in kind.usual) * count
    unknown = [word for word in words if word.lower() not in OURS]
    if unknown or len(words) < size * count:
        raise Refused(f"the activations {list(words)} are not {size * count} known ones")
    names = [OURS[word.lower()] for word in words[: size * count]]
    options: dict[str, Any] = dict(
        zip(kind.activations, names[number * size : (number + 1) * size], strict=True)
    )
    for attribute, usual in (("alpha", ALPHAS), ("beta", BETAS)):
        values = spread_numbers(names, usual, n.reals(f"activation_{attribute}", ()))
        if n.has(f"activation_{attribute}"):
            options[attribute] = values[number * size : (number + 1) * size]
    return options


def spread_numbers(
    names: Sequence[str], usual: dict[str, float], given: Sequence[float]
) -> tuple[float, ...]:
    """A number for each activation; 0 for those that take none."""
    rest = list(given)
    return tuple((rest.pop(0) if rest else usual[name]) if name in usual else 0.0 for name in names)
