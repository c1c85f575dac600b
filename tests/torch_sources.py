"""What the tests of exported PyTorch source share: import it, load weights, run, compare."""

from __future__ import annotations

import ast
import importlib.util
import zlib

import numpy as np
import pytest

from framework.exchange.torch_writer import write_torch

torch = pytest.importorskip("torch")


def module_of(source, folder):
    """The model's class, the last one of a file with this source."""
    path = folder / f"model_{zlib.crc32(source.encode()):08x}.py"
    path.write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    last = [node.name for node in ast.parse(source).body if isinstance(node, ast.ClassDef)][-1]
    return getattr(module, last)().eval()


def load(net, weights):
    """Copy weights under our names; the state has exactly these."""
    assert set(net.state_dict()) == set(weights)
    net.load_state_dict({name: torch.from_numpy(np.array(a)) for name, a in weights.items()})
    return net


def run(net, arrays):
    """The results by name."""
    with torch.inference_mode():
        found = net(*(torch.from_numpy(np.array(array)) for array in arrays))
    return {name: tensor.detach().numpy() for name, tensor in found.items()}


def agrees(ours, theirs, tolerance=1e-4):
    """Equal dtypes and shapes; agreement relative to the largest finite element."""
    assert (theirs.dtype, theirs.shape) == (ours.dtype, ours.shape)
    if ours.dtype.kind != "f":
        np.testing.assert_array_equal(theirs, ours)
        return
    finite = np.abs(ours[np.isfinite(ours)], dtype=np.float64)
    scale = max(1.0, finite.max(initial=0.0))
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=tolerance * scale)


def lively(model):
    """The model's weights with statistics that are not 0 and 1."""
    rng = np.random.default_rng(0)
    return {
        name: np.asarray(rng.uniform(0.5, 1.5, a.shape), a.dtype) if "running" in name else a
        for name, a in model.weights.items()
    }


def check_model(model, sizes, folder):
    """Names of weights are equal; results agree at all sizes."""
    weights = lively(model)
    model.set_weights(weights)
    net = load(module_of(write_torch(model.ir, model.name), folder), weights)
    for some in sizes:
        given = model.example_inputs(some)
        ours, theirs = model.run(**given), run(net, given.values())
        assert list(theirs) == list(ours)
        for name in ours:
            agrees(ours[name], theirs[name])


def classes(source):
    """Names of the classes of a file."""
    return [node.name for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
