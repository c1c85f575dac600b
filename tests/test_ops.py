"""Every operator passes through here; nobody edits this file to add one."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import astuple

import numpy as np
import pytest
from opcases import (
    Eager,
    arrays_of,
    cases,
    dtypes_for,
    flat,
    goldens,
    infer,
    known,
    results,
    symbolic,
    types_of,
    with_dtype,
)

from framework.errors import ShapeError
from framework.ir.dims import substitute
from framework.ir.kernel import How
from framework.ir.op import REGISTRY
from framework.numerics.team import Team

CASES = cases()
COMPOSITES = cases(lambda op: hasattr(op, "decompose"))
each_case = pytest.mark.parametrize(("op", "inputs"), CASES)
each_operator = pytest.mark.parametrize("cls", REGISTRY.values(), ids=list(REGISTRY))


@each_case
def test_shape_rule_agrees_with_computation(op, inputs):
    found = [y.shape for y in results(op.compute(*arrays_of(op, inputs)))]
    rules = [output.shape for output in infer(op, inputs).outputs]
    assert [known(*pair) for pair in zip(found, rules, strict=True)] == list(map(known, rules))


@each_case
def test_example_meets_all_conditions(op, inputs):
    assert [str(c) for c in infer(op, inputs).conditions if not c.verdict().always] == []


@each_case
def test_every_output_has_a_name(op, inputs):
    outputs = infer(op, inputs).outputs
    assert len(set(op.output_names(len(outputs)))) == len(outputs)


@each_case
def test_symbolic_inference_agrees_with_concrete(op, inputs):
    twin, types, values = symbolic(op, inputs)
    found, concrete = twin.infer(types), infer(op, inputs)
    assert twin.at(values) == op
    outputs = [output.at(values) for output in found.outputs]
    assert [known(y.shape) for y in outputs] == [known(y.shape) for y in concrete.outputs]
    assert [y.dtype for y in outputs] == [y.dtype for y in concrete.outputs]
    assert found.parameters == concrete.parameters
    assert [str(c) for c in found.conditions if not c.at(values).verdict().always] == []


@each_case
def test_symbolic_cost_agrees_with_concrete(op, inputs):
    twin, types, values = symbolic(op, inputs)
    cost, exact = twin.cost(twin.infer(types).match), op.cost(infer(op, inputs).match)
    assert substitute(cost.macs, values) == exact.macs
    assert substitute(cost.elementwise, values) == exact.elementwise
    sides = [[substitute(side, values) for side in astuple(one)] for one in cost.products]
    assert sides == [list(astuple(one)) for one in exact.products]


@each_case
def test_cost_is_a_whole_number_and_not_negative(op, inputs):
    cost = op.cost(infer(op, inputs).match)
    assert (type(cost.macs), type(cost.elementwise)) == (int, int)
    assert min(cost.macs, cost.elementwise) >= 0


@each_case
def test_matrix_products_are_part_of_the_cost(op, inputs):
    cost = op.cost(infer(op, inputs).match)
    assert all(type(side) is int for one in cost.products for side in astuple(one))
    assert sum(one.macs for one in cost.products) <= cost.macs


@each_case
def test_dtype_rule_agrees_with_computation(op, inputs):
    for dtype in dtypes_for(op):
        changed = with_dtype(op, inputs, dtype)
        try:
            expected = [output.dtype for output in infer(op, changed).outputs]
        except ShapeError as error:  # such as the mean of integers
            if error.code != "dtype":
                raise
            continue
        with np.errstate(over="ignore"):
            found = [str(y.dtype) for y in results(op.compute(*arrays_of(op, changed)))]
        assert found == expected, dtype


@each_case
def test_dtypes_that_are_not_accepted_are_refused(op, inputs):
    refused = {"int32", "bool", "float32"} - set(dtypes_for(op))
    if not any(port.dtype is None for port in op.ports.tensors):
        return
    for dtype in sorted(refused):
        with pytest.raises(ShapeError, match=f"is {dtype}") as caught:
            infer(op, with_dtype(op, [*inputs], dtype))
        assert caught.value.code == "dtype"


@each_case
def test_inputs_are_not_modified(op, inputs):
    arrays = arrays_of(op, inputs)
    before = deepcopy(arrays)
    op.compute(*arrays)
    for old, new in zip(flat(before), flat(arrays), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(("op", "inputs"), cases(lambda op: not op.views))
def test_results_share_no_memory_with_inputs(op, inputs):
    arrays = arrays_of(op, inputs)
    outputs = results(op.compute(*arrays))
    assert not any(np.shares_memory(x, y) for x in flat(arrays) for y in outputs)


@each_case
def test_float16_does_not_overflow_inside(op, inputs):
    if "float16" not in dtypes_for(op):
        return
    arrays = arrays_of(op, with_dtype(op, inputs, "float16"))
    large = [enlarged(x) for x in arrays]
    wide = [widened(x) for x in large]
    with np.errstate(all="ignore"):
        found, expected = results(op.compute(*large)), results(op.compute(*wide))
    for y, exact in zip(found, expected, strict=True):
        compare_where_finite(y, exact)


def enlarged(x):
    """Numbers whose squares no float16 can hold."""
    if isinstance(x, tuple):
        return tuple(map(enlarged, x))
    return x * np.float16(300) if x is not None and x.dtype == np.float16 else x


def widened(x):
    """The same numbers as float32."""
    if isinstance(x, tuple):
        return tuple(map(widened, x))
    return x.astype("float32") if x is not None and x.dtype == np.float16 else x


def compare_where_finite(y, exact):
    """Equal to float16 precision wherever float16 reaches."""
    if exact.dtype != np.float32:
        np.testing.assert_array_equal(y, exact)
        return
    within = np.abs(exact) < 60000
    largest = np.abs(exact[within]).max(initial=0)
    np.testing.assert_allclose(y[within], exact[within], rtol=1e-2, atol=2e-3 * max(1, largest))


@pytest.mark.parametrize(("op", "inputs"), COMPOSITES)
def test_computation_agrees_with_decomposition(op, inputs):
    arrays = arrays_of(op, with_dtype(op, inputs, "float64"))
    found = results(op.decompose(Eager(), *arrays))
    for y, expected in zip(found, results(op.compute(*arrays)), strict=True):
        assert (y.shape, y.dtype) == (expected.shape, expected.dtype)
        np.testing.assert_allclose(y, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("op", "inputs"), COMPOSITES)
def test_products_are_counted_as_in_the_decomposition(op, inputs):
    eager = Eager()
    op.decompose(eager, *arrays_of(op, inputs))
    assert op.cost(infer(op, inputs).match).macs == eager.cost.macs


@pytest.mark.parametrize("how", [How(), How("fast", Team(2))], ids=["strict", "fast"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@each_case
def test_prepared_function_agrees_with_computation(op, inputs, dtype, how):
    inputs = with_dtype(op, inputs, dtype) if dtype in dtypes_for(op) else inputs
    prepared = op.prepare(list(prepared_types(op, inputs)), how)
    arrays = arrays_of(op, inputs)
    if prepared is None:
        return
    expected = results(op.compute(*arrays))
    for y, exact in zip(results(prepared(*arrays)), expected, strict=True):
        assert (y.shape, y.dtype) == (exact.shape, exact.dtype)
        np.testing.assert_allclose(y, exact, rtol=1e-4, atol=1e-5)


def prepared_types(op, inputs):
    """Types in the order of the signature; None where nothing is connected."""
    given = types_of(op, inputs) | dict(infer(op, inputs).parameters)
    for port in op.ports.inputs:
        found = given.get(port.name)
        yield from found if isinstance(found, tuple) else (found,)


@pytest.mark.parametrize(("op", "arrays", "expected"), goldens())
def test_computation_agrees_with_values_checked_by_hand(op, arrays, expected):
    op.check()
    found = results(op.compute(*arrays))
    wanted = expected if isinstance(expected, tuple) else (expected,)
    assert len(found) == len(wanted)
    for y, exact in zip(found, wanted, strict=True):
        assert y.shape == np.shape(exact)
        np.testing.assert_allclose(y, exact, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("op", "arrays", "expected"), goldens())
def test_decomposition_agrees_with_values_checked_by_hand(op, arrays, expected):
    if not hasattr(op, "decompose"):
        return
    wanted = expected if isinstance(expected, tuple) else (expected,)
    for y, exact in zip(results(op.decompose(Eager(), *arrays)), wanted, strict=True):
        np.testing.assert_allclose(y, exact, rtol=1e-6, atol=1e-7)


@each_operator
def test_docstring_has_a_fact_a_formula_and_a_source(cls):
    fact, _, rest = cls.__doc__.partition("\n")
    assert fact.endswith((".", "?"))
    assert "Source:" in rest
    assert any("=" in line for line in rest.partition("Source:")[0].splitlines())


@each_operator
def test_examples_vary_every_attribute(cls):
    examples = [op for op, *_ in cls.examples()]
    assert len(examples) >= 2
    constant = [a.name for a in cls.attributes if len({getattr(op, a.name) for op in examples}) < 2]
    assert constant == []


@each_operator
def test_operators_with_attributes_have_values_checked_by_hand(cls):
    assert not cls.attributes or list(cls.goldens())


@each_operator
def test_rules_have_docstrings(cls):
    rules = ("check", "derive", "compute", "cost", "decompose", "prepare", "examples", "goldens")
    assert [name for name in rules if name in vars(cls) and not getattr(cls, name).__doc__] == []
