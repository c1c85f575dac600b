"""`explain GRAPH NODE`: equations that hold, receptive fields that are exact, true origins."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import framework as fw
from framework.api.explain import explain
from framework.cli import main
from framework.cli.opexample import connected
from framework.errors import Place, Source
from framework.ir.dims import substitute
from framework.ir.op import REGISTRY
from framework.ops.convolution import Conv, ConvTranspose
from framework.report.lecture.equation import Equation
from framework.report.lecture.node import as_dict
from framework.report.lecture.receptive import (
    AxisField,
    through_copies,
    through_spread,
    through_window,
    united,
)
from framework.report.lecture.shapes import shape_equations
from framework.report.lecture.windows import FORWARD
from framework.report.lecture.work import RULES, work_equations
from framework.spec.expressions import parse

LONGEST = 60


def examples(*names):
    """Every example of these operators, matched."""
    for name in names:
        for op, *samples in REGISTRY[name].examples():
            yield op, op.match(dict(connected(op, samples)))


def worth(text):
    """The number that a text of an equation stands for."""
    place = Place(Source("test", text), 1, 1)
    return parse(text.replace("·", "*"), place).evaluate({}, mode="real")


@pytest.mark.parametrize("name", [*FORWARD, "conv_transpose", "concat", "upsample", "rearrange"])
def test_the_numbers_of_a_shape_equation_give_its_value(name):
    for op, d in examples(name):
        for equation in shape_equations(op, d):
            assert worth(equation.numbers) == equation.value, str(equation)


@pytest.mark.parametrize("name", [*FORWARD, "conv_transpose"])
def test_every_spatial_axis_of_a_window_has_an_equation_with_its_size(name):
    for op, d in examples(name):
        found = [e.value for e in shape_equations(op, d) if e.name.endswith("2")]
        assert found == list(d.outsize)


@pytest.mark.parametrize("name", RULES)
def test_the_products_of_the_work_add_up_to_the_cost(name):
    for op, d in examples(name):
        *terms, last = work_equations(op, d)
        assert last.value == op.cost(d).macs
        assert not terms or sum(term.value for term in terms) == last.value
        assert all(worth(term.numbers) == term.value for term in terms)


def test_the_formula_of_a_lecture():
    found = explain(fw.load("resnet18"), "stem.conv", {"H": 224})
    height, width = found.equations[-2:]
    assert str(height) == ("H2 = floor((H1 - F + 2P)/S) + 1 = floor((224 - 7 + 2·3)/2) + 1 = 112")
    assert str(width).endswith("floor((W - 7 + 2·3)/2) + 1 = ceil(W/2)")
    assert str(height.general) == "ceil(H/2)"


def test_an_exact_division_is_not_rounded():
    found = explain(fw.load("vit"), "patchify")
    assert str(found.equations[-1]) == "W2 = (W1 - F + 2P)/S + 1 = (224 - 16 + 2·0)/16 + 1 = 14"


def test_an_equation_says_nothing_twice():
    assert str(Equation("out", "out", "64", 64)) == "out = 64"


# ---------------------------------------------------------------------------- receptive fields


@st.composite
def layers(draw):
    """A chain of convolutions and their transposes along one axis."""
    kinds = st.sampled_from([Conv, Conv, ConvTranspose])
    number = st.integers(1, 3)
    chain = []
    for _ in range(draw(st.integers(1, 4))):
        kind, kernel, stride, dilation = draw(kinds), draw(number), draw(number), draw(number)
        span = dilation * (kernel - 1) + 1
        pad = draw(st.integers(0, (span - 1) // 2))
        chain.append(kind(out=1, kernel=kernel, stride=stride, dilation=dilation, pad=pad))
    return chain


def dependence(chain, size):
    """[output, input]: does the element depend on that one?  Weights of 1 and one-hot inputs."""
    x = np.eye(size)[:, None]
    for op in chain:
        weight = np.ones((1, 1, op.kernel))
        if x.shape[-1] < 8 or x.shape[-1] > 4 * LONGEST:
            return None
        x = (op.compute(x, weight, np.zeros(1)) != 0).astype(float)
    return x[:, 0].T


@given(layers())
def test_a_receptive_field_is_what_the_numbers_depend_on(chain):
    seen = dependence(chain, LONGEST)
    if seen is None:
        return
    field = AxisField()
    for op in chain:
        (window,) = op.windows(1)
        step = through_spread if isinstance(op, ConvTranspose) else through_window
        field = step(field, window, op.pad)
    for position, row in enumerate(seen):
        reads, wanted = field.at(position), np.flatnonzero(row)
        if reads is None:
            assert len(wanted) == 0
        elif 0 <= reads[0] and reads[1] < LONGEST and not touches_an_edge(chain, position):
            assert (wanted[0], wanted[-1]) == reads


def touches_an_edge(chain, position):
    """Near the ends a transposed layer's neighbours may lie outside of what there is."""
    return any(isinstance(op, ConvTranspose) for op in chain) and position < LONGEST // 4


@pytest.mark.parametrize(
    ("model", "node", "size", "stride"),
    [
        ("resnet18", "stem.conv", 7, 2),
        ("resnet18", "max_pool", 11, 4),
        ("resnet18", "layer4.1.conv_bn_2.conv", 435, 32),
        ("vit", "patchify", 16, 16),
    ],
)
def test_receptive_fields_of_known_networks(model, node, size, stride):
    field = explain(fw.load(model), node).field
    assert [axis.size for axis in field.axes] == [size, size]
    assert [axis.stride for axis in field.axes] == [stride, stride]


def test_u_net_sees_the_stretch_that_its_deepest_path_sees():
    # down: 2 convs and a halving, 4 times; the exact field depends on the place modulo 16
    field = explain(fw.load("unet"), "mask").field
    assert field.axes[0].stride == 1
    assert field.axes[0].period == 16
    assert field.axes[0].size == max(b - a + 1 for a, b in field.axes[0].reads)


def test_copies_and_branches():
    field = through_copies(AxisField(((0, 2),), 2), 2)
    assert [field.at(p) for p in range(4)] == [(0, 2), (0, 2), (2, 4), (2, 4)]
    assert united(AxisField(((0, 2),), 2), field) is None
    assert united(AxisField(), AxisField(((-1, 1),), 1)) == AxisField(((-1, 1),), 1)


def test_behind_a_global_pool_everything_is_seen():
    field = explain(fw.load("resnet18"), "fc").field
    assert str(field) == "all of image, since global_avg_pool"


# ---------------------------------------------------------------------------- origins


def test_the_size_of_an_axis_is_followed_to_the_input():
    chain = explain(fw.load("resnet18"), "layer2.1.conv_bn_2.conv").origins[2]
    assert [str(stop.size) for stop in chain] == ["ceil(H/8)", "ceil(H/4)", "ceil(H/2)", "H"]
    assert [stop.node for stop in chain][1:] == ["max_pool", "stem.conv", "image"]


def test_a_size_that_an_attribute_says_ends_there():
    (stop,) = explain(fw.load("resnet18"), "fc").origins[1]
    assert (stop.node, stop.what) == ("fc", "linear says out: 1000")


def test_a_joined_size_is_followed_into_its_parts():
    chain = explain(fw.load("vit"), "concat").origins[1]
    assert [(stop.node, stop.depth) for stop in chain[:3]] == [
        ("concat", 0), ("class_token", 1), ("patches", 1),
    ]  # fmt: skip
    assert chain[-1].node == "image"


@pytest.mark.parametrize("name", ["vit", "unet", "transformer", "gat", "efficientnet_lite0"])
def test_every_node_of_a_bundled_model_can_be_explained(name):
    model = fw.load(name)
    last = list(model.ir)[-1]
    for node in [*list(model.ir)[::11], last]:
        found = explain(model, node.name, dict(model.ir.examples))
        json.dumps(as_dict(found), allow_nan=False)
        shape = [substitute(size, model.ir.examples) for size in node.type.shape]
        assert [chain[0].at(model.ir.examples) for chain in found.origins] == shape


# ---------------------------------------------------------------------------- attention, command


def test_the_tensors_inside_attention():
    parts = explain(fw.load("vit"), "encoder.3.multi_head_attention", {"B": 2}).parts
    shapes = {part.name: list(part.shape) for part in parts}
    assert shapes["Q"] == shapes["K"] == shapes["V"] == [2, 12, 197, 64]
    assert shapes["scores"] == [2, 12, 197, 197]
    assert shapes["output"] == [2, 197, 768]


def test_the_command_explains_in_text_and_as_json(capsys):
    assert main(["explain", "resnet18", "stem.conv", "--dims", "H=224"]) == 0
    out = capsys.readouterr().out
    assert "floor((224 - 7 + 2·3)/2) + 1 = 112   (in general ceil(H/2))" in out
    assert "in block 'conv_bn', used as stem on line 47 with out: 64, kernel: 7, stride: 2" in out
    assert "7 × 7 elements of image, moving by 2 × 2" in out
    assert main(["explain", "resnet18", "stem.conv", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["receptive_field"]["size"] == [7, 7]
    assert found["macs"] == "9408*B*ceil(H/2)*ceil(W/2)"


def test_a_node_that_does_not_exist_is_a_mistake(capsys):
    assert main(["explain", "resnet18", "stem.cnov"]) == 2
    assert "did you mean 'stem.conv'?" in capsys.readouterr().err
