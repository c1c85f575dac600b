"""A graph written as text reads back to the same graph; the text is short."""

import math
import time
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
from anonymous import anonymous, chain, densenet, inception, resnet
from hypothesis import given, settings
from hypothesis import strategies as st
from randomgraphs import built, parts
from samegraph import check_outputs, check_same

import framework as fw
from framework.api.builder import Builder
from framework.ir.conditions import Condition
from framework.runtime.weights import save_weights
from framework.spec.write import write

GRAPHS = sorted(p.stem for p in Path("graphs").glob("*.yaml")) or ["vit"]
SMALL = {
    "vit": {"size": 32, "width": 24, "depth": 3, "heads": 2, "mlp": 48, "classes": 5},
    "transformer": {"vocab": 50, "width": 16, "heads": 2},
    "unet": {"width": 4},
}
SIZES = {"H": 32, "W": 48}


@pytest.mark.parametrize("name", GRAPHS)
def test_a_bundled_model_reads_back_the_same(name):
    model = fw.load(name)
    check_same(model.ir, write(model.ir))


@pytest.mark.parametrize("name", GRAPHS)
def test_a_bundled_model_computes_the_same(name):
    model = fw.load(name, **SMALL.get(name, {}))
    written = write(model.ir)
    back = check_same(model.ir, written)
    sizes = {n: size for n, size in SIZES.items() if n in model.ir.symbols}
    check_outputs(model, back, written.names, **sizes)


def test_without_folding_every_node_has_its_line():
    model = fw.load("resnet18")
    written = write(model.ir, fold=False)
    check_same(model.ir, written)
    assert "blocks:" not in written.text
    assert "repeat" not in written.text


@given(parts, st.booleans(), st.lists(st.integers(1, 6), min_size=1, max_size=3), st.integers(1, 2))
@settings(max_examples=150, deadline=None)
def test_any_graph_reads_back_the_same(program, named, outputs, inputs):
    graph = built(program, named, outputs, inputs).graph
    check_same(graph, write(graph))


# ---------------------------------------------------------------- structure without names


def folded(net):
    """The text of a model whose names say nothing; it reads back the same."""
    written = write(anonymous(net.graph))
    check_same(anonymous(net.graph), written)
    return written.text


def count(text, word):
    """How many lines hold a word."""
    return sum(word in line for line in text.splitlines())


def test_the_layers_of_a_densenet_are_one_block_repeated():
    text = folded(densenet((6, 12, 24, 16)))
    uses = [line.strip() for line in text.splitlines() if "use:" in line]
    assert uses == [f"- {{use: dense_layer, repeat: {n}}}" for n in (6, 12, 24, 16)]
    assert len(text.splitlines()) < 60


def test_the_bottlenecks_of_a_resnet_are_blocks_with_arguments():
    text = folded(resnet())
    repeats = [line.strip() for line in text.splitlines() if "repeat:" in line]
    assert repeats == [f"- {{use: residual_block_2, repeat: {n}}}" for n in (2, 3, 5, 2)]
    assert count(text, "residual:") == 2


def test_widths_that_grow_from_copy_to_copy_are_a_formula():
    assert "repeat: 5, with: {out: 8 + 8*i}" in folded(inception())


def test_blocks_used_at_several_places_have_arguments():
    text = folded(fw_builder("unet"))
    assert count(text, "use: conv_bn_relu") == 9
    assert count(text, "- batch_norm") == 1


def fw_builder(name):
    """A bundled model where a builder is wanted."""
    return Namespace(graph=fw.load(name).ir)


def test_the_layers_of_a_transformer_are_found_by_their_structure():
    text = folded(fw_builder("transformer"))
    assert count(text, "repeat: 6") == 2
    assert count(text, "- multi_head_attention") == 3


# ---------------------------------------------------------------- names


def test_scopes_become_blocks_and_keep_the_names_of_weights():
    model = fw.load("resnet18")
    written = write(model.ir)
    kept = [name for name, new in written.names.items() if name == new]
    assert "stem.conv.weight" in kept
    assert "  - {use: stage, id: layer2}" in written.text.splitlines()


def test_twelve_encoder_layers_are_one_line():
    text = write(fw.load("vit").ir).text
    assert "  - {use: encoder_block, repeat: 12, id: encoder}" in text.splitlines()
    assert count(text, "- ") == 18


def test_a_scope_that_comes_twice_in_a_row_counts_once():
    net = Builder()
    x = net.input("x", [2, 4])
    for number in range(3):
        with net.scope("layers"), net.scope("layers"), net.scope(str(number)):
            x = net.add("relu", net.add("linear", x, out=4, id="fc"))
    net.output("y", net.add("softmax", x))
    written = write(net.graph)
    assert "  - {use: layer, repeat: 3, id: layers}" in written.text.splitlines()
    assert written.names["layers.layers.2.fc.weight"] == "layers.2.fc.weight"


def test_a_name_that_says_nothing_is_not_written():
    net = Builder()
    x = net.input("x", [2, 4])
    for name in ("Relu_17", "activation_3", "n12", "relu", "gate1"):
        x = net.add("relu", x, id=name)
    net.output("y", x)
    lines = write(net.graph).text.splitlines()
    assert [line.strip() for line in lines if "id:" in line] == ["id: gate1"]


# ---------------------------------------------------------------- shared weights


def test_copies_that_share_their_weights_say_so():
    net = Builder()
    x = net.input("x", [2, 4])
    for number in range(4):
        tied = {} if number == 0 else {"weight": "linear.weight", "bias": "linear.bias"}
        second = {} if number == 0 else {"weight": "linear_2.weight", "bias": "linear_2.bias"}
        x = net.add("relu", net.add("linear", x, out=4, weights=tied))
        x = net.add("tanh", net.add("linear", x, out=4, weights=second))
    net.output("y", x)
    written = write(net.graph)
    check_same(net.graph, written)
    assert "repeat: 4, share: copies" in written.text


def test_a_block_may_share_the_weights_of_an_earlier_one():
    net = Builder()
    x = net.input("x", [2, 4])
    for scope in ("one", "two"):
        tied = {} if scope == "one" else {"weight": "one.a.weight", "bias": "one.a.bias"}
        with net.scope(scope):
            x = net.add("relu", net.add("linear", x, out=4, weights=tied, id="a"))
            x = net.add("tanh", net.add("exp", x))
        x = net.add("softmax", x)
    net.output("y", x)
    written = write(net.graph)
    check_same(net.graph, written)
    assert "  - {use: one, share: one, id: two}" in written.text.splitlines()


# ---------------------------------------------------------------- what a file says


def test_sizes_conditions_and_docs_are_written():
    net = Builder("say: it", doc="A graph, that #says things")
    height = net.dim("H", minimum=4, maximum=64, multiple_of=2, example=8)
    x = net.input("x", [height, 4], doc="what: comes in")
    net.output("y", net.add("relu", x, doc="- a note"))
    condition = Condition("divisible", height + 2, 4, "test")
    net.graph.conditions.append(condition)
    net.graph.examples["H"] = 6
    written = write(net.graph, weights_file="some file.npz", labels={"y": "a.txt"})
    assert "weights: {file: some file.npz}" in written.text
    back = check_same(net.graph, write(net.graph))
    assert (back.doc, back.ir["x"].doc) == ("A graph, that #says things", "what: comes in")


def test_examples_that_break_a_condition_are_left_out():
    net = Builder()
    batch, length = net.dim("B", example=1), net.dim("T", example=16)
    net.output("y", net.add("relu", net.input("x", [batch, length])))
    net.graph.conditions.append(Condition("==", 3 * length, 21, "test"))
    assert fw.loads(write(net.graph).text).ir.examples == {"B": 1, "T": 7}


def test_what_no_output_needs_is_not_written():
    net = Builder()
    x = net.input("x", [2, 4])
    net.add("linear", x, out=3)
    net.output("y", net.add("relu", x))
    written = write(net.graph)
    assert (written.names, "linear" in written.text) == ({}, False)


def test_an_output_may_be_an_input():
    net = Builder()
    net.output("y", net.input("x", [2, 4]))
    assert fw.loads(write(net.graph).text).ir.outputs["y"].node == "x"


@pytest.mark.parametrize("name", ["input.1", "prev", "1x"])
def test_names_that_the_language_cannot_spell_are_refused(name):
    net = Builder()
    net.output("y", net.add("relu", net.input(name, [2])))
    with pytest.raises(fw.Mistake, match="cannot name an input"):
        write(net.graph)


@pytest.mark.parametrize(
    ("operator", "attributes", "text"),
    [
        ("max_pool", {"kernel": [2, 2], "stride": [2, 2]}, "max_pool: 2"),
        ("max_pool", {"kernel": [3, 2], "stride": [1, 1]}, "max_pool: {kernel: [3, 2], stride: 1}"),
        ("avg_pool", {"kernel": 2, "pad": [[1, 1], [1, 1]]}, "avg_pool: {kernel: 2, pad: 1}"),
        ("softmax", {"axis": -1}, "softmax"),
        ("softmax", {"axis": 1}, "softmax: 1"),
        ("batch_norm", {"eps": 1e-05}, "batch_norm"),
        ("leaky_relu", {"slope": 1e-07}, "leaky_relu: 1e-7"),
        ("transpose", {"perm": [0, 2, 3, 1]}, "transpose: [0, 2, 3, 1]"),
        ("clip", {"min": -math.inf, "max": 6.0}, "clip: {min: -inf, max: 6.0}"),
        ("rearrange", {"pattern": "b c h w -> b (c h w)"}, 'rearrange: "b c h w -> b (c h w)"'),
    ],
)
def test_attributes_are_written_in_their_shortest_form(operator, attributes, text):
    net = Builder()
    net.output("y", net.add(operator, net.input("x", [2, 3, 8, 8]), **attributes))
    written = write(net.graph, fold=False)
    check_same(net.graph, written)
    assert f"  - {text}:" in written.text or f"  - {text}\n" in written.text


def test_long_lists_are_broken_into_lines():
    net = Builder()
    x = net.input("x", [2, 4])
    parts = [net.add("relu", x, id=f"a_long_name_{'abcdefghijklmnop'[n]}") for n in range(16)]
    net.output("y", net.add("concat", *parts, axis=1))
    written = write(net.graph)
    check_same(net.graph, written)
    assert max(map(len, written.text.splitlines())) <= 100


def test_large_graphs_are_written_quickly():
    graph = chain(3000).graph
    begin = time.process_time()
    write(graph)
    assert time.process_time() - begin < 5


# ---------------------------------------------------------------- weights beside the file


def test_weights_beside_the_file_are_used(tmp_path):
    model = fw.load("lenet_vgg", width=2)
    written = write(model.ir, weights_file="sub/w.npz")
    (tmp_path / "sub").mkdir()
    (tmp_path / "m.yaml").write_text(written.text)
    arrays = {written.names[name]: array for name, array in model.weights.items()}
    save_weights(tmp_path / "sub" / "w.npz", arrays)
    back = fw.load(tmp_path / "m.yaml")
    inputs = model.example_inputs()
    want, have = model.run(**inputs), back.run(**inputs)
    np.testing.assert_array_equal(have.outputs["probs"], want.outputs["probs"])


def test_weights_outside_the_folder_are_refused(tmp_path):
    text = write(fw.load("lenet_vgg").ir, weights_file="../w.npz").text
    with pytest.raises(fw.SpecError, match=r"'\.\./w\.npz' leaves the folder of the model"):
        fw.loads(text)
