"""ONNX rules that write RNN, GRU and LSTM; the order of their gates is told in `recurrent`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from framework.exchange.rules.recurrent import (
    ALPHAS,
    BETAS,
    KINDS,
    PEEPHOLES,
    THEIRS,
    Kind,
    gate_rows,
)
from framework.exchange.rules.registry import Out, Sent, writes
from framework.ir.op import Array


@writes("rnn")
def write_rnn(w: Out, op: Any, x: Sent, *rest: Sent | None) -> tuple[Sent, ...]:
    """As it is."""
    return written(w, KINDS["RNN"], op, x, rest, {})


@writes("gru")
def write_gru(w: Out, op: Any, x: Sent, *rest: Sent | None) -> tuple[Sent, ...]:
    """With the reset before or after the product."""
    return written(
        w, KINDS["GRU"], op, x, rest, {"linear_before_reset": int(op.linear_before_reset)}
    )


@writes("lstm")
def write_lstm(w: Out, op: Any, x: Sent, *rest: Sent | None) -> tuple[Sent, ...]:
    """With peepholes and coupled gates, if there are any."""
    return written(w, KINDS["LSTM"], op, x, rest, {"input_forget": int(op.coupled)})


def written(
    w: Out, kind: Kind, op: Any, x: Sent, rest: Sequence[Any], special: dict[str, Any]
) -> tuple[Sent, ...]:
    """The ONNX node between transpositions: what runs ONNX wants time first."""
    lengths, initial = rest[0], list(rest[1 : 1 + kind.states])
    stacks = [stacked(w, part) for part in tensors_of(w, kind, op, rest[1 + kind.states :])]
    weight, recurrent, bias, *peephole = stacks
    ends = None if lengths is None else w.cast(lengths, "int32")
    signal = w.add("Transpose", x, perm=[1, 0, 2]) if op.batch_first else x
    y, *states = w.add(
        kind.theirs, signal, weight, recurrent, bias, ends, *initial, *peephole,
        outputs=1 + kind.states, hidden_size=op.hidden_size, direction=op.direction,
        clip=op.clip, **special, **written_activations(kind, op),
    )  # fmt: skip
    turned = w.add("Transpose", y, perm=[2, 0, 1, 3] if op.batch_first else [0, 2, 1, 3])
    width = len(op.backwards) * op.hidden_size
    return w.add("Reshape", turned, w.ints([0, 0, width])), *states


def tensors_of(w: Out, kind: Kind, op: Any, slots: Sequence[Any]) -> list[list[Any]]:
    """For each of ONNX's weight tensors the parts of all directions; [None] where there is none."""
    count = len(slots) // 2
    order = gate_rows(np.argsort(kind.gates).tolist(), op.hidden_size)
    found: list[list[Any]] = [[] for _ in range(count - 1)]
    for number in range(len(op.backwards)):
        ih, hh, bias_ih, bias_hh, *peephole = slots[number * count : (number + 1) * count]
        found[0].append(reordered(w, ih, order))
        found[1].append(reordered(w, hh, order))
        found[2].append(both_biases(w, bias_ih, bias_hh, order))
        for peep in peephole:
            found[3].append(reordered(w, peep, gate_rows(PEEPHOLES, op.hidden_size)))
    return found


def reordered(w: Out, given: Sent | None, rows: Array) -> Sent | None:
    """Rows in ONNX's order; at once where the weight is known."""
    if given is None or (rows == np.arange(len(rows))).all():
        return given
    if given.array is not None:
        return w.constant(given.array[rows])
    return w.add("Gather", given, w.ints(rows.tolist()), axis=0)


def both_biases(w: Out, ih: Sent | None, hh: Sent | None, rows: Array) -> Sent | None:
    """The two biases of one direction after each other; zeros for one that is missing."""
    given = ih if hh is None else hh
    if given is None:
        return None
    zero = w.constant(np.zeros(len(rows), given.dtype))
    parts = [reordered(w, zero if bias is None else bias, rows) for bias in (ih, hh)]
    return joined(w, parts)


def stacked(w: Out, parts: Sequence[Any]) -> Sent | None:
    """The directions on a new first axis."""
    if None in parts:
        return None
    if all(part.array is not None for part in parts):
        return w.constant(np.stack([part.array for part in parts]))
    return joined(w, [w.add("Unsqueeze", part, w.ints([0])) for part in parts])


def joined(w: Out, parts: Sequence[Any]) -> Sent:
    """One after the other along the first axis."""
    if all(part.array is not None for part in parts):
        return w.constant(np.concatenate([part.array for part in parts]))
    first: Sent = parts[0]
    return first if len(parts) == 1 else w.add("Concat", *parts, axis=0)


def written_activations(kind: Kind, op: Any) -> dict[str, Any]:
    """Nothing where they are the usual ones."""
    names = list(op.functions)
    if tuple(names) == kind.usual:
        return {}
    count = len(op.backwards)
    options: dict[str, Any] = {"activations": [THEIRS[name] for name in names] * count}
    for attribute, usual in (("alpha", ALPHAS), ("beta", BETAS)):
        given = getattr(op, attribute)
        values = given if isinstance(given, tuple) else (given,) * len(names)
        pairs = [(n, v) for n, v in zip(names, values, strict=True) if n in usual]
        numbers = [usual[name] if value is None else value for name, value in pairs]
        options[f"activation_{attribute}"] = numbers * count or None
    return options
