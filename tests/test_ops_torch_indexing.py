"""PyTorch judges indexing, sorting, reductions, repeating, triangles and losses."""

from __future__ import annotations

import numpy as np
import pytest

import framework.ops
from framework.errors import InputError
from framework.ir.op import find_op

torch = pytest.importorskip("torch")
F = torch.nn.functional
FAMILIES = framework.ops.__path__
RNG = np.random.default_rng(5)
IMAGE = RNG.standard_normal((3, 4, 5))
TIES = RNG.integers(0, 4, (3, 6, 5)).astype("float64")
REDUCTIONS = ["mean", "sum", "none"]


def compute(name, *arrays, **attributes):
    """One operator on arrays."""
    op = find_op(name)(**attributes)
    op.check()
    return op.compute(*arrays)


def tensor(x):
    return None if x is None else torch.from_numpy(np.array(x))


def same(found, expected):
    np.testing.assert_allclose(found, expected.detach().numpy(), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_gather_elements(axis):
    at = RNG.integers(0, 3, (2, 3, 4))
    same(compute("gather_elements", IMAGE, at, axis=axis), torch.gather(
        tensor(IMAGE), axis, tensor(at)))  # fmt: skip


TORCH = {"none": None, "add": "sum", "mul": "prod", "max": "amax", "min": "amin"}


@pytest.mark.parametrize(("word", "theirs"), TORCH.items())
def test_scatter_elements(word, theirs):
    at = RNG.permutation(4)[None, :3, None].repeat(2, 0).repeat(5, 2)
    if theirs:
        at = RNG.integers(0, 4, (2, 3, 5))
    updates = RNG.standard_normal((2, 3, 5))
    x, wires = tensor(IMAGE), (1, tensor(at), tensor(updates))
    expected = x.scatter_reduce(*wires, theirs) if theirs else x.scatter(*wires)
    same(compute("scatter_elements", IMAGE, at, updates, axis=1, reduction=word), expected)


@pytest.mark.parametrize("accumulate", [False, True])
def test_scatter_nd(accumulate):
    at = RNG.integers(0, 3, (7, 2)) if accumulate else np.array([[0, 1], [2, 2], [1, 0]])
    updates = RNG.standard_normal((len(at), 5))
    places = tuple(tensor(at).T)
    expected = tensor(IMAGE).index_put(places, tensor(updates), accumulate)
    word = "add" if accumulate else "none"
    same(compute("scatter_nd", IMAGE, at, updates, reduction=word), expected)


@pytest.mark.parametrize("axes", [0, 1, 2])
def test_gather_nd_with_batch_axes(axes):
    at = RNG.integers(0, 3, (3, 4, 1))
    lead = torch.meshgrid(*[torch.arange(n) for n in (3, 4)], indexing="ij")[:axes]
    x, where = tensor(IMAGE), tensor(at[..., 0])
    same(compute("gather_nd", IMAGE, at, batch_axes=axes), x[(*lead, where)])


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_sort_keeps_equal_elements_in_turn(axis, descending):
    found = compute("sort", TIES, axis=axis, descending=descending)
    expected = torch.sort(tensor(TIES), dim=axis, descending=descending, stable=True)
    same(found[0], expected.values)
    same(found[1], expected.indices)


@pytest.mark.parametrize("largest", [False, True])
def test_top_k(largest):
    found = compute("top_k", IMAGE, k=3, axis=1, largest=largest)
    expected = torch.topk(tensor(IMAGE), 3, 1, largest)
    same(found[0], expected.values)
    same(found[1], expected.indices)


def test_nan_is_the_largest():
    x = np.array([1.0, np.nan, np.inf])
    for largest in (False, True):
        found = compute("top_k", x, k=3, largest=largest)
        same(found[1], torch.sort(tensor(x), descending=largest).indices)


@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_running_sums_and_products(name, axis):
    same(compute(name, IMAGE, axis=axis), getattr(torch, name)(tensor(IMAGE), axis))


@pytest.mark.parametrize(("word", "order"), [("l1", 1), ("l2", 2), ("max", np.inf)])
def test_norms(word, order):
    expected = torch.linalg.vector_norm(tensor(IMAGE), order, dim=(0, 2))
    same(compute("reduce", np.abs(IMAGE), op=word, axes=(0, 2)), expected)


def test_log_sum_exp():
    large = IMAGE * 1000
    same(compute("reduce", large, op="log_sum_exp", axes=1), torch.logsumexp(tensor(large), 1))


@pytest.mark.parametrize("axis", [None, 0, 2])
def test_unique(axis):
    found = compute("unique", TIES, axis=axis)
    y, inverse, counts = torch.unique(tensor(TIES), True, True, True, axis)
    same(found[0], y)
    same(found[2], inverse.reshape(-1))
    same(found[3], counts)


def test_non_zero():
    same(compute("non_zero", TIES), torch.nonzero(tensor(TIES)).T)


@pytest.mark.parametrize("shift", [-7, 0, 2, 9])
def test_roll(shift):
    expected = torch.roll(tensor(IMAGE), (shift, 1), (2, 0))
    same(compute("roll", IMAGE, shifts=(shift, 1), axes=(2, 0)), expected)


def test_flip():
    same(compute("flip", IMAGE, axes=(0, -1)), torch.flip(tensor(IMAGE), (0, -1)))


def test_tile_and_repeat_interleave():
    same(compute("tile", IMAGE, repeats=(2, 1, 3)), tensor(IMAGE).repeat(2, 1, 3))
    expected = torch.repeat_interleave(tensor(IMAGE), 3, 1)
    same(compute("repeat_interleave", IMAGE, repeats=3, axis=1), expected)


@pytest.mark.parametrize("k", [-5, -1, 0, 2, 6])
def test_triangles(k):
    same(compute("trilu", IMAGE, k=k), torch.triu(tensor(IMAGE), k))
    same(compute("trilu", IMAGE, k=k, upper=False), torch.tril(tensor(IMAGE), k))


def test_pixel_shuffle_and_back():
    x = RNG.standard_normal((2, 18, 3, 4))
    y = compute("depth_to_space", x, block=3, mode="crd")
    same(y, F.pixel_shuffle(tensor(x), 3))
    same(compute("space_to_depth", y, block=3, mode="crd"), tensor(x))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("ignored", [-100, 2])
def test_cross_entropy_and_nll_loss(reduction, weighted, ignored):
    x, targets = RNG.standard_normal((3, 4, 5)), RNG.integers(0, 4, (3, 5))
    targets[0, 0] = ignored
    weight = RNG.uniform(0.5, 2, 4) if weighted else None
    rest = {"reduction": reduction, "ignore_index": ignored}
    for name in ("cross_entropy", "nll_loss"):
        theirs = getattr(F, name)(tensor(x), tensor(targets), tensor(weight), **rest)
        same(compute(name, x, targets, weight, **rest), theirs)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_mse_loss(reduction):
    x, target = RNG.standard_normal((2, 3, 4))
    expected = F.mse_loss(tensor(x), tensor(target), reduction=reduction)
    same(compute("mse_loss", x, target, reduction=reduction), expected)


OUTSIDE = [
    ("index 3 is outside an axis of 3", "gather_elements", {}, [[3]]),
    ("index -4 is outside an axis of 3", "gather_nd", {}, [[0, -4]]),
]


@pytest.mark.parametrize(("fact", "name", "attributes", "indices"), OUTSIDE)
def test_positions_outside_are_refused(fact, name, attributes, indices):
    with pytest.raises(InputError) as caught:
        compute(name, np.zeros((3, 3)), np.array(indices), **attributes)
    assert str(caught.value) == fact


def test_a_target_that_is_no_class_is_refused():
    with pytest.raises(InputError) as caught:
        compute("nll_loss", np.zeros((2, 3)), np.array([0, 3]))
    assert str(caught.value) == "target 3 is no class; there are 3, from 0"


@pytest.mark.parametrize("length", [-1, 4])
def test_a_sequence_longer_than_its_axis_is_refused(length):
    with pytest.raises(InputError) as caught:
        compute("reverse_sequence", np.zeros((2, 3)), np.array([1, length]))
    assert str(caught.value) == f"length {length} of a sequence with 3 elements"


def test_a_buffer_is_not_overrun():
    with pytest.raises(InputError) as caught:
        compute("tensor_scatter", np.zeros((1, 3, 2)), np.ones((1, 2, 2)), np.array([2]))
    assert str(caught.value) == "positions 2 to 3 are written to a buffer of 3"
