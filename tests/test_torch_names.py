"""PyTorch source keeps the names of weights: of shared, repeated and oddly named nodes."""

from __future__ import annotations

import importlib

import pytest

import framework as fw
from framework.errors import Mistake
from framework.exchange.torch_source.attributes import MODULE_ATTRIBUTES
from framework.exchange.torch_writer import write_torch

torch = pytest.importorskip("torch")
sources = importlib.import_module("torch_sources")
check_model, classes, module_of = sources.check_model, sources.classes, sources.module_of

# ---------------------------------------------------------------------- repeats, sharing, names

HEAD = """
format: 1
name: shared
dims: {B: {example: 2}}
inputs: {x: [B, 8]}
blocks:
  twice:
    args: {wide: 3}
    inputs: {x: [N, C]}
    nodes:
      - linear: wide
      - relu
      - linear: C
"""
BODIES = {
    "copies of one module": """
nodes: [{use: twice, repeat: 3, share: copies, id: chain}]
outputs: {y: chain}
""",
    "a block again": """
nodes: [{use: twice, id: one}, relu, {use: twice, share: one, id: two}]
outputs: {y: two}
""",
    "a repeated sequence": """
nodes: [{sequence: [{linear: 8}, relu], repeat: 3, id: chain}]
outputs: {y: chain}
""",
    "copies that differ": """
nodes: [{use: twice, repeat: 3, with: {wide: 4 + i}, id: chain}]
outputs: {y: chain}
""",
    "a tied weight": """
nodes:
  - {linear: {out: 8, bias: false}, id: one}
  - {linear: 8, weights: {weight: one.weight}, id: two}
outputs: {y: two}
""",
    "a weight of another block": """
nodes:
  - {linear: 8, id: one}
  - sequence: [{linear: 8, weights: {weight: one.weight}}, relu]
    repeat: 2
    id: chain
outputs: {y: chain}
""",
    "names of modules, keywords, builtins": """
nodes:
  - {linear: 8, id: from}
  - {linear: 8, id: type}
  - {linear: 8, id: forward}
  - {linear: 8, id: y}
  - {use: twice, id: class}
  - {use: twice, id: train}
  - {add: , in: [from, type], id: torch}
  - {add: , in: [torch, train], id: self}
  - {add: , in: [self, class], id: F}
  - {add: , in: [F, forward], id: lambda}
  - {add: , in: [lambda, y], id: block}
outputs: {return: block}
""",
}


@pytest.mark.parametrize("what", BODIES)
def test_weights_keep_their_names(what, tmp_path):
    check_model(fw.loads(HEAD + BODIES[what]), [{"B": 2}, {"B": 5}], tmp_path)


def test_equal_copies_make_one_class_and_a_loop():
    text = write_torch(fw.loads(HEAD + BODIES["copies that differ"]).ir, "shared")
    assert "nn.ModuleList([Twice(4), Twice(5), Twice(6)])" in text


def test_copies_of_one_module_are_made_once():
    text = write_torch(fw.loads(HEAD + BODIES["copies of one module"]).ir, "shared")
    assert "self.chain = nn.ModuleList([Twice()])" in text
    assert "for _ in range(3):" in text


OPTIONAL = """
format: 1
name: optional
dims: {B: {example: 2}}
inputs: {x: [B, 8]}
blocks:
  maybe:
    args: {out: int, gate: true}
    inputs: {x: [N, C]}
    nodes:
      - sequence: [{linear: 4, id: narrow}, tanh, {linear: C, id: widen}]
        when: gate
      - linear: out
      - add: {}
        in: [prev, x]
        when: C == out
nodes:
  - {use: maybe, with: {out: 8}}
  - {use: maybe, with: {out: 6}}
  - {use: maybe, with: {out: 6, gate: false}}
  - {use: maybe, with: {out: 5, gate: false}, id: last}
outputs: {y: last}
"""


def test_steps_that_some_copies_lack_are_optional(tmp_path):
    model = fw.loads(OPTIONAL)
    check_model(model, [{"B": 3}], tmp_path)
    assert classes(write_torch(model.ir, "optional")) == ["Maybe", "Optional"]


def test_texts_of_the_model_cannot_break_out(tmp_path):
    bad = "a ''' \"\x22\x22\" \\ \u2028 \x00 \n import os"
    net = fw.Builder(bad, doc=bad + '"')
    x = net.input(bad, [2, 3], doc=bad)
    net.output(bad, net.add("linear", x, id=bad + "2", doc=bad, out=4))
    check_model(net.model(), [{}], tmp_path)


def test_scopes_made_by_hand_keep_their_names(tmp_path):
    net = fw.Builder("by_hand")
    x = net.input("x", [net.dim("B", example=2), 3])
    with net.scope("first"):
        with net.scope("0"):
            y = net.add("linear", x, out=4)
    z = net.add("linear", x, out=4)
    with net.scope("first"):
        y = net.add("add", y, net.add("linear", z, out=4))
    net.output("y", y)
    check_model(net.model(), [{}], tmp_path)


def test_a_weight_below_the_name_of_a_module_keeps_its_name(tmp_path):
    net = fw.Builder("below")
    x = net.input("x", [2, 3])
    y = net.add("linear", x, out=4, bias=False, id="linear")
    bias = net.add("parameter", shape=[4], id="linear.bias")
    net.output("y", net.add("identity", net.add("add", y, net.add("identity", bias))))
    model = net.model()
    check_model(model, [{}], tmp_path)
    assert set(model.weights) == {"linear.weight", "linear.bias.value"}


def test_a_repeat_may_begin_with_a_stored_tensor(tmp_path):
    first = "{parameter: {shape: [1, 8]}, id: first}, {use: twice, repeat: 2, id: chain}"
    second = "{relu: , in: x, id: other}"
    text = f"{HEAD}nodes: [{first}, {second}]\noutputs: {{y: chain, z: other}}\n"
    check_model(fw.loads(text), [{"B": 3}], tmp_path)


def test_a_long_chain_is_written_quickly(tmp_path):
    net = fw.Builder("chain")
    x = net.input("x", [2, 3])
    for number in range(600):
        x = net.add("linear", x, out=3, id=f"layer{number}") if number % 3 == 0 else x
        x = net.add("relu" if number % 2 else "tanh", x)
    net.output("y", x)
    check_model(net.model(), [{}], tmp_path)


def test_names_that_are_numbers_stay(tmp_path):
    net = fw.Builder("numbers")
    x = net.input("x", [2, 3])
    for name in ("0", "1", "part.0", "part.1", "other.1", "other.3"):
        x = net.add("linear", x, out=3, id=name)
    net.output("y", x)
    check_model(net.model(), [{}], tmp_path)


def test_all_attributes_of_modules_are_known():
    theirs = {name for name in dir(torch.nn.Module) if not name.startswith("_")}
    assert theirs - MODULE_ATTRIBUTES == set()


def test_what_torch_has_no_word_for_is_listed_at_once():
    net = fw.Builder("boxes")
    x, rois = net.input("x", [1, 2, 8, 8]), net.input("rois", [3, 4])
    index = net.input("index", [3], "int64")
    y = net.add("roi_align", x, rois, index, output_size=2, id="align")
    net.output("y", net.add("add", y, net.add("max_roi_pool", x, rois, index, output_size=2)))
    with pytest.raises(Mistake) as caught:
        write_torch(net.graph, "boxes")
    assert caught.value.fact == (
        "PyTorch source cannot be written for roi_align (align); max_roi_pool (max_roi_pool)"
    )


def test_a_size_that_no_input_tells_is_an_argument(tmp_path):
    net = fw.Builder("counter")
    count = net.dim("N", example=5)
    net.output("y", net.add("range", stop=count))
    module = module_of(write_torch(net.graph, "counter"), tmp_path)
    assert [len(module()["y"]), len(module(3)["y"])] == [5, 3]
