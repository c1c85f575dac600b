"""Models as ONNX files: what is in them, what they compute, what is said of what cannot be written.

Nobody edits this file to add a model.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnxcases import by_onnxruntime, compare

import framework as fw
from framework.api import export as export_module
from framework.cli import main
from framework.errors import InputError, RunError
from framework.exchange import onnx_store
from framework.exchange.onnx_finish import Parts
from framework.exchange.onnx_sender import Sender
from framework.exchange.onnx_types import CODES
from framework.exchange.onnx_writer import OLDEST, USUAL, assembled, fill
from framework.exchange.rules import WRITERS
from framework.exchange.rules.sending import Sent
from framework.ir.dims import Symbols, maximum, substitute
from framework.ir.graph import Graph
from framework.ir.types import TensorType

NEWEST = onnx.defs.onnx_opset_version()
SMALL = {
    "vit": {"size": 32, "width": 48, "depth": 2, "classes": 7},
    "resnet18": {"classes": 7},
    "unet": {"width": 4},
    "transformer": {"vocab": 50, "width": 32, "depth": 2, "heads": 4},
}
"""Arguments that make a model small enough to run often; others run as they are."""

TINY = """\
format: 1
name: tiny
doc: Two layers.
args: {width: 6}
dims: {B: {example: 2}, T: {example: 8, multiple_of: 4}}
inputs: {x: {shape: [B, T, 3], doc: a signal}}
nodes:
  - linear: width
  - relu
  - {reshape: [B, T//4, 4*width]}
  - {linear: 5, id: head, doc: one score each}
outputs: {scores: head, again: x}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Each test runs in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    Path("tiny.yaml").write_text(TINY)
    return tmp_path


def small(name):
    """The model, small, with random weights."""
    return fw.load(name, **SMALL.get(name, {}))


def sizes_of(model, shift):
    """Small legal sizes; another ``shift`` gives others where the bounds allow it."""
    sizes = {}
    for name in model.ir.examples:
        declared = model.ir.symbols.bounds_of(name)
        size = -(-max(declared.minimum, 2) // declared.multiple_of) + shift
        sizes[name] = size * declared.multiple_of
    return sizes


def exported(model, **options):
    """The ONNX model of ours, as ONNX's own library reads it."""
    found = model.export("model.onnx", **options)
    return onnx.load(found.paths[0])


def types(infos):
    """Name -> dtype and shape with texts, of value infos."""
    found = {}
    for info in infos:
        tensor = info.type.tensor_type
        sizes = [d.dim_param if d.dim_param else d.dim_value for d in tensor.shape.dim]
        found[info.name] = (tensor.elem_type, sizes)
    return found


def written(listed):
    """The same of our own types."""
    return {n: (CODES[t.dtype], [s if isinstance(s, int) else str(s) for s in t.shape])
            for n, t in listed.items()}  # fmt: skip


# ------------------------------------------------------------------ every model


@pytest.mark.parametrize("opset", sorted({OLDEST, 17, 21, USUAL, NEWEST}))
@pytest.mark.parametrize("name", sorted(fw.bundled()))
def test_a_model_computes_the_same_at_two_sizes(name, opset):
    model = small(name)
    path = model.export("model.onnx", opset=opset).paths[0]
    onnx.checker.check_model(path, full_check=True)
    for shift in (0, 1):
        inputs = model.example_inputs(sizes_of(model, shift))
        compare(by_onnxruntime(path, inputs), list(model.run(**inputs).outputs.values()))


@pytest.mark.parametrize("name", sorted(fw.bundled()))
def test_inputs_and_outputs_keep_names_and_symbolic_sizes(name):
    model = small(name)
    graph = exported(model).graph
    assert types(graph.input) == written(model.inputs)
    assert types(graph.output) == written(model.outputs)


@pytest.mark.parametrize("name", sorted(fw.bundled()))
def test_every_value_between_has_its_symbolic_type(name):
    model = small(name)
    graph = exported(model).graph
    found = types(graph.value_info)
    ours = written({n.name: n.type for n in model.ir if len(n.outputs) == 1})
    assert {n: found[n] for n in found if n in ours} == {n: ours[n] for n in found if n in ours}
    produced = {name for node in graph.node for name in node.output}
    assert produced - set(found) == {output.name for output in graph.output}


DILATED = """\
format: 1
dims: {B: {example: 1}, H: {example: 9}, W: {multiple_of: 4, example: 12}}
inputs: {x: [B, 3, H, W]}
nodes: [conv: {out: 4, kernel: [3, 4], stride: [1, 2], dilation: 2, pad: PAD}]
"""


@pytest.mark.parametrize("pad", ["same_upper", "same_lower"])
def test_pads_that_open_sizes_do_not_change_are_numbers(pad):
    model = fw.loads(DILATED.replace("PAD", pad))
    model.export("dilated.onnx")  # onnxruntime takes no dilation with auto_pad
    for sizes in ({"B": 1, "H": 9, "W": 12}, {"B": 2, "H": 4, "W": 8}):
        inputs = model.example_inputs(sizes)
        compare(by_onnxruntime("dilated.onnx", inputs), list(model.run(**inputs).outputs.values()))


@pytest.mark.parametrize("name", sorted(fw.bundled()))
def test_weights_keep_names_and_values(name):
    model = small(name)
    stored = exported(model).graph.initializer
    arrays = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in stored}
    for weight, array in model.weights.items():
        np.testing.assert_array_equal(arrays[weight], array)


# ------------------------------------------------------------------ what is in a file


def by_sizes(w, op, x):
    """A rule for reshape that has its sizes computed."""
    return w.add("Reshape", x, w.sizes(w.types[0].shape))


def test_nodes_keep_their_names(monkeypatch):
    monkeypatch.setitem(WRITERS, "reshape", by_sizes)
    names = [node.name for node in exported(fw.load("tiny.yaml")).graph.node]
    assert [n for n in names if "/" not in n] == ["linear", "relu", "reshape", "head"]
    assert {name.split("/")[0] for name in names} == {
        "linear", "relu", "reshape", "head", "sizes", "again",
    }  # fmt: skip


def test_a_model_says_what_it_is_and_who_wrote_it():
    model = exported(fw.load("tiny.yaml"))
    props = {prop.key: prop.value for prop in model.metadata_props}
    dims = {"B": {"example": 2, "min": 1}, "T": {"example": 8, "min": 4, "multiple_of": 4}}
    assert (model.producer_name, model.producer_version) == ("framework", fw.__version__)
    assert (model.doc_string, model.graph.name) == ("Two layers.", "tiny")
    assert (props["name"], json.loads(props["dims"])) == ("tiny", dims)
    docs = {node.name: node.doc_string for node in model.graph.node if node.doc_string}
    assert (model.graph.input[0].doc_string, docs) == ("a signal", {"head": "one score each"})


@pytest.mark.parametrize(("opset", "ir_version"), [(13, 7), (17, 8), (21, 10), (None, 11)])
def test_the_ir_version_is_the_oldest_that_the_opset_allows(opset, ir_version):
    model = exported(fw.load("tiny.yaml"), opset=opset)
    assert model.ir_version == ir_version
    assert model.opset_import[0].version == (USUAL if opset is None else opset)


def test_an_input_as_output_gets_a_node():
    nodes = {node.output[0]: node for node in exported(fw.load("tiny.yaml")).graph.node}
    assert (nodes["again"].op_type, list(nodes["again"].input)) == ("Identity", ["x"])


def test_fixed_sizes_become_numbers():
    graph = exported(fw.load("tiny.yaml"), sizes={"B": 3}).graph
    assert types(graph.output)["scores"] == (1, [3, "T/4", 5])


def test_equal_constants_and_sizes_are_stored_once(monkeypatch):
    monkeypatch.setitem(WRITERS, "reshape", by_sizes)
    twice = TINY.replace("  - relu\n", "  - relu\n" + "  - {reshape: [B, T//4, 4*width]}\n" * 2)
    once, more = (exported(fw.loads(text)).graph for text in (TINY, twice))
    assert len(more.node) == len(once.node) + 2
    assert len(more.initializer) == len(once.initializer)


def test_two_exports_are_equal_byte_by_byte():
    first, second = (
        fw.load("tiny.yaml").export(name).paths[0].read_bytes() for name in ("a.onnx", "b.onnx")
    )
    assert first == second


def test_an_operator_that_an_opset_lacks_is_decomposed():
    text = TINY.replace("relu", "gelu")
    kinds = {
        opset: {node.op_type for node in exported(fw.loads(text), opset=opset).graph.node}
        for opset in (17, 21)
    }
    assert ("Gelu" in kinds[17], "Erf" in kinds[17], "Gelu" in kinds[21]) == (False, True, True)


def test_what_no_output_needs_is_left_out(monkeypatch):
    plain = exported(fw.load("tiny.yaml"))
    rule = WRITERS["relu"]
    monkeypatch.setitem(WRITERS, "relu", lambda w, op, x: (w.add("Exp", x), rule(w, op, x))[1])
    assert exported(fw.load("tiny.yaml")) == plain


# ------------------------------------------------------------------ sizes


def formulas(symbols):
    """Random sizes over the symbols."""
    sizes = [symbols[name] for name in symbols]
    numbers = st.integers(-5, 7)

    def grown(inner):
        divisor = st.integers(1, 5)
        return st.one_of(
            st.tuples(inner, inner | numbers).map(lambda p: p[0] + p[1]),
            st.tuples(inner, inner | numbers).map(lambda p: p[0] - p[1]),
            st.tuples(inner, inner | numbers).map(lambda p: p[0] * p[1]),
            st.tuples(inner, divisor).map(lambda p: p[0] // p[1]),
            st.tuples(inner, divisor).map(lambda p: p[0] % p[1]),
            st.tuples(inner, inner | numbers).map(lambda p: maximum(p[0], p[1])),
        )

    return st.recursive(st.sampled_from(sizes), grown, max_leaves=4)


def declared():
    """Symbols with and without bounds."""
    symbols = Symbols()
    symbols.declare("A")
    symbols.declare("H", minimum=0, multiple_of=4)
    symbols.declare("N", minimum=2)
    return symbols


@given(st.data())
@pytest.mark.parametrize("opset", [13, 23])
def test_formulas_are_computed_exactly(opset, data):
    symbols = declared()
    shape = data.draw(st.lists(formulas(symbols), min_size=1, max_size=3))
    sizes = {"A": data.draw(st.integers(1, 9)), "H": 4 * data.draw(st.integers(0, 5)), "N": 3}
    path = sizes_model(symbols, shape, opset)
    feeds = {"x": np.zeros((sizes["A"], sizes["H"], 2 * sizes["N"] + 1), np.float32)}
    (found,) = by_onnxruntime(path, feeds)
    assert found.tolist() == [substitute(size, sizes) for size in shape]


def sizes_model(symbols, shape, opset):
    """A model that gives these sizes, where no axis has the size N itself."""
    graph = Graph("sizes")
    graph.symbols = symbols
    axes = (symbols["A"], symbols["H"], 2 * symbols["N"] + 1)
    graph.add_input("x", TensorType(axes))
    sender, x = Sender(symbols, opset), Sent("float32", axes, "x")
    sender.sizes.offer(x)
    made = assembled(graph, sender, Parts({"x": x}, {}, {"y": sender.sizes.shape(shape)}), "")
    fill(made, [], "")
    onnx.save(made.proto, "sizes.onnx")
    return "sizes.onnx"


def test_a_size_that_no_input_has_is_reported():
    text = TINY.replace("dims: {", "dims: {M: {example: 3}, ")
    grown = "  - relu\n  - {expand: [M, B, T, width]}\n  - {select: {axis: 0, index: 0}}\n"
    text = text.replace("  - relu\n", grown)
    with pytest.raises(InputError) as error:
        exported(fw.loads(text))
    assert str(error.value) == (
        f"tiny cannot be written as ONNX with opset {USUAL}:\n"
        "  expand: the size M is needed while the model runs (in expand)\n"
        "    hint: no input has this size; give it a number: --dims M=..."
    )
    assert types(exported(fw.loads(text), sizes={"M": 3}).graph.output) != {}


# ------------------------------------------------------------------ files


def test_weights_may_stand_beside_the_model():
    model = fw.load("tiny.yaml", width=600)
    found = model.export("model.onnx", external=True)
    assert [path.name for path in found.paths] == ["model.onnx", "model.onnx.data"]
    proto = onnx.load("model.onnx", load_external_data=False)
    places = {t.name: {e.key: e.value for e in t.external_data} for t in proto.graph.initializer}
    assert places["linear.weight"] == {
        "location": "model.onnx.data", "offset": "0", "length": "7200",
    }  # fmt: skip
    assert {name for name in places if not places[name]} >= {"head.bias"}
    inputs = model.example_inputs()
    onnx.checker.check_model("model.onnx", full_check=True)
    compare(by_onnxruntime("model.onnx", inputs), list(model.run(**inputs).outputs.values()))


def test_large_weights_stand_beside_the_model_by_themselves(monkeypatch):
    monkeypatch.setattr(onnx_store, "LARGEST_INSIDE", 5000)
    assert len(fw.load("tiny.yaml").export("small.onnx").paths) == 1
    assert len(fw.load("tiny.yaml", width=600).export("large.onnx").paths) == 2


def test_a_full_disk_leaves_nothing_behind(monkeypatch):
    def fail(path, write):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export_module, "write_atomically", fail)
    with pytest.raises(RunError, match=r"'model.onnx' cannot be written: No space left"):
        fw.load("tiny.yaml").export("model.onnx")
    assert sorted(Path().iterdir()) == [Path("tiny.yaml")]


# ------------------------------------------------------------------ what cannot be written


def test_operators_without_a_rule_are_listed_at_once(monkeypatch):
    for name in ("relu", "linear"):
        monkeypatch.delitem(WRITERS, name)
    with pytest.raises(InputError) as error:
        exported(fw.load("tiny.yaml"))
    assert str(error.value) == (
        f"tiny cannot be written as ONNX with opset {USUAL}:\n"
        f"  linear: there is no rule for it (opset {USUAL}) (in linear, head)\n"
        f"  relu: there is no rule for it (opset {USUAL}) (in relu)"
    )
    assert not Path("model.onnx").exists()


@pytest.mark.parametrize(
    ("rule", "fact"),
    [
        (lambda w, op, x: w.add("Gelu", x),
         "opset 17 has no operator Gelu (in relu)\n    hint: opset 20 has it: --opset 20"),
        (lambda w, op, x: w.add("Relu", x, alpha=2),
         "Relu has no attribute 'alpha' in version 14 (in relu)"),
        (lambda w, op, x: NotImplemented, "ONNX has no form of it (opset 17) (in relu)"),
        (lambda w, op, x: w.cast(x, "int64"),
         "its rule makes int64[B, T, 6], the operator float32[B, T, 6] (in relu)"),
        (lambda w, op, x: w.add("Transpose", w.add("Unsqueeze", x, w.ints([0]))),
         "its rule makes float32[6, T, B, 1], the operator float32[B, T, 6] (in relu)"),
        (lambda w, op, x: (x, x), "its rule gives 2 results, not 1 (in relu)"),
        (lambda w, op, x: None,
         "its rule leaves out result 0, float32[B, T, 6], which is used (in relu)"),
    ],
)  # fmt: skip
def test_a_rule_that_does_not_fit_is_reported(monkeypatch, rule, fact):
    monkeypatch.setitem(WRITERS, "relu", rule)
    with pytest.raises(InputError) as error:
        exported(fw.load("tiny.yaml"), opset=17)
    head = "tiny cannot be written as ONNX with opset 17:"
    assert str(error.value) == f"{head}\n  relu: {fact}"


@pytest.mark.parametrize("opset", [12, NEWEST + 1])
def test_an_opset_that_cannot_be_written_is_refused(opset):
    with pytest.raises(InputError) as error:
        exported(fw.load("tiny.yaml"), opset=opset)
    assert str(error.value) == (
        f"opset {opset} cannot be written: {OLDEST} to {NEWEST} are possible\n"
        f"  hint: leave it out for opset {USUAL}"
    )


# ------------------------------------------------------------------ the command


@pytest.fixture
def cli(capsys):
    """Run a command in this process: (exit code, stdout, stderr)."""

    def run(*words):
        code = main(words)
        out, err = capsys.readouterr()
        return code, out, err

    return run


def test_the_command_says_what_it_wrote(cli):
    code, out, err = cli("export", "tiny.yaml", "--dims", "B=3", "--opset", "17")
    proto, size = onnx.load("tiny.onnx"), Path("tiny.onnx").stat().st_size
    counts = f"nodes {len(proto.graph.node)}, initializers {len(proto.graph.initializer)}"
    assert (code, err) == (0, "")
    assert out == (
        f"tiny.onnx: ONNX, opset 17, {counts}, {size:,} bytes\n"
        "x float32[3, T, 3] -> scores float32[3, T/4, 5], again float32[3, T, 3]\n"
        "weights: seeded random (seed 0)\n"
    )


def test_the_command_as_json(cli):
    code, out, _ = cli("export", "tiny.yaml", "-o", "a.onnx", "--external", "--json",
                       "--set", "width=600")  # fmt: skip
    found = json.loads(out)
    assert (code, found["files"], found["format"]) == (0, ["a.onnx", "a.onnx.data"], "ONNX")
    assert found["bytes"] == sum(Path(name).stat().st_size for name in found["files"])


def test_the_command_takes_weights(cli):
    model = fw.load("tiny.yaml", seed=7)
    model.save_weights("w.safetensors")
    assert cli("export", "tiny.yaml", "--weights", "w.safetensors")[0] == 0
    inputs = model.example_inputs()
    compare(by_onnxruntime("tiny.onnx", inputs), list(model.run(**inputs).outputs.values()))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-o", "a.onx"],
         "'a.onx' has the suffix '.onx', which is no format\n"
         "  hint: formats: .onnx (ONNX), .py (PyTorch source)"),
        (["-o", "a"],
         "'a' has no suffix, which is no format\n"
         "  hint: formats: .onnx (ONNX), .py (PyTorch source)"),
        (["-o", "no/a.onnx"], "there is no folder 'no' for 'a.onnx'"),
        (["-o", "folder.onnx"], "folder.onnx: is a folder\n  hint: name a file in it"),
        (["-o", "a.py", "--opset", "17"], "opset is for .onnx, not for 'a.py'"),
        (["-o", "a.py", "--external"], "external is for .onnx, not for 'a.py'"),
        (["--opset", "3"],
         f"opset 3 cannot be written: {OLDEST} to {NEWEST} are possible\n"
         f"  hint: leave it out for opset {USUAL}"),
        (["--dims", "b=3"], "--dims: the model has no dim 'b'\n  hint: dims: B, T"),
    ],
)  # fmt: skip
def test_bad_wishes_are_told(cli, words, message):
    Path("folder.onnx").mkdir()
    assert cli("export", "tiny.yaml", *words) == (2, "", f"error: {message}\n")


def test_a_missing_package_is_named_with_its_cure(cli, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    message = "error: {} needs the package onnx\n  hint: pip install onnx\n"
    assert cli("export", "tiny.yaml") == (2, "", message.format("writing .onnx"))
    assert cli("import", "tiny.onnx", "-o", "new.yaml") == (2, "", message.format("reading .onnx"))
    assert cli("conformance") == (2, "", message.format("conformance"))
