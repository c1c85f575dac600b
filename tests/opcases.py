"""What the tests of operators share: example arrays, symbolic twins, an eager graph builder."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import framework.ops
from framework.errors import ShapeError
from framework.ir.dims import Dim, Symbols
from framework.ir.op import REGISTRY, Cost, Sample, find_op
from framework.ir.types import GROUPS, TensorType

FAMILIES = framework.ops.__path__  # importing the folder fills the registry


def cases(keep=lambda op: True):
    """One parameter set for each example of each operator."""
    return [
        pytest.param(op, samples(inputs), id=f"{name}-{number}")
        for name, cls in REGISTRY.items()
        for number, (op, *inputs) in enumerate(cls.examples())
        if keep(op)
    ]


def goldens():
    """One parameter set for each hand-checked result."""
    return [
        pytest.param(*golden, id=f"{name}-{number}")
        for name, cls in REGISTRY.items()
        for number, golden in enumerate(cls.goldens())
    ]


def samples(inputs):
    """Shapes as `Sample`s; lists as tuples of them."""
    return tuple(
        tuple(map(sample, given)) if isinstance(given, list) else sample(given) for given in inputs
    )


def sample(given):
    """A bare shape is float32."""
    return Sample(given) if isinstance(given, tuple) else given


def each(function, given):
    """Apply to one thing, to all of a variadic port, or to nothing."""
    if isinstance(given, tuple):
        return tuple(map(function, given))
    return None if given is None else function(given)


def types_of(op, inputs):
    """What `Op.infer` wants: a type for each connected port."""
    found = (each(lambda s: TensorType(s.shape, s.dtype), given) for given in inputs)
    return {p.name: t for p, t in zip(op.ports.tensors, found, strict=False) if t is not None}


def infer(op, inputs):
    """The inference of an example."""
    op.check()
    return op.infer(types_of(op, inputs))


def known(shape, rule=None):
    """The shape, with None for each size that only the data decide: a symbol in the rule."""
    rule = shape if rule is None else rule
    assert len(shape) == len(rule)
    pairs = zip(shape, rule, strict=True)
    return tuple(None if isinstance(size, Dim) else have for have, size in pairs)


def arrays_of(op, inputs):
    """Arguments of `compute`: random arrays in the order of the signature, parameters last."""
    rng = np.random.default_rng(0)
    found = [each(lambda s: array_of(s, rng), given) for given in inputs]
    found += [None] * (len(op.ports.tensors) - len(found))
    parameters = infer(op, inputs).parameters
    for slot in op.ports.slots:
        kind = parameters.get(slot.name)
        found.append(kind and parameter_of(kind, slot.name in op.buffers, rng))
    return found


def array_of(given, rng):
    """Normal numbers, or whole ones within the sample's limits."""
    if given.dtype == "bool" or "int" in given.dtype:
        return np.asarray(rng.integers(given.low, given.high, given.shape), given.dtype)
    return np.asarray(rng.standard_normal(given.shape), given.dtype)


def parameter_of(kind, buffer, rng):
    """A variance must be positive, so buffers are."""
    drawn = rng.uniform(0.5, 1.5, kind.shape) if buffer else rng.standard_normal(kind.shape)
    return np.asarray(drawn, kind.dtype)


def results(answer):
    """The results of `compute` as a tuple."""
    return answer if isinstance(answer, tuple) else (answer,)


def flat(arrays):
    """All arrays of an argument list, variadic ones too."""
    for given in arrays:
        yield from given if isinstance(given, tuple) else () if given is None else (given,)


def with_dtype(op, inputs, dtype):
    """The same inputs with everything of the shared dtype, and float masks, in another one."""
    shared = [port.dtype in (None, "mask") for port in op.ports.tensors]
    return tuple(
        each(lambda s: retyped(s, dtype), given) if free else given
        for free, given in zip(shared, inputs, strict=False)
    )


def retyped(given, dtype):
    """A sample in another dtype; boolean masks stay."""
    if given.dtype == "bool" or given.dtype == dtype:
        return given
    return replace(given, dtype=dtype, low=0, high=2 if dtype == "bool" else 9)


# ------------------------------------------------------------------------- symbolic twins


def symbolic(op, inputs):
    """(operator, types, values): every size a symbol, but for 0, 1, and those of weights.

    A 1 stays because it repeats in broadcasting.  Which sizes a weight depends on is found
    by trying them one by one.
    """
    types, free = types_of(op, inputs), []
    for name in Twin(op, types).values:
        try:
            attempt = Twin(op, types, [name])
            attempt.op.infer(attempt.types)
        except ShapeError as error:
            if error.code != "weight-shape":
                raise
        else:
            free.append(name)
    twin = Twin(op, types, free)
    return twin.op, twin.types, twin.values


class Twin:
    """An example with symbols for the sizes in ``free`` (None: for all)."""

    def __init__(self, op, types, free=None):
        self.symbols, self.values, self.free = Symbols(), {}, free
        self.op = self._operator(op)
        self.types = {
            port.name: self._given(op, port, types[port.name])
            for port in op.ports.tensors
            if port.name in types
        }

    def _size(self, name, value):
        if value < 2 or (self.free is not None and name not in self.free):
            return value
        if name not in self.values:
            self.symbols.declare(name, minimum=2)
        self.values[name] = value
        return self.symbols[name]

    def _operator(self, op):
        chosen = [a.name for a in op.attributes if a.kind.name in ("shape", "size")]
        old = {name: getattr(op, name) for name in chosen}
        new = {k: self._attribute(k, v) for k, v in old.items() if v is not None}
        return type(op)(**{**op.values, **new})

    def _attribute(self, name, value):
        if isinstance(value, tuple):
            return tuple(self._size(f"{name}{i}", size) for i, size in enumerate(value))
        return self._size(name, value)

    def _given(self, op, port, given):
        if not port.variadic:
            return self._renamed(op, port, given, "")
        return tuple(self._renamed(op, port, kind, f"_{i}") for i, kind in enumerate(given))

    def _renamed(self, op, port, kind, suffix):
        own = [attribute.name for attribute in op.attributes]
        names = []
        spare = len(kind.shape) - len(port.axes) + 1
        for axis in port.axes:
            if axis.many:
                names += [f"{axis.name}{i}{suffix}" for i in range(spare)]
            else:
                names.append(None if axis.name in own else axis.name)
        sizes = zip(names, kind.shape, strict=True)
        shape = tuple(size if name is None else self._size(name, size) for name, size in sizes)
        return TensorType(shape, kind.dtype)


# ------------------------------------------------------------------------- eager decomposition


class Eager:
    """Stands in for the graph builder in `decompose`: computes at once, and checks types."""

    def __init__(self):
        self.cost = Cost()

    def shape(self, value):
        return value.shape

    def dtype(self, value):
        return str(value.dtype)

    def __getattr__(self, name):
        def apply(*values, **attributes):
            op = find_op(name)(**attributes)
            op.check()
            arguments = arranged(op, values)
            inference = op.infer(array_types(op, arguments))
            assert all(c.verdict().always for c in inference.conditions)
            self.cost += op.cost(inference.match)
            answer = op.compute(*arguments)
            found = [TensorType(y.shape, str(y.dtype)) for y in results(answer)]
            assert found == list(inference.outputs)
            return answer

        return apply


def arranged(op, values):
    """Positional values in the order of the signature; all of them at a variadic port."""
    return (values,) if any(port.variadic for port in op.ports.inputs) else values


def array_types(op, arguments):
    """Types of the arguments by port, parameters included."""
    kinds = (each(lambda x: TensorType(x.shape, str(x.dtype)), given) for given in arguments)
    return {p.name: k for p, k in zip(op.ports.inputs, kinds, strict=False) if k is not None}


def dtypes_for(op):
    """The dtypes to try at the ports that share one."""
    shared = any(port.dtype is None for port in op.ports.tensors)
    tried = ("float16", "float32", "float64", "int32", "int64", "uint8", "bool")
    return [dtype for dtype in tried if dtype in GROUPS[op.accepts]] if shared else ["float32"]
