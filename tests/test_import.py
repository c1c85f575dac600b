"""`framework import` and `import_onnx`: files written, names kept, mistakes told all at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")

import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx_damage import MODELS, info, model, node, stored
from onnxcases import evaluate, run_onnx

import framework as fw
from framework.api.importing import import_onnx
from framework.cli import main
from framework.errors import InputError, WeightError

WEIGHT = np.arange(6, dtype="float32").reshape(3, 2)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Each test runs in a folder of its own with one small model."""
    monkeypatch.chdir(tmp_path)
    save(small())
    return tmp_path


def small(shape=("n", 3)):
    """One product with a weight."""
    nodes = [node("MatMul", "x w", "h"), node("Relu", "h", "y")]
    return model(nodes, [info("x", shape)], [info("y", None)], [stored("w", WEIGHT)])


def save(proto, name="model.onnx"):
    """Write a model."""
    Path(name).write_bytes(proto.SerializeToString())


def files():
    """All files of the folder but the model."""
    return sorted(path.name for path in Path().iterdir() if path.suffix != ".onnx")


def failure(*values, **named):
    """The message of an import that fails, which writes nothing."""
    before = files()
    with pytest.raises(InputError) as caught:
        import_onnx(*values, **named)
    assert files() == before
    return str(caught.value)


# ------------------------------------------------------------------ what is written


def test_yaml_and_weights_lie_beside_each_other():
    report = import_onnx("model.onnx", "out/net.yaml")
    assert (report.yaml, report.weights) == (Path("out/net.yaml"), Path("out/net.safetensors"))
    np.testing.assert_array_equal(fw.load("out/net.yaml").run(x=np.eye(3))["y"], WEIGHT)


def test_a_model_without_weights_has_no_file_of_them():
    save(model([node("Relu", "x", "y")], [info("x", [2])], [info("y", [2])]))
    assert import_onnx("model.onnx", "net.yaml").weights is None
    assert files() == ["net.yaml"]


def test_the_command_writes_beside_the_model(capsys):
    assert main(["import", "model.onnx"]) == 0
    assert files() == ["model.safetensors", "model.yaml"]
    assert "model.yaml: g, 3 nodes, 6 parameters" in capsys.readouterr().out


def test_the_report_says_what_was_recognised():
    save(MODELS[2]())
    assert ("attention", 1) in import_onnx("model.onnx", "net.yaml").recognised


def test_patterns_stay_as_they_are_where_that_is_wanted():
    save(MODELS[2]())
    report = import_onnx("model.onnx", "net.yaml", recognise=False)
    assert report.recognised == []
    assert report.nodes > import_onnx("model.onnx", "net.yaml", force=True).nodes


def test_names_of_inputs_and_outputs_become_names_of_ours(capsys):
    nodes = [node("Relu", "input.1", "2/out")]
    save(model(nodes, [info("input.1", [2])], [info("2/out", [2])]))
    assert main(["import", "model.onnx"]) == 0
    printed = capsys.readouterr().out
    assert "input 'input.1' is called input_1\noutput '2/out' is called n2_out\n" in printed


def test_two_names_that_are_alike_stay_apart():
    nodes = [node("Relu", "a.b", "y.z"), node("Neg", "a_b", "y_z")]
    ins, outs = ([info(name, [2]) for name in pair] for pair in (("a.b", "a_b"), ("y.z", "y_z")))
    save(model(nodes, ins, outs))
    report = import_onnx("model.onnx", "net.yaml")
    assert report.inputs == {"a.b": "a_b", "a_b": "a_b_2"}
    assert report.outputs == {"y.z": "y_z", "y_z": "y_z_2"}


def test_weights_in_another_file_are_read():
    proto = small()
    onnx.save(proto, "apart.onnx", save_as_external_data=True, size_threshold=0, location="data")
    import_onnx("apart.onnx", "net.yaml")
    np.testing.assert_array_equal(fw.load("net.yaml").run(x=np.eye(3))["y"], WEIGHT)


def test_weights_of_a_narrow_kind_are_read_with_their_values():
    narrow = helper.make_tensor("w", TensorProto.BFLOAT16, [3, 2], WEIGHT.reshape(-1))
    nodes = [node("Cast", "w", "v", to=1), node("MatMul", "x v", "y")]
    proto = model(nodes, [info("x", [3, 3])], [info("y", None)])
    proto.graph.initializer.append(narrow)
    save(proto)
    import_onnx("model.onnx", "net.yaml")
    np.testing.assert_array_equal(fw.load("net.yaml").run(x=np.eye(3))["y"], WEIGHT)


def test_a_sparse_weight_is_written_out_with_its_zeros():
    proto = model([node("Add", "x k", "y")], [info("x", [2, 3])], [info("y", None)])
    sparse = proto.graph.sparse_initializer.add(dims=[2, 3])
    sparse.values.CopyFrom(stored("k", np.array([5, 7], "float32")))
    sparse.indices.CopyFrom(numpy_helper.from_array(np.array([1, 5]), "places"))
    save(proto)
    import_onnx("model.onnx", "net.yaml")
    y = fw.load("net.yaml").run(x=np.zeros((2, 3)))["y"]
    np.testing.assert_array_equal(y, [[0, 5, 0], [0, 0, 7]])


def test_what_is_constant_is_computed_where_only_the_data_decide_how_much_it_is():
    nodes = [node("NonZero", "k", "z"), node("Shape", "z", "s"), node("Expand", "x s", "y")]
    stores = [stored("k", np.array([0, 3, 0, 4, 5]))]
    save(model(nodes, [info("x", [1, 1])], [info("y", None)], stores))
    import_onnx("model.onnx", "net.yaml")
    assert str(fw.load("net.yaml").outputs["y"]) == "float32[1, 3]"


@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_an_imported_model_gives_what_the_onnx_model_gives(make):
    save(make())
    report = import_onnx("model.onnx", "net.yaml", dims=dict.fromkeys(symbols(make()), 4))
    types = report.model.inputs
    feeds = {k: np.ones(types[ours].shape, types[ours].dtype) for k, ours in report.inputs.items()}
    found = report.model.run(**{report.inputs[k]: x for k, x in feeds.items()})
    # onnxruntime quantizes what it multiplies with a dequantized weight
    judge = evaluate if make.__name__ == "recurrent" else run_onnx
    expected = judge("model.onnx", feeds)
    for ours, y in zip(report.outputs.values(), expected, strict=True):
        np.testing.assert_allclose(found[ours], y, rtol=1e-4, atol=1e-5)


def symbols(proto):
    """Names of open sizes."""
    dims = (d for item in proto.graph.input for d in item.type.tensor_type.shape.dim)
    return {dim.dim_param for dim in dims if dim.dim_param}


# ------------------------------------------------------------------ sizes


def shape(**dims):
    """The first input's type, with some sizes fixed."""
    report = import_onnx("model.onnx", "net.yaml", dims=dims, force=True)
    return str(next(iter(report.model.inputs.values())))


def test_open_sizes_are_fixed_by_name(capsys):
    assert shape(n=5) == "float32[5, 3]"
    assert main(["import", "model.onnx", "--force", "--dims", "n=7"]) == 0
    assert str(fw.load("model.yaml").inputs["x"]) == "float32[7, 3]"


def test_a_size_may_be_fixed_by_the_name_that_it_has_in_onnx():
    save(small(("batch size", 3)))
    assert (shape(), shape(**{"batch size": 2})) == ("float32[batch_size, 3]", "float32[2, 3]")


def test_a_size_without_a_name_is_called_after_its_input():
    save(small((None, 3)))
    assert (shape(), shape(x_0=2)) == ("float32[x_0, 3]", "float32[2, 3]")


def test_a_name_that_no_size_has_is_refused_with_the_names_that_there_are():
    text = failure("model.onnx", "net.yaml", dims={"m": 5})
    assert text == "no input has a size called m; open sizes are n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2*n + 1", "2*n + 1"), ("n//2", "n//2"), ("ceil(n/2)", "ceil(n/2)"), ("n - 1", "n - 1"),
     ("Max(4, n)", "max(n, 4)"), ("batch-size", "batch_size"), ("n!", "n"), ("2n", "size_2n")],
)  # fmt: skip
def test_a_formula_of_a_size_is_read(text, expected):
    save(model([node("Relu", "x", "y")], [info("x", [text])], [info("y", None)]))
    assert shape() == f"float32[{expected}]"


def test_a_size_that_a_weight_decides_is_that_number():
    save(small(("n", "c")))
    assert shape() == "float32[n, 3]"


# ------------------------------------------------------------------ mistakes


def test_nothing_is_replaced_unless_that_is_wanted():
    import_onnx("model.onnx", "net.yaml")
    assert failure("model.onnx", "net.yaml") == "net.yaml exists\n  hint: --force replaces it"
    assert import_onnx("model.onnx", "net.yaml", force=True).nodes == 3


def test_weights_that_are_there_are_not_replaced_either():
    Path("net.safetensors").write_bytes(b"mine")
    text = failure("model.onnx", "net.yaml")
    assert text == "net.safetensors exists\n  hint: --force replaces it"
    assert Path("net.safetensors").read_bytes() == b"mine"


def test_the_target_is_yaml():
    text = failure("model.onnx", "net.json")
    assert text == "net.json does not end in .yaml\n  hint: -o net.yaml"


def test_the_target_is_no_folder():
    Path("net.yaml").mkdir()
    assert failure("model.onnx", "net.yaml").startswith("net.yaml is a folder")


def test_a_folder_that_cannot_be_made_is_told():
    Path("file").write_text("")
    assert failure("model.onnx", "file/net.yaml").startswith("file/net.yaml: the system says")


def test_weights_are_taken_away_again_where_the_yaml_cannot_be_written(monkeypatch):
    def full(path, text):
        raise WeightError("the disk is full")

    monkeypatch.setattr("framework.api.importing.write_text", full)
    with pytest.raises(WeightError, match="the disk is full"):
        import_onnx("model.onnx", "net.yaml")
    assert files() == []


def test_a_file_that_is_not_there_is_told(capsys):
    assert main(["import", "other.onnx"]) == 2
    assert "other.onnx cannot be read: No such file or directory" in capsys.readouterr().err


def test_a_damaged_file_is_told():
    Path("model.onnx").write_bytes(small().SerializeToString()[:-30])
    assert "model.onnx is no ONNX model, or it is damaged" in failure("model.onnx", "net.yaml")


def test_everything_that_cannot_be_read_is_told_at_once():
    nodes = [
        node("Frob", "x", "a", name="one"),
        node("Frob", "a", "b", name="two"),
        node("Spin", "u", "c", domain="com.example"),
        node("Conv", "x", "y", name="four"),
    ]
    save(model(nodes, [info("x", [2, 3]), info("u", None)], [info("y", None)]))
    text = failure("model.onnx", "net.yaml")
    assert "2 × Frob (one, two): Frob is not supported" in text
    assert "Spin (c): com.example.Spin is not supported" in text
    assert "input (u): it has no shape" in text
    assert "Conv (four): " in text


def test_an_operator_set_from_the_future_is_told():
    proto = small()
    proto.opset_import[0].version = 999
    save(proto)
    text = failure("model.onnx", "net.yaml")
    assert text.startswith("the model uses operator set 999; 1 to ")
    assert text.endswith("hint: pip install --upgrade onnx")


@pytest.mark.parametrize("opset", [1, 6, 7, 13, 21])
def test_old_operator_sets_are_read(opset):
    proto = small()
    proto.opset_import[0].version = opset
    save(proto)
    assert import_onnx("model.onnx", "net.yaml").nodes == 3


def test_axes_of_old_operator_sets_are_read():
    add = node("Add", "x b", "y", broadcast=1, axis=1)
    stores = [stored("b", np.arange(3, dtype="float32"))]
    save(model([add], [info("x", [1, 3, 2])], [info("y", None)], stores, opset=6))
    import_onnx("model.onnx", "net.yaml")
    y = fw.load("net.yaml").run(x=np.zeros((1, 3, 2)))["y"]
    np.testing.assert_array_equal(y, [[[0, 0], [1, 1], [2, 2]]])


def test_a_word_that_an_attribute_does_not_know_is_refused():
    save(model([node("Gelu", "x", "y", approximate="erf")], [info("x", [2])], [info("y", None)]))
    assert "approximate is 'erf'; expected none, tanh" in failure("model.onnx", "net.yaml")
