"""Patterns written out in primitives become operators that compute the same."""

import math

import numpy as np
import pytest
from anonymous import densenet

import framework as fw
from framework.api.builder import Builder
from framework.passes.recognise import recognised

ROOT = math.sqrt(2 / math.pi)


class Primitive(Builder):
    """A builder with short ways to write constants and stored tensors."""

    def start(self, *shape, batch=True):
        """The input x, its first axis symbolic."""
        first = [self.dim("B", example=2)] if batch else []
        return self.input("x", [*first, *shape])

    def number(self, value):
        """A constant of one element."""
        return self.add("constant", value=value)

    def stored(self, *shape):
        """A stored tensor."""
        return self.add("parameter", shape=list(shape))

    def mean(self, x, axes=(-1,)):
        """A mean that keeps its axes."""
        return self.add("reduce", x, op="mean", axes=list(axes), keepdims=True)


def both(net, value, **sizes):
    """The model as written and as recognised, run on the same input; the new graph, the report."""
    net.output("y", value)
    model = net.model()
    rng = np.random.default_rng(3)
    weights = {n: rng.normal(0, 1, a.shape).astype(a.dtype) for n, a in model.weights.items()}
    before = {name: array.copy() for name, array in weights.items()}
    graph, found, report = recognised(model.ir, weights)
    after = fw.Model(graph, weights=found)
    model.set_weights(weights)
    inputs = model.example_inputs(sizes)
    one, two = model.run(**inputs).outputs["y"], after.run(**inputs).outputs["y"]
    np.testing.assert_allclose(two, one, rtol=1e-5, atol=1e-5)
    assert all(np.array_equal(before[name], weights[name]) for name in before)
    return after, {item.name: item.count for item in report}


def operators(model):
    """The operators in order, inputs left out."""
    return [node.op.name for node in model.ir if node.name not in model.ir.inputs]


# ---------------------------------------------------------------- arithmetic


@pytest.mark.parametrize(
    ("operator", "number", "left", "want"),
    [
        ("mul", 3.0, True, (3.0, 0.0)),
        ("add", 2.0, False, (1.0, 2.0)),
        ("sub", 2.0, True, (1.0, -2.0)),
        ("sub", 2.0, False, (-1.0, 2.0)),
        ("div", 4.0, True, (0.25, 0.0)),
    ],
)
def test_arithmetic_with_a_number_is_a_scale(operator, number, left, want):
    net = Primitive()
    pair = (net.start(3), net.number(number))
    after, _ = both(net, net.add(operator, *(pair if left else pair[::-1])))
    assert operators(after) == ["scale"]
    assert (after.ir["scale"].op.by, after.ir["scale"].op.shift) == want


def test_scales_in_a_row_are_one():
    net = Primitive()
    x = net.add("mul", net.add("add", net.start(3), net.number(1.0)), net.number(2.0))
    after, _ = both(net, net.add("neg", x))
    assert (operators(after), after.ir["scale"].op.shift) == (["scale"], -2.0)


@pytest.mark.parametrize(("power", "name"), [(2.0, "square"), (0.5, "sqrt"), (-1.0, "reciprocal")])
def test_simple_powers_have_operators(power, name):
    net = Primitive()
    after, _ = both(net, net.add("pow", net.add("exp", net.start(3)), net.number(power)))
    assert operators(after) == ["exp", name]


def test_a_number_that_makes_the_result_larger_stays():
    net = Primitive()
    after, _ = both(net, net.add("mul", net.start(3), net.add("constant", value=[[[2.0]]])))
    assert operators(after) == ["constant", "mul"]


# ---------------------------------------------------------------- activations


def erf_gelu(net, x, order):
    """The three ways in which exporters multiply."""
    gate = net.add("erf", net.add("div", x, net.number(math.sqrt(2))))
    gate = net.add("add", gate, net.number(1.0))
    half = net.number(0.5)
    if order == 0:
        return net.add("mul", net.add("mul", x, gate), half)
    if order == 1:
        return net.add("mul", net.add("mul", half, x), gate)
    return net.add("mul", x, net.add("mul", gate, half))


@pytest.mark.parametrize("order", range(3))
def test_gelu_by_erf(order):
    net = Primitive()
    after, found = both(net, erf_gelu(net, net.start(5), order))
    assert (operators(after), found) == (["gelu"], {"gelu": 1})


@pytest.mark.parametrize("cube", ["pow", "mul", "square", "factored"])
def test_gelu_by_tanh(cube):
    net = Primitive()
    x, small = net.start(5), net.number(0.044715)
    if cube == "factored":
        inner = net.add("add", net.add("mul", net.add("mul", x, x), small), net.number(1.0))
        inner = net.add("mul", net.add("mul", x, net.number(ROOT)), inner)
    else:
        third = {
            "pow": lambda: net.add("pow", x, net.number(3.0)),
            "mul": lambda: net.add("mul", net.add("mul", x, x), x),
            "square": lambda: net.add("mul", x, net.add("square", x)),
        }[cube]()
        inner = net.add("mul", net.add("add", x, net.add("mul", third, small)), net.number(ROOT))
    gate = net.add("add", net.add("tanh", inner), net.number(1.0))
    after, _ = both(net, net.add("mul", net.add("mul", x, net.number(0.5)), gate))
    assert operators(after) == ["gelu"]
    assert after.ir["gelu"].op.approximate == "tanh"


def test_a_gate_with_another_factor_is_no_gelu():
    net = Primitive()
    x = net.start(5)
    gate = net.add("add", net.add("erf", net.add("mul", x, net.number(0.7))), net.number(1.0))
    after, found = both(net, net.add("mul", net.add("mul", x, gate), net.number(0.5)))
    assert "gelu" not in operators(after)
    assert found == {}


def test_silu():
    net = Primitive()
    x = net.start(5)
    after, _ = both(net, net.add("mul", x, net.add("sigmoid", x)))
    assert operators(after) == ["silu"]


def test_the_gate_of_another_value_is_no_silu():
    net = Primitive()
    x = net.start(5)
    after, _ = both(net, net.add("mul", x, net.add("sigmoid", net.add("tanh", x))))
    assert operators(after) == ["tanh", "sigmoid", "mul"]


def test_mish():
    net = Primitive()
    x = net.start(5)
    after, _ = both(net, net.add("mul", x, net.add("tanh", net.add("softplus", x))))
    assert operators(after) == ["mish"]


@pytest.mark.parametrize("form", ["relu6", "clip", "hard_sigmoid", "inside"])
def test_hard_swish(form):
    net = Primitive()
    x = net.start(5)
    if form == "hard_sigmoid":
        value = net.add("mul", x, net.add("hard_sigmoid", x))
    else:
        gate = net.add("add", x, net.number(3.0))
        gate = net.add("relu6", gate) if form != "clip" else net.add("clip", gate, min=0.0, max=6.0)
        if form == "inside":
            value = net.add("mul", x, net.add("div", gate, net.number(6.0)))
        else:
            value = net.add("div", net.add("mul", x, gate), net.number(6.0))
    after, _ = both(net, value)
    assert operators(after) == ["hard_swish"]


# ---------------------------------------------------------------- norms


def layer_norm(net, x, square, quotient, axes=(-1,), eps=1e-6):
    """x less its mean, over the root of the mean of its square."""
    centred = net.add("sub", x, net.mean(x, axes))
    squares = {
        "pow": lambda: net.add("pow", centred, net.number(2.0)),
        "mul": lambda: net.add("mul", centred, centred),
        "twice": lambda: net.add("square", net.add("sub", x, net.mean(x, axes))),
    }[square]()
    variance = net.add("add", net.mean(squares, axes), net.number(eps))
    if quotient == "div":
        return net.add("div", centred, net.add("sqrt", variance))
    if quotient == "reciprocal":
        return net.add("mul", centred, net.add("reciprocal", net.add("sqrt", variance)))
    return net.add("mul", net.add("pow", variance, net.number(-0.5)), centred)


@pytest.mark.parametrize("square", ["pow", "mul", "twice"])
@pytest.mark.parametrize("quotient", ["div", "reciprocal", "pow"])
def test_layer_norm(square, quotient):
    net = Primitive()
    y = layer_norm(net, net.start(3, 5), square, quotient)
    y = net.add("add", net.add("mul", y, net.stored(5)), net.stored(5))
    after, found = both(net, y)
    assert (operators(after), found) == (["layer_norm"], {"layer_norm": 1})
    assert after.ir["layer_norm"].op.eps == 1e-6


def test_layer_norm_over_two_axes_without_bias():
    net = Primitive()
    y = net.add("mul", net.stored(3, 5), layer_norm(net, net.start(3, 5), "pow", "div", (1, 2)))
    after, _ = both(net, y)
    op = after.ir["layer_norm"].op
    assert (operators(after), op.axes, op.bias) == (["layer_norm"], 2, False)


def test_a_norm_over_other_axes_is_left_alone():
    net = Primitive()
    after, found = both(net, layer_norm(net, net.start(3, 5), "pow", "div", (1,)))
    assert "layer_norm" not in operators(after)
    assert found == {}


def test_rms_norm():
    net = Primitive()
    x = net.start(3, 5)
    mean = net.mean(net.add("pow", x, net.number(2.0)))
    y = net.add("div", x, net.add("sqrt", net.add("add", mean, net.number(1e-5))))
    after, _ = both(net, net.add("mul", y, net.stored(5)))
    assert operators(after) == ["rms_norm"]


def test_a_factor_and_a_summand_for_each_channel_are_one_operator():
    net = Primitive()
    x = net.add("mul", net.start(3, 4, 5), net.stored(3, 1, 1))
    after, _ = both(net, net.add("add", x, net.stored(1, 3, 1, 1)))
    assert operators(after) == ["affine"]
    assert after.ir["affine"].op.axis == 1


# ---------------------------------------------------------------- products


def test_a_product_with_a_stored_matrix_is_linear():
    net = Primitive()
    y = net.add("matmul", net.start(3, 4), net.stored(4, 6))
    after, found = both(net, net.add("add", net.stored(6), y))
    assert (operators(after), found) == (["linear"], {"linear": 1})


def test_a_matrix_that_is_used_twice_is_stored_once():
    net = Primitive()
    x, matrix = net.start(3, 4), net.stored(4, 4)
    after, _ = both(net, net.add("matmul", net.add("matmul", x, matrix), matrix))
    assert (operators(after), len(after.weights)) == (["linear", "linear"], 1)


def test_a_sum_that_is_no_bias_stays():
    net = Primitive()
    y = net.add("matmul", net.start(3, 4), net.stored(4, 6))
    after, _ = both(net, net.add("add", y, net.stored(3, 6)))
    assert operators(after) == ["linear", "parameter", "add"]


def test_names_of_weights_name_the_node():
    net = Primitive()
    x = net.start(4)
    with net.scope("head"), net.scope("fc"):
        matrix = net.add("parameter", shape=[4, 6], id="matrix")
        bias = net.add("parameter", shape=[6], id="bias")
        y = net.add("add", net.add("matmul", x, matrix), bias)
    after, _ = both(net, y)
    assert list(after.ir.parameters) == ["head.fc.weight", "head.fc.bias"]


def test_joins_of_all_layers_become_joins_of_two():
    net = Primitive()
    features = [net.start(3, 4, 4)]
    for _ in range(4):
        x = net.add("concat", *features, axis=1) if len(features) > 1 else features[0]
        features.append(net.add("conv", x, out=2, kernel=1))
    after, found = both(net, net.add("concat", *features, axis=1))
    assert [len(after.ir.wires_of(n.name)) for n in after.ir if n.op.name == "concat"] == [2] * 4
    assert found == {"concat of concat": 3}


# ---------------------------------------------------------------- attention


def attention(net, q, kt, v, scale="after", mask=None):
    """Product, scale, mask, softmax, product."""
    factor = net.number(8**-0.5)
    if scale == "before":
        root = net.number(8**-0.25)
        q, kt = net.add("mul", q, root), net.add("mul", kt, root)
    scores = net.add("matmul", q, kt)
    if scale == "after":
        scores = net.add("mul", scores, factor)
    if mask is not None:
        scores = net.add("add", scores, mask)
    return net.add("matmul", net.add("dropout", net.add("softmax", scores, axis=-1)), v)


@pytest.mark.parametrize("scale", ["after", "before", "none"])
def test_attention(scale):
    net = Primitive()
    x = net.start(3, 5, 8)
    k = net.add("tanh", x)
    y = attention(net, x, net.add("transpose", k, perm=[0, 1, 3, 2]), x, scale)
    after, _ = both(net, y)
    assert operators(after) == ["tanh", "attention"]
    assert after.ir["attention"].op.scale == (1.0 if scale == "none" else None)


def test_attention_with_a_mask_that_is_added():
    net = Primitive()
    x = net.start(3, 5, 8)
    mask = net.input("mask", [5, 5])
    y = attention(net, x, net.add("transpose", x, perm=[0, 1, 3, 2]), x, mask=mask)
    after, found = both(net, y)
    assert (operators(after), found) == (["attention"], {"attention": 1})


def split_heads(net, x, heads, perm=(0, 2, 1, 3)):
    """[b, t, heads*d] as [b, heads, t, d]."""
    batch, tokens, width = net.type_of(x).shape
    x = net.add("reshape", x, shape=[batch, tokens, heads, width // heads])
    return net.add("transpose", x, perm=list(perm))


def join_heads(net, x):
    """[b, heads, t, d] as [b, t, heads*d]."""
    batch, heads, tokens, width = net.type_of(x).shape
    x = net.add("transpose", x, perm=[0, 2, 1, 3])
    return net.add("reshape", x, shape=[batch, tokens, heads * width])


def stored_linear(net, x, out):
    """A product with a stored matrix, and a stored bias."""
    y = net.add("matmul", x, net.stored(net.type_of(x).shape[-1], out))
    return net.add("add", y, net.stored(out))


@pytest.mark.parametrize("mask", [False, True])
def test_multi_head_attention(mask):
    net = Primitive()
    x = net.start(5, 16)
    keep = net.input("mask", [5, 5]) if mask else None
    q, k, v = (stored_linear(net, x, 16) for _ in range(3))
    q, v = split_heads(net, q, 2), split_heads(net, v, 2)
    y = attention(net, q, split_heads(net, k, 2, (0, 2, 3, 1)), v, mask=keep)
    after, found = both(net, stored_linear(net, join_heads(net, y), 12))
    assert operators(after) == ["multi_head_attention"]
    assert found == {"multi_head_attention": 1}


def test_multi_head_attention_of_one_product_split_in_three():
    net = Primitive()
    x = net.start(5, 16)
    parts = net.add("split", stored_linear(net, x, 48), axis=-1, parts=3)
    q, k, v = (split_heads(net, part, 2) for part in net.outputs_of(parts))
    y = attention(net, q, net.add("transpose", k, perm=[0, 1, 3, 2]), v)
    after, _ = both(net, stored_linear(net, join_heads(net, y), 16))
    assert operators(after) == ["multi_head_attention"]


def test_multi_head_attention_of_one_product_picked_by_number():
    net = Primitive()
    x = net.start(5, 16)
    wide = stored_linear(net, x, 48)
    batch = net.type_of(x).shape[0]
    wide = net.add("reshape", wide, shape=[batch, 5, 3, 2, 8])
    wide = net.add("transpose", wide, perm=[2, 0, 3, 1, 4])
    q, k, v = (net.add("select", wide, axis=0, index=n) for n in range(3))
    y = attention(net, q, net.add("transpose", k, perm=[0, 1, 3, 2]), v, scale="before")
    after, _ = both(net, stored_linear(net, join_heads(net, y), 16))
    assert operators(after) == ["multi_head_attention"]


def test_heads_without_biases_everywhere_stay_written_out():
    net = Primitive()
    x = net.start(5, 16)
    q, k, v = stored_linear(net, x, 16), net.add("matmul", x, net.stored(16, 16)), x
    v = stored_linear(net, v, 16)
    q, k, v = (split_heads(net, part, 2) for part in (q, k, v))
    y = attention(net, q, net.add("transpose", k, perm=[0, 1, 3, 2]), v)
    after, found = both(net, stored_linear(net, join_heads(net, y), 16))
    assert "multi_head_attention" not in operators(after)
    assert found == {"attention": 1, "linear": 4, "rearrange": 4}


# ---------------------------------------------------------------- axes


def chain(net, x, *steps):
    """Reshapes (lists) and transpositions (tuples)."""
    for step in steps:
        kind = "reshape" if isinstance(step, list) else "transpose"
        x = net.add(kind, x, **{"shape" if kind == "reshape" else "perm": list(step)})
    return x


@pytest.mark.parametrize(
    ("shape", "steps", "pattern"),
    [
        ((4, 6), [["B", 4, 2, 3], (0, 2, 1, 3)], "b t (h d) -> b h t d"),
        ((2, 4, 3), [(0, 2, 1, 3), ["B", 4, 6]], "b c h w -> b h (c w)"),
        ((3, 4, 5), [["B", 3, 20], (0, 2, 1)], "b c h w -> b (h w) c"),
        (
            (6, 4, 5),
            [["B", 2, 3, 4, 5], (0, 2, 1, 3, 4), ["B", 6, 4, 5]],
            "b (c r) h w -> b (r c) h w",
        ),
        (
            (3, 4, 6),
            [["B", 3, 2, 2, 6], (0, 2, 1, 3, 4), ["B", 2, 36]],
            "b c (h p) w -> b h (c p w)",
        ),
    ],
)
def test_reshape_and_transpose_are_a_rearrangement(shape, steps, pattern):
    net = Primitive()
    x = net.start(*shape)
    batch = net.type_of(x).shape[0]
    steps = [[batch if n == "B" else n for n in s] if isinstance(s, list) else s for s in steps]
    after, _ = both(net, chain(net, x, *steps), B=3)
    assert operators(after) == ["rearrange"]
    assert after.ir["rearrange"].op.pattern == pattern


def test_a_reshape_that_mixes_axes_stays():
    net = Primitive()
    x = net.start(4, 6, batch=False)
    after, _ = both(net, chain(net, x, [3, 8], (1, 0)))
    assert operators(after) == ["reshape", "transpose"]


def test_a_reshape_alone_stays():
    net = Primitive()
    x = net.start(4, 6, batch=False)
    after, _ = both(net, chain(net, x, [2, 2, 6]))
    assert operators(after) == ["reshape"]


# ---------------------------------------------------------------- what does little or nothing


def test_parts_of_one_place_that_are_squeezed_are_selections():
    net = Primitive()
    parts = net.outputs_of(net.add("split", net.start(3, 4), axis=1, parts=3))
    first, last = (net.add("squeeze", parts[n], axes=1) for n in (0, 2))
    after, _ = both(net, net.add("sub", first, last))
    assert operators(after) == ["select", "select", "sub"]
    assert [after.ir[n].op.index for n in ("select", "select_2")] == [0, 2]


def test_a_gather_of_one_place_is_a_selection():
    net = Primitive()
    index = net.add("constant", value=2, dtype="int64")
    after, _ = both(net, net.add("gather", net.start(3, 4), index, axis=1))
    assert operators(after) == ["select"]


def test_transpositions_that_cancel_go_away():
    net = Primitive()
    x = net.add("tanh", net.start(3, 4))
    turned = net.add("transpose", x, perm=[1, 0, 2])
    back = net.add("transpose", turned, perm=[1, 0, 2])
    again = net.add("transpose", net.add("exp", turned), perm=[1, 0, 2])
    after, _ = both(net, net.add("add", back, again))
    assert operators(after) == ["tanh", "transpose", "exp", "transpose", "add"]


def test_a_join_of_one_tensor_goes_away():
    net = Primitive()
    after, _ = both(net, net.add("exp", net.add("concat", net.start(3), axis=1)))
    assert operators(after) == ["exp"]


def test_equal_first_values_that_an_exporter_stored_once_are_stored_for_each():
    net = Primitive()
    x = net.start(4)
    for tied in ({}, {"bias": "linear.bias"}):
        x = net.add("linear", x, out=4, weights=tied)
    net.output("y", x)
    weights = {n: np.ones(p.shape, np.float32) for n, p in net.graph.parameters.items()}
    graph, found, _ = recognised(net.graph, weights)
    assert sorted(found) == ["linear.bias", "linear.weight", "linear_2.bias", "linear_2.weight"]
    assert graph["linear_2"].parameters["bias"] == "linear_2.bias"


def test_a_constant_that_several_nodes_read_is_written_for_each():
    net = Primitive()
    x, one = net.start(3), net.add("constant", value=[1.0, 2.0, 3.0])
    after, _ = both(net, net.add("sub", net.add("pow", net.add("exp", x), one), one))
    assert operators(after) == ["constant", "exp", "pow", "constant", "sub"]


def test_multi_head_attention_with_the_tokens_first():
    net = Primitive()
    x = net.add("transpose", net.start(5, 16), perm=[1, 0, 2])
    batch = net.type_of(x).shape[1]
    parts = [stored_linear(net, x, 16) for _ in range(3)]
    parts = [net.add("reshape", part, shape=[5, batch * 2, 8]) for part in parts]
    q, k, v = (net.add("transpose", part, perm=[1, 0, 2]) for part in parts)
    y = attention(net, q, net.add("transpose", k, perm=[0, 2, 1]), v)
    y = net.add("reshape", net.add("transpose", y, perm=[1, 0, 2]), shape=[5 * batch, 16])
    y = net.add("reshape", stored_linear(net, y, 16), shape=[5, batch, 16])
    after, found = both(net, net.add("transpose", y, perm=[1, 0, 2]))
    assert (operators(after), found) == (["multi_head_attention"], {"multi_head_attention": 1})


def test_cross_attention_takes_keys_from_elsewhere():
    net = Primitive()
    x = net.start(5, 16)
    memory = net.input("memory", [net.type_of(x).shape[0], 7, 12])
    q, k, v = (stored_linear(net, source, 16) for source in (x, memory, memory))
    q, k, v = (split_heads(net, part, 4) for part in (q, k, v))
    y = attention(net, q, net.add("transpose", k, perm=[0, 1, 3, 2]), v, "none")
    after, _ = both(net, stored_linear(net, join_heads(net, y), 16))
    assert operators(after) == ["multi_head_attention"]
    assert after.ir.wires_of("multi_head_attention")["k"].node == "memory"


def test_heads_that_are_joined_in_another_order_are_left_alone():
    net = Primitive()
    x = net.start(5, 16)
    q, k, v = (split_heads(net, stored_linear(net, x, 16), 2) for _ in range(3))
    y = attention(net, q, net.add("transpose", k, perm=[0, 1, 3, 2]), v)
    y = net.add("transpose", y, perm=[0, 2, 3, 1])
    y = net.add("reshape", y, shape=[net.type_of(x).shape[0], 5, 16])
    after, _ = both(net, stored_linear(net, y, 16))
    assert "multi_head_attention" not in operators(after)


# ---------------------------------------------------------------- whole models


def test_what_is_recognised_already_stays_as_it_is():
    model = fw.load("vit", size=32, width=24, depth=2, heads=2, mlp=48, classes=5)
    graph, weights, found = recognised(model.ir, model.weights)
    assert [node.name for node in graph] == [node.name for node in model.ir]
    assert (weights.keys(), found) == (model.weights.keys(), [])


def test_attention_spelled_out_in_a_model_is_found():
    model = fw.load(
        "vit", size=32, width=24, depth=2, heads=2, mlp=48, classes=5,
        attention="spelled_out_attention",
    )  # fmt: skip
    graph, weights, _ = recognised(model.ir, model.weights)
    inputs = model.example_inputs()
    after = fw.Model(graph, weights=weights).run(**inputs).outputs["logits"]
    np.testing.assert_allclose(after, model.run(**inputs).outputs["logits"], atol=1e-5)


def test_a_model_without_patterns_keeps_all_its_nodes():
    net = densenet((2, 2))
    graph, _, found = recognised(net.graph, net.model().weights)
    assert (len(graph), found) == (len(net.graph), [])
