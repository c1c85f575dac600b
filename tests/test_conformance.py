"""ONNX's own cases judge our operators: values, and shapes with symbols for all sizes."""

from __future__ import annotations

import pytest

pytest.importorskip("onnx")

from framework.tools.cases import collect
from framework.tools.conformance import judge
from framework.tools.skips import NAMES, OPERATORS, reason

CASES = collect()
PARTS = 40
SKIPPED = [case for case in CASES if reason(case) is not None]


@pytest.mark.parametrize("part", range(PARTS))
def test_values_and_symbolic_shapes_are_those_of_onnx(part):
    verdicts = [judge(case) for case in CASES[part::PARTS]]
    failed = [v for v in verdicts if not v.passed and v.skipped is None]
    assert {v.case.name: v.values or v.shapes for v in failed} == {}


@pytest.mark.parametrize("part", range(4))
def test_what_is_skipped_still_cannot_pass(part):
    passing = [c.name for c in SKIPPED[part::4] if judge(c, skipping=False).passed]
    assert passing == []


def test_every_reason_to_skip_is_used():
    used = {reason(case) for case in SKIPPED}
    assert [why for why in (*NAMES.values(), *OPERATORS.values()) if why not in used] == []


def test_most_sizes_are_symbolic():
    verdicts = [judge(case) for case in CASES if case.operator in ("Conv", "Softmax", "Resize")]
    shares = [v.symbolic / max(1, v.symbolic + v.fixed) for v in verdicts if v.skipped is None]
    assert sum(shares) / len(shares) > 0.6


def test_the_collection_is_whole():
    suites = [case.suite for case in CASES]
    assert suites.count("light") == 9
    assert suites.count("pytorch-operator") + suites.count("pytorch-converted") == 117
    assert suites.count("node") >= 1800
