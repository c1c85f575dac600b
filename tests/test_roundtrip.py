"""Out to ONNX and back: the same outputs, weights and structure; and what others exported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")

import onnx
from onnx.backend.test import case as onnx_cases
from test_graphs import NAMES, sizes_of, small

from framework.api.importing import import_onnx
from framework.tools.cases import folder_cases
from framework.tools.skips import BY_DEFINITION

FOLDER = Path(onnx_cases.__file__).parents[1] / "data" / "light"
LIGHT = {case.name: case for case in folder_cases("light")}
EXAMPLE = Path(__file__).parents[1] / "examples" / "densenet121.yaml"

COPIES = {"vit": "repeat: 2", "transformer": "repeat: 2", "efficientnet_lite0": "repeat: "}
"""Models with copies of one block in a row, and how often at these sizes."""

BLOCKS = {
    "light_densenet121": "repeat: 24",
    "light_inception_v1": "use: ",
    "light_inception_v2": "use: ",
    "light_resnet50": "repeat: 5",
    "light_shufflenet": "repeat: ",
    "light_squeezenet": "use: ",
}
"""What the text of each network must hold; the others have nothing that occurs twice."""


@pytest.mark.parametrize("name", NAMES)
def test_a_model_comes_back_from_onnx_with_its_structure(name, tmp_path):
    model = small(name)
    model.export(tmp_path / "model.onnx")
    report = import_onnx(tmp_path / "model.onnx", tmp_path / "model.yaml")
    inputs = model.example_inputs(sizes_of(model, 1))
    expected = model.run(**inputs)
    found = report.model.run(**{report.inputs.get(n, n): x for n, x in inputs.items()})
    for output in model.outputs:
        scale = np.abs(expected[output]).max()
        theirs = found[report.outputs[output]]
        np.testing.assert_allclose(theirs, expected[output], rtol=1e-4, atol=1e-4 * scale)
    assert report.model.parameters == model.parameters
    assert COPIES.get(name, "") in report.yaml.read_text()
    assert ("use:" in report.yaml.read_text()) == bool(model.document.blocks)


@pytest.mark.parametrize("name", LIGHT)
def test_a_network_of_others_becomes_text_that_a_person_can_read(name, tmp_path):
    report = import_onnx(FOLDER / f"{name}.onnx", tmp_path / "model.yaml")
    text = report.yaml.read_text()
    assert BLOCKS.get(name, "") in text
    assert len(text.splitlines()) < 140
    assert report.model.weights_source.endswith("model.safetensors")
    report.model.set_engine(optimize=name not in BY_DEFINITION)
    case = LIGHT[name]
    for given, expected in case.open()[1]:
        found = report.model.run(**dict(zip(report.inputs.values(), given, strict=True)))
        for output, array in zip(report.outputs.values(), expected, strict=True):
            np.testing.assert_allclose(found[output], array, case.rtol, case.atol)


def test_the_example_is_what_importing_densenet_gives(tmp_path):
    text = import_onnx(
        FOLDER / "light_densenet121.onnx", tmp_path / "densenet121.yaml"
    ).yaml.read_text()
    body = [line for line in text.splitlines() if not line.startswith(("#", "weights:"))]
    kept = [line for line in EXAMPLE.read_text().splitlines() if not line.startswith("#")]
    assert "\n".join(kept).strip() == "\n".join(body).strip()


def test_the_importer_reads_what_onnx_itself_wrote(tmp_path):
    x = onnx.helper.make_tensor_value_info("x.1", 1, ["batch size", 3])
    y = onnx.helper.make_tensor_value_info("y", 1, None)
    node = onnx.helper.make_node("Relu", ["x.1"], ["y"])
    graph = onnx.helper.make_graph([node], "my net", [x], [y])
    onnx.save(onnx.helper.make_model(graph), tmp_path / "m.onnx")
    report = import_onnx(tmp_path / "m.onnx", tmp_path / "m.yaml")
    assert report.inputs == {"x.1": "x_1"}
    assert report.model.run(x_1=np.array([[-1.0, 0, 2]], "float32"))["y"].tolist() == [[0, 0, 2]]
