"""The bundled models against plain PyTorch modules that have the same weights."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

import framework as fw
from framework.runtime.names import map_names

torch = pytest.importorskip("torch")
models = importlib.import_module("torch_models")


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def agrees(ours, theirs, tolerance):
    """Agreement relative to the largest element."""
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * np.abs(theirs).max())


def twin(module, names, model, **settings):
    """A bundled model with the module's weights under our names."""
    ours, arrays = fw.load(model, **settings), models.state_of(module)
    mapped = map_names(arrays, names)
    ours.set_weights({name: arrays[foreign] for foreign, name in mapped.items()})
    return ours


def agree_on(module, ours, *arrays):
    """All outputs of both agree to 1e-4."""
    with torch.inference_mode():
        theirs = module(*map(torch.from_numpy, arrays))
    results = ours.run(*arrays)
    assert list(results) == list(theirs)
    for name, tensor in theirs.items():
        agrees(results[name], tensor.numpy(), 1e-4)


# ---------------------------------------------------------------------- convolutional networks


@pytest.mark.parametrize("size", [(64, 64), (65, 97), (32, 33)])
def test_resnet18_agrees_at_even_and_odd_sizes(size):
    module = models.randomised(models.ResNet18())
    agree_on(module, twin(module, models.RESNET18, "resnet18"), normal(2, 3, *size))


@pytest.mark.parametrize("size", [(64, 64), (48, 80)])
def test_unet_agrees(size):
    module = models.randomised(models.UNet(16))
    agree_on(module, twin(module, models.UNET, "unet", width=16), normal(2, 3, *size))


@pytest.mark.parametrize("size", [(64, 64), (65, 98), (33, 50)])
def test_efficientnet_agrees_under_its_own_name_map(size):
    module = models.randomised(models.EfficientNetLite0())
    names = fw.load("efficientnet_lite0").document.weights.names
    agree_on(module, twin(module, names, "efficientnet_lite0"), normal(2, 3, *size))


# ---------------------------------------------------------------------- transformers


@pytest.mark.parametrize(("depth", "batch"), [(2, 3), (12, 1)])
def test_vit_agrees(depth, batch):
    module = models.randomised(models.VisionTransformer(depth))
    ours = twin(module, models.VIT, "vit", depth=depth)
    agree_on(module, ours, normal(batch, 3, 224, 224))


def test_transformer_agrees_with_padding_in_the_source():
    sizes = {"vocab": 40, "width": 48, "heads": 4, "depth": 2}
    module = models.randomised(models.Transformer(**sizes))
    random = np.random.default_rng(3)
    source, target = random.integers(0, 40, (3, 7)), random.integers(0, 40, (3, 5))
    lengths = np.array([7, 4, 1])
    keep = (np.arange(7) < lengths[:, None])[:, None, None]
    agree_on(module, twin(module, models.TRANSFORMER, "transformer", **sizes), source, target, keep)


FUSED = "{scope...}.fused_attention.multi_head_attention"
SPELLED_OUT = {
    f"{FUSED}.{part}.{{p}}": f"{{scope...}}.spelled_out_attention.{layer}.{{p}}"
    for part, layer in {"q": "linear", "k": "linear_2", "v": "linear_3", "out": "linear_4"}.items()
}


def test_spelled_out_attention_is_the_fused_one():
    fused = fw.load("vit", depth=2)
    spelled = fw.load("vit", depth=2, attention="spelled_out_attention")
    mapped = map_names(fused.weights, SPELLED_OUT)
    spelled.set_weights({name: fused.weights[other] for other, name in mapped.items()})
    image = normal(2, 3, 224, 224)
    agrees(spelled.run(image)["logits"], fused.run(image)["logits"], 1e-5)


# ---------------------------------------------------------------------- parameters


@pytest.mark.parametrize(
    ("model", "settings", "count"),
    [
        ("resnet18", {}, 11_689_512),
        ("vit", {}, 86_567_656),
        ("vit", {"attention": "spelled_out_attention"}, 86_567_656),
        ("transformer", {}, 60_524_544),
        ("efficientnet_lite0", {}, 4_652_008),
    ],
)
def test_a_model_has_as_many_parameters_as_published(model, settings, count):
    assert fw.load(model, **settings).parameters == count


@pytest.mark.parametrize(
    ("model", "settings", "make"),
    [
        ("resnet18", {}, lambda: models.ResNet18()),
        ("unet", {}, lambda: models.UNet(64)),
        ("vit", {}, lambda: models.VisionTransformer(12)),
        ("transformer", {"width": 64}, lambda: models.Transformer(32000, 64, 8, 6)),
        ("efficientnet_lite0", {}, lambda: models.EfficientNetLite0()),
    ],
)
def test_a_model_has_as_many_parameters_as_the_module(model, settings, make):
    with torch.device("meta"):
        count = sum(p.numel() for p in make().parameters())
    assert fw.load(model, **settings).parameters == count


# ---------------------------------------------------------------------- graph attention


def gat_layer(x, adjacency, weight, a_from, a_to):
    """Velickovic et al. 2017, equations 1 to 5, node by node; a = [a_from, a_to] by head."""
    heads, width = a_from.shape
    z = (x @ weight.T).reshape(len(x), heads, width)
    y = np.zeros_like(z)
    for i, head in np.ndindex(len(x), heads):
        seen = np.flatnonzero(adjacency[i])
        scores = z[i, head] @ a_from[head] + z[seen, head] @ a_to[head]
        powers = np.exp(np.where(scores > 0, scores, 0.2 * scores))
        y[i, head] = powers / powers.sum() @ z[seen, head]
    return y.reshape(len(x), -1)


@pytest.mark.parametrize("seed", [0, 1])
def test_gat_agrees_with_the_paper_on_a_directed_graph_with_self_loops(seed):
    model = fw.load("gat", channels=30, hidden=5, heads=3, classes=4)
    weights = {n: normal(*p.shape, seed=seed) / 2 for n, p in model.ir.parameters.items()}
    model.set_weights(weights)
    adjacency = (np.random.default_rng(seed).random((12, 12)) < 0.3) | np.eye(12, dtype=bool)
    x = features = normal(12, 30, seed=seed)
    for layer in ("gat_layer", "logits"):
        a_from, a_to = (weights[f"{layer}.{a}.value"][:, :, 0] for a in ("a_from", "a_to"))
        x = gat_layer(x, adjacency, weights[f"{layer}.linear.weight"], a_from, a_to)
        x = np.where(x > 0, x, np.expm1(x)) if layer == "gat_layer" else x
    agrees(model.run(features, adjacency)["logits"], x, 1e-5)
