"""Models that PyTorch's exporters write, imported: their outputs are those of PyTorch."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxscript")

import torch
from torch import nn
from torch.nn import functional

import framework as fw
from framework.api.importing import import_onnx

EXPORTERS = ["dynamo", "older"]


class Residual(nn.Module):
    """Two basic blocks of a residual network, the second with a shortcut of its own."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 7, 2, 3), nn.BatchNorm2d(8), nn.ReLU())
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.a = nn.Sequential(*self.convolutions(8, 8, 1))
        self.b = nn.Sequential(*self.convolutions(8, 16, 2))
        self.shortcut = nn.Conv2d(8, 16, 1, 2)
        self.head = nn.Linear(16, 5)

    def convolutions(self, c, o, stride):
        yield from (nn.Conv2d(c, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU())
        yield from (nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o))

    def forward(self, x):
        x = self.pool(self.stem(x))
        x = functional.relu(self.a(x) + x)
        x = functional.relu(self.b(x) + self.shortcut(x))
        return self.head(x.mean((2, 3)))


class Encoder(nn.Module):
    """Tokens, positions, two layers of attention."""

    def __init__(self):
        super().__init__()
        self.tokens, self.places = nn.Embedding(50, 16), nn.Embedding(32, 16)
        layer = nn.TransformerEncoderLayer(16, 4, 32, activation="gelu", batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(16)

    def forward(self, ids):
        x = self.tokens(ids) + self.places(torch.arange(ids.shape[1]))
        return self.norm(self.layers(x))


class Tagger(nn.Module):
    """A word in context gets a tag."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(40, 12)
        self.lstm = nn.LSTM(12, 9, 2, batch_first=True, bidirectional=True)
        self.tags = nn.Linear(18, 7)

    def forward(self, ids):
        return self.tags(self.lstm(self.words(ids))[0]).log_softmax(-1)


class Segmenter(nn.Module):
    """A small U: down twice, up by transposed convolution and by interpolation."""

    def __init__(self):
        super().__init__()
        self.down1, self.down2 = self.twice(3, 6), self.twice(6, 12)
        self.bottom = self.twice(12, 24)
        self.up2, self.up1 = nn.ConvTranspose2d(24, 12, 2, 2), nn.Conv2d(12, 6, 1)
        self.join2, self.join1 = self.twice(24, 12), self.twice(12, 6)
        self.head = nn.Conv2d(6, 2, 1)

    def twice(self, c, o):
        parts = (nn.Conv2d(c, o, 3, padding=1), nn.GroupNorm(3, o), nn.SiLU())
        return nn.Sequential(*parts, nn.Conv2d(o, o, 3, padding=1), nn.SiLU())

    def forward(self, x):
        a = self.down1(x)
        b = self.down2(functional.max_pool2d(a, 2))
        y = self.bottom(functional.avg_pool2d(b, 2))
        y = self.join2(torch.cat([self.up2(y), b], 1))
        y = functional.interpolate(self.up1(y), scale_factor=2, mode="bilinear")
        return self.head(self.join1(torch.cat([y, a], 1)))


IMAGE, WORDS = (2, 3, 32, 32), (2, 11)
MODELS = {
    "residual": (Residual, IMAGE, {0: "batch"}),
    "encoder": (Encoder, WORDS, {0: "batch", 1: "length"}),
    "tagger": (Tagger, WORDS, {0: "batch"}),
    "segmenter": (Segmenter, IMAGE, {0: "batch"}),
}
"""Each model, the shape of its input, and the axes whose size is open."""


def sample(shape, seed=0):
    """An image, or numbers of words."""
    r = np.random.default_rng(seed)
    if len(shape) == 2:
        return r.integers(0, 30, shape)
    return r.normal(size=shape).astype("float32")


def export(network, x, exporter, axes, path):
    """Write the ONNX model as PyTorch does it."""
    named = {"input_names": ["x"], "output_names": ["y"]}
    if exporter == "older":
        how = {"dynamo": False, "dynamic_axes": {"x": axes}}
    else:
        dims = {axis: torch.export.Dim(name, min=2, max=24) for axis, name in axes.items()}
        how = {"dynamo": True, "dynamic_shapes": (dims,), "verbose": False}
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        torch.onnx.export(network, (x,), path, **named, **how)


@pytest.fixture(autouse=True)
def quiet():
    """The exporters tell a lot."""
    logging.disable(logging.WARNING)
    torch.manual_seed(0)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("name", MODELS)
def test_an_exported_model_is_imported_with_equal_outputs(name, exporter, tmp_path):
    cls, shape, axes = MODELS[name]
    network, x = cls().eval(), sample(shape)
    export(network, torch.from_numpy(x), exporter, axes, tmp_path / "model.onnx")
    import_onnx(tmp_path / "model.onnx", tmp_path / "model.yaml")
    model = fw.load(tmp_path / "model.yaml")
    for batch in (2, 3):
        x = sample((batch, *shape[1:]), batch)
        expected = network(torch.from_numpy(x)).detach().numpy()
        np.testing.assert_allclose(model.run(x=x)["y"], expected, rtol=1e-4, atol=1e-5)


def encoder(exporter, folder):
    """The imported encoder, exported with an open length, and the one of PyTorch."""
    network, x = Encoder().eval(), sample(WORDS)
    export(network, torch.from_numpy(x), exporter, MODELS["encoder"][2], folder / "m.onnx")
    return import_onnx(folder / "m.onnx", folder / "m.yaml").model, network


def test_a_length_that_is_open_in_pytorch_stays_open(tmp_path):
    model, network = encoder("dynamo", tmp_path)
    assert str(model.inputs["x"]) == "int64[batch, length]"
    x = sample((3, 17), 1)
    expected = network(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(model.run(x=x)["y"], expected, rtol=1e-4, atol=1e-5)


def test_a_length_that_the_older_exporter_wrote_into_the_model_is_that_number(tmp_path):
    model, _ = encoder("older", tmp_path)
    assert str(model.inputs["x"]) == "int64[batch, 11]"


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_the_attention_of_an_encoder_is_one_operator(exporter, tmp_path):
    network, x = Encoder().eval(), sample(WORDS)
    export(network, torch.from_numpy(x), exporter, {0: "batch"}, tmp_path / "m.onnx")
    report = import_onnx(tmp_path / "m.onnx", tmp_path / "m.yaml")
    assert (
        sum(node.op.name in ("attention", "multi_head_attention") for node in report.model.ir) == 2
    )
