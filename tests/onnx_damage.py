"""ONNX models, and seeded damage to them: to bytes, fields, wiring, attributes and tensors."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

REAL, WHOLE, TRUTH = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL

# ------------------------------------------------------------------------------- models


def node(op, inputs, outputs, **rest):
    """A node; names are divided by spaces."""
    return helper.make_node(op, inputs.split(" "), outputs.split(" "), **rest)


def info(name, shape, dtype=REAL):
    return helper.make_tensor_value_info(name, dtype, shape)


def stored(name, array):
    return numpy_helper.from_array(np.asarray(array), name)


def model(nodes, inputs, outputs, stores=(), opset=21, functions=(), **rest):
    """A model of these parts."""
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(stores), **rest)
    sets = [helper.make_opsetid("", opset)]
    sets += [helper.make_opsetid(f.domain, 1) for f in functions]
    return helper.make_model(graph, opset_imports=sets, functions=list(functions))


def convolutions():
    r = np.random.default_rng(0)
    stores = [
        stored("c.weight", r.normal(size=(4, 3, 3, 3)).astype("float32")),
        stored("c.bias", np.zeros(4, "float32")),
        *(stored(f"n.{k}", np.ones(4, "float32")) for k in ("scale", "bias", "mean", "var")),
        stored("f.weight", r.normal(size=(5, 4)).astype("float32")),
    ]
    nodes = [
        node("Conv", "x c.weight c.bias", "a", pads=[1, 1, 1, 1], strides=[2, 2]),
        node("BatchNormalization", "a n.scale n.bias n.mean n.var", "b"),
        node("LeakyRelu", "b", "c", alpha=0.2),
        node("MaxPool", "c", "d", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
        node("GlobalAveragePool", "d", "e"),
        node("Flatten", "e", "f", axis=1),
        node("Gemm", "f f.weight", "y", transB=1),
    ]
    return model(nodes, [info("x", ["batch", 3, 16, 16])], [info("y", ["batch", 5])], stores)


def shapes():
    """A reshape as exporters write it, and what else moves elements."""
    stores = [stored("zero", [0]), stored("axes", [1]), stored("rest", [-1]), stored("two", [2])]
    nodes = [
        node("Shape", "x", "s"),
        node("Gather", "s zero", "n", axis=0),
        node("Concat", "n rest", "target", axis=0),
        node("Reshape", "x target", "a"),
        node("Unsqueeze", "a axes", "b"),
        node("Concat", "two two two", "times", axis=0),
        node("Tile", "b times", "c"),
        node("Transpose", "c", "d", perm=[2, 0, 1]),
        node("Split", "d", "e f", axis=0, num_outputs=2),
        node("Slice", "e zero two axes", "g"),
        node("ReduceMean", "g axes", "h", keepdims=0),
        node("Cast", "h", "y", to=WHOLE),
    ]
    return model(nodes, [info("x", ["n", "m", 6])], [info("y", None, WHOLE)], stores)


def attention():
    r = np.random.default_rng(1)
    stores = [stored(f"{k}.weight", r.normal(size=(8, 8)).astype("float32")) for k in "qkv"]
    stores += [stored("four", np.float32(2.83)), stored("ln", np.ones(8, "float32"))]
    nodes = [
        node("LayerNormalization", "x ln", "n", epsilon=1e-5),
        *(node("MatMul", f"n {k}.weight", k) for k in "qkv"),
        node("Transpose", "k", "kt", perm=[0, 2, 1]),
        node("MatMul", "q kt", "raw"),
        node("Div", "raw four", "scores"),
        node("Softmax", "scores", "p", axis=-1),
        node("MatMul", "p v", "o"),
        node("Add", "x o", "sum"),
        node("Gelu", "sum", "y", approximate="tanh"),
    ]
    return model(nodes, [info("x", ["b", "t", 8])], [info("y", ["b", "t", 8])], stores)


def controls():
    """A branch, a loop and a scan."""
    then = helper.make_graph([node("Relu", "x", "t")], "then", [], [info("t", None)])
    other = helper.make_graph([node("Neg", "x", "t")], "else", [], [info("t", None)])
    step = helper.make_graph(
        [node("Add", "state x", "next"), node("Identity", "going", "on"),
         node("Identity", "next", "row")],
        "step",
        [info("i", [], WHOLE), info("going", [], TRUTH), info("state", None)],
        [info("on", [], TRUTH), info("next", None), info("row", None)],
    )  # fmt: skip
    scan = helper.make_graph(
        [node("Mul", "s part", "t"), node("Identity", "t", "row")],
        "scan", [info("s", [3]), info("part", [3])], [info("t", [3]), info("row", [3])],
    )  # fmt: skip
    stores = [stored("yes", np.asarray(True)), stored("three", np.asarray(3)),
              stored("ones", np.ones(3, "float32"))]  # fmt: skip
    nodes = [
        node("If", "yes", "a", then_branch=then, else_branch=other),
        node("Loop", "three yes a", "b rows", body=step),
        node("Scan", "ones b", "c all", body=scan, num_scan_inputs=1),
        node("Add", "c ones", "y"),
    ]
    return model(nodes, [info("x", [2, 3])], [info("y", [3]), info("rows", None)], stores)


def functions():
    """A function of the file that calls another, with an attribute handed on."""
    leaf = helper.make_node("LeakyRelu", ["x"], ["y"])
    leaf.attribute.add(name="alpha", ref_attr_name="slope", type=onnx.AttributeProto.FLOAT)
    sets = [helper.make_opsetid("", 21), helper.make_opsetid("own", 1)]
    inner = helper.make_function("own", "Leaky", ["x"], ["y"], [leaf], sets, ["slope"])
    body = [node("Leaky", "x", "a", domain="own", slope=0.3), node("Add", "a x", "y")]
    outer = helper.make_function("own", "Block", ["x"], ["y"], body, sets)
    nodes = [node("Block", "x", "h", domain="own"), node("Block", "h", "y", domain="own")]
    return model(nodes, [info("x", ["n", 4])], [info("y", ["n", 4])], functions=(inner, outer))


def constants():
    """Everything is computed while importing."""
    stores = [stored("shape", [2, 3]), stored("from", 0), stored("to", 6), stored("by", 1),
              stored("pads", [1, 0, 0, 1]), stored("depth", 4),
              stored("pair", np.array([0, 1], "float32")),
              stored("one", [1]), stored("sizes", [4, 6]), stored("big", [4, 3, 4])]  # fmt: skip
    nodes = [
        node("ConstantOfShape", "shape", "a", value=stored("v", np.array([2.5], "float32"))),
        node("Range", "from to by", "r"),
        node("Reshape", "r shape", "b"),
        node("Cast", "b", "c", to=REAL),
        node("Pad", "c pads", "d", mode="constant"),
        node("OneHot", "b depth pair", "e", axis=-1),
        node("Resize", "c   sizes", "f", mode="nearest"),
        node("Expand", "d big", "g"),
        node("NonZero", "b", "z"),
        node("Einsum", "a c", "h", equation="ij,kj->ik"),
        node("CumSum", "c from", "k"),
        node("TopK", "f one", "tk ti"),
        node("Add", "x c", "y"),
    ]
    outs = [info("y", [2, 3]), info("g", None), info("h", None)]
    return model(nodes, [info("x", [2, 3])], outs, stores)


def recurrent():
    r = np.random.default_rng(2)
    stores = [stored("w", r.normal(size=(1, 16, 3)).astype("float32")),
              stored("r", r.normal(size=(1, 16, 4)).astype("float32"))]  # fmt: skip
    stores.append(stored("q", np.arange(12, dtype="int8").reshape(4, 3)))
    stores += [stored("scale", np.float32(0.1)), stored("zero", np.int8(1)), stored("first", [0])]
    nodes = [
        node("LSTM", "x w r", "all last", hidden_size=4),
        node("DequantizeLinear", "q scale zero", "table"),
        node("Squeeze", "last first", "h"),
        node("MatMul", "h table", "y"),
    ]
    return model(nodes, [info("x", ["t", "b", 3])], [info("y", None), info("all", None)], stores)


MODELS: tuple[Callable[[], Any], ...] = (
    convolutions, shapes, attention, controls, functions, constants, recurrent,
)  # fmt: skip

# ------------------------------------------------------------------------------- damage

NUMBERS = (
    0, 1, -1, 2, 3, 5, -2, 7, 31, 64, 255, 1000, 10**6, 10**9, -(10**9), 2**31 - 1, 2**31, 2**40,
    2**62, 2**63 - 1, -(2**63),
)  # fmt: skip
REALS = (0.0, -1.0, 1e-30, 1e30, 0.5, float("nan"), float("inf"), float("-inf"), 3.0)
WORDS = (
    "", "x", "y", "nearest", "SAME_UPPER", "ij,jk->ik", "...", "a" * 100_000, "é\n\x1b[31m",
    "a/b/c", "sum", "reflect", "\0", "ii->", "->", "tanh", "../x", "a.b", "0", "linear", "cubic",
)  # fmt: skip
OPERATORS = tuple(sorted({s.name for s in onnx.defs.get_all_schemas() if s.domain == ""}))


def fields(message, found):
    """All messages inside of one, itself included."""
    found.append(message)
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for item in value if isrepeated(field) else (value,):
                fields(item, found)
    return found


def isrepeated(field):
    return bool(getattr(field, "is_repeated", False))


def junk(field, r):
    """A value of the field's type that is seldom right."""
    if field.type in (field.TYPE_FLOAT, field.TYPE_DOUBLE):
        return r.choice(REALS)
    if field.type == field.TYPE_STRING:
        return r.choice(WORDS)
    if field.type == field.TYPE_BYTES:
        return r.choice((*(word.encode() for word in WORDS), b"\xff\xfe", bytes(24)))
    number = r.choice((*NUMBERS, r.randrange(30)))
    if field.type in (field.TYPE_INT32, field.TYPE_ENUM):
        return max(-(2**31), min(number, 2**31 - 1))
    return abs(number) if field.type in (field.TYPE_UINT64, field.TYPE_UINT32) else number


def change_field(proto, r):
    """One field of one message, of any kind, changed or cleared."""
    message = r.choice(fields(proto, []))
    every = list(message.DESCRIPTOR.fields)
    present = [field for field, _ in message.ListFields()]
    field = r.choice(present if present and r.random() < 0.8 else every)
    if field.type == field.TYPE_MESSAGE or r.random() < 0.1:
        return rearrange(message, field, r)
    value = junk(field, r)
    if not isrepeated(field):
        return setattr(message, field.name, value)
    values = getattr(message, field.name)
    if len(values) and r.random() < 0.7:
        values[r.randrange(len(values))] = value
    else:
        values.extend([value] * r.choice((1, 1, 2, 40)))
    return None


def rearrange(message, field, r):
    """Clear a field, or repeat, drop or swap entries of a repeated one."""
    if not isrepeated(field):
        return message.ClearField(field.name)
    values = getattr(message, field.name)
    if not len(values):
        return None
    at, to = r.randrange(len(values)), r.randrange(len(values))
    kept = list(values)
    match r.randrange(3):
        case 0:
            kept.insert(to, kept[at])
        case 1:
            kept[at], kept[to] = kept[to], kept[at]
        case _:
            del kept[at]
    kept = [item.__deepcopy__() if hasattr(item, "ListFields") else item for item in kept]
    del values[:]
    values.extend(kept)
    return None


def change_operator(proto, r):
    """Another operator with the same inputs."""
    if proto.graph.node:
        r.choice(proto.graph.node).op_type = r.choice(OPERATORS)


def change_wire(proto, r):
    """Another input: of a later node, of none, or none."""
    nodes = list(proto.graph.node)
    names = [name for item in nodes for name in item.output]
    names += [item.name for item in proto.graph.initializer] + ["", "nothing"]
    item = r.choice(nodes) if nodes else None
    if item is not None and item.input:
        item.input[r.randrange(len(item.input))] = r.choice(names)


def change_attribute(proto, r):
    """Another number, type or length in an attribute, or one that is too many."""
    nodes = [item for item in proto.graph.node if item.attribute]
    if not nodes:
        return
    attribute = r.choice(r.choice(nodes).attribute)
    match r.randrange(4):
        case 0:
            attribute.type = r.randrange(15)
        case 1:
            attribute.i = r.choice(NUMBERS)
        case 2:
            attribute.f = r.choice(REALS)
        case _:
            attribute.s = r.choice(WORDS).encode()
    if attribute.ints:
        attribute.ints[r.randrange(len(attribute.ints))] = r.choice(NUMBERS)


def change_tensor(proto, r):
    """The contents of a stored tensor of whole numbers, or its dims or dtype."""
    stores = list(proto.graph.initializer)
    if not stores:
        return
    tensor = r.choice(stores)
    array = numpy_helper.to_array(tensor) if tensor.data_type else np.zeros(1)
    if array.dtype.kind in "iu" and array.size and r.random() < 0.7:
        array = array.copy()
        limits = np.iinfo(array.dtype)
        number = max(int(limits.min), min(r.choice(NUMBERS), int(limits.max)))
        array.reshape(-1)[r.randrange(array.size)] = number
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    elif r.random() < 0.5:
        tensor.data_type = r.randrange(30)
    else:
        tensor.dims.append(r.choice(NUMBERS))


def change_size(proto, r):
    """A size of an input."""
    dims = [d for item in proto.graph.input for d in item.type.tensor_type.shape.dim]
    if not dims:
        return
    if r.random() < 0.5:
        r.choice(dims).dim_value = r.choice(NUMBERS)
    else:
        r.choice(dims).dim_param = r.choice((*WORDS, "n*2", "n + 1", "(n//2)", "n**9", "-n"))


CHANGES = (
    change_field, change_field, change_field, change_operator, change_wire, change_attribute,
    change_attribute, change_tensor, change_tensor, change_size,
)  # fmt: skip


def changed_bytes(data, r):
    """Bytes flipped, cut off, dropped or repeated."""
    data = bytearray(data)
    match r.randrange(4):
        case 0:
            return bytes(data[: r.randrange(len(data))])
        case 1:
            for _ in range(r.choice((1, 2, 8))):
                data[r.randrange(len(data))] = r.randrange(256)
        case 2:
            start = r.randrange(len(data))
            del data[start : start + r.randrange(1, 9)]
        case _:
            start = r.randrange(len(data))
            data[start:start] = data[start : start + r.randrange(1, 30)]
    return bytes(data)


def damaged(seed):
    """The bytes of a damaged model."""
    r = random.Random(seed)
    proto = MODELS[seed % len(MODELS)]()
    if r.random() < 0.15:
        return changed_bytes(proto.SerializeToString(), r)
    for _ in range(r.choice((1, 1, 1, 2, 3))):
        try:
            r.choice(CHANGES)(proto, r)
        except (ValueError, TypeError, KeyError, AttributeError):
            continue  # a second change met what the first one broke
    return proto.SerializeToString()
