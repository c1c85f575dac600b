"""PyTorch judges rnn, gru and lstm: every direction, layout and length, with its own weights."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from framework.errors import InputError, Mistake, ShapeError
from framework.ir.op import find_op
from framework.ir.types import TensorType

importlib.import_module("framework.ops")  # declares the operators
torch = pytest.importorskip("torch")

LAYERS = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}
STATES = {"rnn": 1, "gru": 1, "lstm": 2}
SLOTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
each_layer = pytest.mark.parametrize("name", LAYERS)


def layer(name, direction="forward", bias=True, batch_first=True, **more):
    """Our operator and PyTorch's layer with the same settings."""
    torch.manual_seed(3)
    both = direction == "bidirectional"
    theirs = LAYERS[name](4, 5, bias=bias, batch_first=batch_first, bidirectional=both).double()
    ours = find_op(name)(5, direction, bias=bias, batch_first=batch_first, **more)
    ours.check()
    return ours, theirs


def weights(op, theirs):
    """PyTorch's parameters in the order of our slots: its names plus or minus ``_l0``."""
    for slot in op.ports.slots:
        base, reverse, _ = slot.name.partition("_reverse")
        given = theirs._parameters.get(f"{base}_l0{reverse}")
        yield None if given is None else given.detach().numpy()


def normal(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape)


def run(op, theirs, x, lengths=None, states=None):
    """The results of our operator, once they have the types that inference says."""
    states = states or (None,) * STATES[op.name]
    arrays = (x, lengths, *states, *weights(op, theirs))
    ports = zip(op.ports.inputs, arrays, strict=True)
    types = {p.name: TensorType(a.shape, str(a.dtype)) for p, a in ports if a is not None}
    inferred = op.infer(types)
    assert inferred.conditions == ()
    found = op.compute(*arrays)
    assert [(y.shape, str(y.dtype)) for y in found] == [
        (t.shape, t.dtype) for t in inferred.outputs
    ]
    return found


def flat(output, states):
    """PyTorch's results as one list of arrays."""
    states = states if isinstance(states, tuple) else (states,)
    return [value.detach().numpy() for value in (output, *states)]


def agree(found, expected):
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@each_layer
@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
def test_a_layer_agrees_with_torch(name, direction, bias, batch_first):
    ours, theirs = layer(name, direction, bias, batch_first)
    x = normal(3, 7, 4)
    agree(run(ours, theirs, x), flat(*theirs(torch.from_numpy(x))))


@each_layer
@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
def test_first_states_agree_with_torch(name, direction):
    ours, theirs = layer(name, direction)
    x, count = normal(3, 7, 4), len(ours.backwards)
    states = tuple(normal(count, 3, 5) + k for k in range(STATES[name]))
    given = tuple(map(torch.from_numpy, states))
    expected = theirs(torch.from_numpy(x), given if len(given) > 1 else given[0])
    agree(run(ours, theirs, x, states=states), flat(*expected))


@each_layer
@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
def test_lengths_agree_with_packed_sequences(name, direction):
    ours, theirs = layer(name, direction)
    x, lengths = normal(4, 7, 4), np.array([7, 1, 3, 6])
    pack = torch.nn.utils.rnn.pack_padded_sequence
    packed = pack(torch.from_numpy(x), torch.from_numpy(lengths), True, enforce_sorted=False)
    y, states = theirs(packed)
    whole, _ = torch.nn.utils.rnn.pad_packed_sequence(y, batch_first=True)
    agree(run(ours, theirs, x, lengths), flat(whole, states))


def test_relu_agrees_with_torch():
    ours, _ = layer("rnn", activation="relu")
    theirs = torch.nn.RNN(4, 5, nonlinearity="relu", batch_first=True).double()
    x = normal(3, 7, 4)
    agree(run(ours, theirs, x), flat(*theirs(torch.from_numpy(x))))


@each_layer
def test_reverse_is_forward_on_the_reversed_sequence(name):
    ours, theirs = layer(name, "reverse")
    forward, x = find_op(name)(5), normal(3, 7, 4)
    y, *states = run(forward, theirs, x[:, ::-1])
    agree(run(ours, theirs, x), [y[:, ::-1], *states])


@each_layer
def test_both_ways_are_each_way_by_itself(name):
    ours, theirs = layer(name, "bidirectional")
    x, arrays = normal(3, 7, 4), list(weights(ours, theirs))
    half, rest = len(arrays) // 2, (None,) * (1 + STATES[name])
    there = find_op(name)(5).compute(x, *rest, *arrays[:half])
    back = find_op(name)(5, "reverse").compute(x, *rest, *arrays[half:])
    columns = zip((-1, 0, 0)[: len(there)], there, back, strict=True)
    agree(run(ours, theirs, x), [np.concatenate(pair, axis) for axis, *pair in columns])


@each_layer
def test_a_sample_of_length_0_keeps_its_state(name):
    ours, theirs = layer(name, "bidirectional")
    states = tuple(normal(2, 1, 5) for _ in range(STATES[name]))
    y, *last = run(ours, theirs, normal(1, 7, 4), np.array([0]), states)
    agree([y, *last], [np.zeros((1, 7, 10)), *states])


@each_layer
@pytest.mark.parametrize(("length", "words"), [(8, "a length is 8"), (-1, "a length is -1")])
def test_lengths_outside_the_sequence_are_refused(name, length, words):
    ours, theirs = layer(name)
    with pytest.raises(InputError, match=f"{words}; the sequence has 7 elements"):
        run(ours, theirs, normal(1, 7, 4), np.array([length]))


@each_layer
def test_states_of_another_batch_are_refused(name):
    op = find_op(name)(5)
    found = op.infer({"x": TensorType((3, 7, 4)), "h0": TensorType((1, 2, 5))})
    (condition,) = found.conditions
    assert condition.verdict().never


@each_layer
def test_weights_of_another_width_are_refused(name):
    op = find_op(name)(5)
    given = {"x": TensorType((3, 7, 4)), "weight_hh": TensorType((20, 6))}
    assert any(condition.verdict().never for condition in op.infer(given).conditions)


def test_numbers_for_activations_that_are_not_there_are_refused():
    op = find_op("gru")(5, alpha=(0.1, 0.2, 0.3))
    with pytest.raises(Mistake, match="alpha has 3 numbers; there are 2 activations"):
        op.check()


def test_a_sequence_needs_three_axes():
    with pytest.raises(ShapeError, match="x needs 3 axes"):
        find_op("lstm")(5).infer({"x": TensorType((7, 4))})
