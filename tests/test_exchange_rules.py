"""Every operator × its examples as an ONNX model, run by others; nobody edits this to add one.

A model has one node.  onnxruntime runs it, or ONNX's own evaluator where onnxruntime has no
kernel, and the results are those of `Op.compute`.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
from onnx.defs import onnx_opset_version
from onnxcases import (
    FAILURES,
    NO_KERNEL,
    by_onnxruntime,
    compare,
    evaluate,
    exported,
    one_node,
    one_symbolic_node,
    run_onnx,
)
from opcases import cases, dtypes_for, samples, with_dtype

from framework.errors import InputError, ShapeError
from framework.exchange.onnx_writer import OLDEST, USUAL
from framework.exchange.rules import WRITERS
from framework.ir.op import REGISTRY

NOT_BY_ONNXRUNTIME: dict[str, str] = {
    "resize-3": "onnxruntime has cubic interpolation of two axes only",
    "grid_sample-5": "onnxruntime has cubic interpolation of images only",
}
"""What onnxruntime refuses or computes otherwise, and why: ONNX's evaluator judges instead."""

NOBODY_RUNS = {
    "deform_conv-2": "both deform images only, not signals",
    "deform_conv-3": "both deform images only, not volumes",
}
"""What neither can run, and why: the model passes the checker, and that is all."""

NOBODY_RUNS_FROM = {"global_lp_pool": 22, "max_roi_pool": 22, "bernoulli": 22, "multinomial": 22}
"""The opset from which neither has a kernel: they run what the opset before it says."""

OTHER_OPSETS = (OLDEST, 17, onnx_opset_version())
NEEDS_NEWER = r"opset (\d+) has it"
WANTS_NUMBERS = ("symbolic size", "sizes that are numbers")
TOO_SYMBOLIC = (r"which depends on ([\w ]+); it must be fixed", r"the size (\w+) is needed while")
"""What is said of a size that must be a number, as a head's width, or that no input has."""


def listed(case, table):
    """Is this example, or its whole operator, in the table?"""
    return case.id in table or case.id.rpartition("-")[0] in table


def judge(case):
    """Who runs the models of an example; None where nobody can."""
    if listed(case, NOBODY_RUNS):
        return None
    return evaluate if listed(case, NOT_BY_ONNXRUNTIME) else run_onnx


CASES = cases()
each_case = pytest.mark.parametrize(
    ("op", "inputs", "run"),
    [pytest.param(*case.values, run, id=case.id) for case in CASES for run in [judge(case)]],
)


def check(case, op, run, folder, opset=USUAL):
    """The exported model gives what is expected; of random numbers shapes and dtypes."""
    graph, weights, feeds, expected = case
    opset = min(opset, NOBODY_RUNS_FROM.get(op.name, opset + 1) - 1)
    path = exported(graph, weights, folder, opset)
    found = expected if run is None else run(path, feeds)
    if op.random:
        found, expected = ([np.zeros_like(y) for y in ys] for ys in (found, expected))
    compare(found, expected)


def refusal(action, *arguments):
    """Why a model is not exported; empty where it is."""
    try:
        action(*arguments)
    except InputError as error:
        return str(error)
    return ""


def blamed(text):
    """Names of sizes that must not be symbolic."""
    found = [name for words in TOO_SYMBOLIC for name in re.findall(words, text)]
    return [name for several in found for name in several.split(" and ")]


def retyped(op, inputs, dtype):
    """The example in another dtype; None where it cannot be, as the mean of integers."""
    try:
        with np.errstate(all="ignore"):
            return one_node(op, with_dtype(op, inputs, dtype))
    except ShapeError as error:
        if error.code != "dtype":
            raise
        return None


def check_soon_enough(case, op, run, folder):
    """Why it is not exported, if it is not; an operator may need an opset after the usual one."""
    text = refusal(check, case, op, run, folder)
    newer = re.search(NEEDS_NEWER, text)
    return refusal(check, case, op, run, folder, int(newer[1])) if newer else text


@each_case
def test_an_exported_operator_computes_the_same(op, inputs, run, tmp_path):
    assert check_soon_enough(one_node(op, inputs), op, run, tmp_path) == ""


@each_case
def test_with_symbolic_sizes_it_computes_the_same(op, inputs, run, tmp_path):
    fixed = []
    while text := check_soon_enough(one_symbolic_node(op, inputs, fixed), op, run, tmp_path):
        if any(words in text for words in WANTS_NUMBERS):
            return
        assert set(blamed(text)) - set(fixed), text
        fixed += blamed(text)


@pytest.mark.parametrize("opset", OTHER_OPSETS)
@each_case
def test_other_opsets_compute_the_same_or_say_that_they_cannot(op, inputs, run, opset, tmp_path):
    text = refusal(check, one_node(op, inputs), op, run, tmp_path, opset)
    assert not text or re.search("opset|in version", text.partition("\n")[2])


@each_case
def test_an_operator_is_exported_in_every_dtype(op, inputs, run, tmp_path):
    for dtype in dtypes_for(op):
        case = retyped(op, inputs, dtype)
        if case is not None:
            text = refusal(exported, *case[:2], tmp_path, onnx_opset_version())
            assert not text or dtype in text.partition("\n")[2]


@pytest.mark.parametrize(("op", "inputs"), [c for c in CASES if listed(c, NOT_BY_ONNXRUNTIME)])
def test_what_onnxruntime_does_not_do_it_still_does_not(op, inputs, tmp_path):
    with pytest.raises((AssertionError, NO_KERNEL, *FAILURES)):
        check(one_node(op, inputs), op, by_onnxruntime, tmp_path)


@pytest.mark.parametrize("name", NOBODY_RUNS_FROM)
def test_what_nobody_runs_still_nobody_does(name, tmp_path):
    op, *inputs = next(REGISTRY[name].examples())
    graph, weights, feeds, _ = one_node(op, samples(inputs))
    path = exported(graph, weights, tmp_path, NOBODY_RUNS_FROM[name])
    with pytest.raises((NO_KERNEL, *FAILURES)):
        by_onnxruntime(path, feeds)


@pytest.mark.parametrize(("op", "inputs"), [c for c in CASES if listed(c, NOBODY_RUNS)])
def test_what_neither_runs_still_neither_does(op, inputs, tmp_path):
    graph, weights, feeds, _ = one_node(op, inputs)
    path = exported(graph, weights, tmp_path)
    with pytest.raises((NO_KERNEL, *FAILURES)):
        by_onnxruntime(path, feeds)
    with pytest.raises((NotImplementedError, RuntimeError)):
        evaluate(path, feeds)


def test_exceptions_name_what_exists():
    known = {case.id for case in cases()} | set(REGISTRY)
    assert sorted({*NOT_BY_ONNXRUNTIME, *NOBODY_RUNS, *NOBODY_RUNS_FROM} - known) == []


def test_every_primitive_operator_has_a_rule():
    bare = [n for n, c in REGISTRY.items() if n not in WRITERS and not hasattr(c, "decompose")]
    assert bare == []


def test_every_rule_is_for_an_operator():
    assert sorted(set(WRITERS) - set(REGISTRY)) == []


def test_the_usual_opset_is_one_that_can_be_written():
    assert OLDEST < USUAL <= onnx_opset_version()
