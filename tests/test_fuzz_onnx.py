"""Damaged ONNX files, and files that ask for too much: a model, or an error with a message.

`fuzz_onnx.py` runs more of them by hand.
"""

from __future__ import annotations

import pytest

pytest.importorskip("onnx")
pytest.importorskip("resource")

from fuzz_onnx import faults, run
from onnx_bombs import BOMBS

FILES = 300
PARTS = 6
NAMES = list(BOMBS)

SAID = {
    "an input with a million axes": "input (x): it has 1,000,000 axes; at most 32 work",
    "dims that are negative": "tensor 'c' has the shape [-3]; a size is at least 0",
    "dims and data that disagree": "tensor 'c' holds 12 bytes, which is not the shape [4]",
    "a function that calls itself": "F (y): the function F calls itself",
    "branches in branches": "If (t): graphs are nested more than 24 deep",
    "a loop without end": "Loop (y): a loop of more than 256 steps is not opened",
    "loops in loops": "its loops and functions are more than 20,000 nodes when opened",
    "half a million nodes": "has 500,000 nodes; at most 200,000 can be read",
    "an attribute of megabytes": "equation has 6,000,000 bytes; at most 100,000",
    "a cycle": "Add (a): nothing before it gives 'b'",
    "data in the folder above": "lies in '../secret', outside the model's folder",
    "data through a link": "lies in 'weights', outside the model's folder",
    "data in a linked folder": "lies in 'data/secret', outside the model's folder",
    "data through a link to itself": "lies in 'weights', which cannot be read",
    "data beyond the end": "weights ends before its 24 bytes",
    "data before the start": "lies at -8, which is no place in a file",
    "data of another length": "is 20 bytes; its shape needs 24",
    "a sparse tensor with places outside": "has a place outside of [2, 3]",
    "a pipe": "is no file",
    "an empty file": "is no ONNX model: it holds no graph",
}
"""What is said of some of them."""


@pytest.fixture(scope="module")
def bombs():
    """What becomes of each case, by its name."""
    found = run(-len(NAMES), 0)
    return {NAMES[-seed - 1]: fate for seed, fate in found.items()}


@pytest.mark.parametrize("part", range(PARTS))
def test_a_damaged_file_is_a_model_or_says_what_is_wrong(part):
    each = FILES // PARTS
    assert faults(run(part * each, (part + 1) * each)) == {}


@pytest.mark.parametrize("name", NAMES)
def test_what_asks_for_too_much_is_a_model_or_says_so(bombs, name):
    assert faults({name: bombs[name]}) == {}


@pytest.mark.parametrize("name", SAID)
def test_the_message_says_what_is_wrong(bombs, name):
    assert SAID[name] in bombs[name][1]


@pytest.mark.parametrize("name", ["expand", "tile", "pad", "resize", "range of a billion"])
def test_a_constant_that_is_too_large_to_compute_is_left_to_the_run(bombs, name):
    assert bombs[name] == ("model", "")
