"""ONNX files that ask for too much or for what is not theirs, each by a name.

``BOMBS[name](path)`` writes one and returns the file to import.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import onnx
from onnx import TensorProto, helper
from onnx_damage import TRUTH, WHOLE, info, model, node, stored

BOMBS = {}
BILLION = 10**9


def bomb(make):
    """Declare a function that gives a model; its name with spaces is the case's."""

    def write(path):
        path.write_bytes(make().SerializeToString())
        return path

    BOMBS[make.__name__.replace("_", " ")] = write
    return make


def laid(make):
    """Declare a function that lays out files and gives the one to import."""
    BOMBS[make.__name__.replace("_", " ")] = make
    return make


def one(nodes, stores=(), inputs=None, **rest):
    """A model with the result "y"; its input "x" is [2, 3] unless told."""
    inputs = [info("x", [2, 3])] if inputs is None else inputs
    return model(nodes, inputs, [info("y", None)], stores, **rest)


def graph(nodes, name="inner", inputs=(), outputs=("t",), **rest):
    outs = [info(o, None) for o in outputs]
    return helper.make_graph(nodes, name, list(inputs), outs, **rest)


# ------------------------------------------------------------------ sizes


@bomb
def constant_of_shape():
    return one([node("ConstantOfShape", "s", "y")], [stored("s", [BILLION, 50])])


@bomb
def many_constants_that_are_each_allowed():
    nodes = [node("ConstantOfShape", "s", f"a{i}") for i in range(60)]
    names = " ".join(f"a{i}" for i in range(60))
    return one([*nodes, node("Sum", names, "y")], [stored("s", [1 << 26])])


@bomb
def expand():
    return one(
        [node("Expand", "c s", "y")], [stored("c", np.ones(1)), stored("s", [BILLION, BILLION])]
    )


@bomb
def expand_a_shape():
    nodes = [node("Shape", "x", "c"), node("Expand", "c s", "e"), node("Expand", "x e", "y")]
    return one(nodes, [stored("s", [BILLION, 2])], [info("x", ["n", "m"])])


@bomb
def tile_a_shape():
    nodes = [node("Shape", "x", "c"), node("Tile", "c s", "e"), node("Reshape", "x e", "y")]
    return one(nodes, [stored("s", [BILLION])], [info("x", ["n", "m"])])


@bomb
def range_of_a_billion():
    stores = [stored("a", 0), stored("b", 50 * BILLION), stored("c", 1)]
    return one([node("Range", "a b c", "y")], stores)


@bomb
def range_without_step():
    return one([node("Range", "a b a", "y")], [stored("a", 0), stored("b", 9)])


@bomb
def tile():
    return one(
        [node("Tile", "c s", "y")], [stored("c", np.ones((1, 1))), stored("s", [BILLION, 9])]
    )


@bomb
def pad():
    stores = [stored("c", np.ones((1, 1))), stored("s", [BILLION, BILLION, 5, 2**62])]
    return one([node("Pad", "c s", "y")], stores)


@bomb
def resize():
    stores = [stored("c", np.ones((1, 1, 2, 2), "float32"))]
    stores.append(stored("s", np.array([1, 1, 1e9, 1e9], "float32")))
    return one([node("Resize", "c  s", "y", mode="cubic")], stores)


@bomb
def one_hot():
    stores = [stored("i", np.arange(1000)), stored("d", BILLION), stored("v", [0, 1])]
    return one([node("OneHot", "i d v", "y")], stores)


@bomb
def eye_of_a_billion():
    return one([node("ConstantOfShape", "s", "e"), node("EyeLike", "e", "y")],
               [stored("s", [BILLION, BILLION])])  # fmt: skip


@bomb
def split_into_a_billion():
    return one(
        [node("Split", "x", "y", axis=0, num_outputs=BILLION)], inputs=[info("x", [BILLION])]
    )


@bomb
def window_of_a_billion():
    return one([node("HannWindow", "s", "y")], [stored("s", BILLION)])


@bomb
def mel_weights():
    stores = [stored(k, v) for k, v in (("a", BILLION), ("b", BILLION), ("c", 16000))]
    stores += [stored("d", np.float32(0)), stored("e", np.float32(8000))]
    return one([node("MelWeightMatrix", "a b c d e", "y")], stores)


@bomb
def outer_product_of_constants():
    column = np.ones((1 << 19, 1), "float32")
    stores = [stored("a", column), stored("b", column.T)]
    return one([node("MatMul", "a b", "y")], stores)


@bomb
def product_with_much_work():
    nodes = [node("ConstantOfShape", "s", "a"), node("MatMul", "a a", "y")]
    return one(nodes, [stored("s", [4096, 4096])])


@bomb
def convolution_with_much_work():
    nodes = [node("ConstantOfShape", "s", "a"), node("ConstantOfShape", "k", "w"),
             node("Conv", "a w", "y")]  # fmt: skip
    return one(nodes, [stored("s", [1, 64, 400, 400]), stored("k", [64, 64, 99, 99])])


@bomb
def sum_over_a_billion_pairs():
    nodes = [node("ConstantOfShape", "s", "a"), node("ConstantOfShape", "t", "b"),
             node("Sub", "a b", "c"), node("ReduceSum", "c", "y")]  # fmt: skip
    return one(nodes, [stored("s", [1 << 15, 1]), stored("t", [1, 1 << 15])])


@bomb
def reshape_to_a_shape_of_millions():
    nodes = [node("ConstantOfShape", "s", "e"), node("Reshape", "x e", "y")]
    return one(nodes, [stored("s", [60_000_000])])


@bomb
def einsum_of_constants():
    nodes = [node("ConstantOfShape", "s", "a"),
             node("Einsum", "a a a", "y", equation="ab,cd,ef->")]  # fmt: skip
    return one(nodes, [stored("s", [2000, 2000])])


@bomb
def pooling_with_a_window_of_a_billion():
    rest = {"kernel_shape": [BILLION, BILLION], "pads": [BILLION] * 4}
    return one(
        [node("AveragePool", "c", "y", **rest)], [stored("c", np.ones((1, 1, 8, 8), "float32"))]
    )


@bomb
def recurrent_of_a_billion_units():
    stores = [stored(k, np.ones((1, 4, 1), "float32")) for k in "wr"]
    rest = {"hidden_size": BILLION}
    return one([node("LSTM", "x w r", "y", **rest)], stores, [info("x", [2, 2, 1])])


@bomb
def dims_that_overflow():
    found = one([node("Add", "x c", "y")], [stored("c", np.ones(3, "float32"))])
    del found.graph.initializer[0].dims[:]
    found.graph.initializer[0].dims.extend([2**62, 2**62, 4])
    return found


@bomb
def dims_that_are_negative():
    found = one([node("Add", "x c", "y")], [stored("c", np.ones(3, "float32"))])
    found.graph.initializer[0].dims[0] = -3
    return found


@bomb
def dims_and_data_that_disagree():
    found = one([node("Add", "x c", "y")], [stored("c", np.ones(3, "float32"))])
    found.graph.initializer[0].dims[0] = 4
    return found


@bomb
def an_input_with_a_million_axes():
    return one([node("Relu", "x", "y")], inputs=[info("x", [1] * 1_000_000)])


@bomb
def a_tensor_with_a_million_axes():
    found = one([node("Add", "x c", "y")], [stored("c", np.ones(1, "float32"))])
    found.graph.initializer[0].dims.extend([1] * 1_000_000)
    return found


@bomb
def a_size_of_2_to_the_62():
    return one([node("MatMul", "x x", "y")], inputs=[info("x", [2**62, 2**62])])


# ------------------------------------------------------------------ nesting


def nested(depth, inside):
    """``depth`` graphs, each in the one before; ``inside`` makes a node from an inner graph."""
    inner = graph([node("Relu", "x", "t")])
    for _ in range(depth):
        inner = graph([inside(inner)])
    return inner


@bomb
def branches_in_branches():
    return one(
        [node("If", "c", "y", then_branch=(g := nested(
            30, lambda g: node("If", "c", "t", then_branch=g, else_branch=g_small()))),
            else_branch=g)],
        [stored("c", np.asarray(True))],
    )  # fmt: skip


def g_small():
    return graph([node("Relu", "x", "t")])


def looping(inner):
    body = [*inner, node("Identity", "c", "on")]
    ins = [info("i", [], WHOLE), info("c", [], TRUTH), info("s", None)]
    outs = [info("on", [], TRUTH), info("t", None)]
    return helper.make_graph(body, "loop", ins, outs)


@bomb
def loops_in_loops():
    body = looping([node("Relu", "s", "t")])
    for _ in range(8):
        body = looping([node("Loop", "n c s", "t", body=body)])
    nodes = [node("Loop", "n c x", "y", body=body)]
    return one(nodes, [stored("n", 200), stored("c", np.asarray(True))])


@bomb
def a_loop_without_end():
    body = looping([node("Relu", "s", "t")])
    stores = [stored("n", 2**63 - 1), stored("c", np.asarray(True))]
    return one([node("Loop", "n c x", "y", body=body)], stores)


@bomb
def loops_in_loops_with_large_constants():
    body = looping([node("Add", "s k", "t")])
    body.initializer.append(stored("k", np.ones((1000, 1000), "float32")))
    for _ in range(3):
        body = looping([node("Loop", "n c s", "t", body=body)])
    nodes = [node("Loop", "n c x", "y", body=body)]
    return one(nodes, [stored("n", 100), stored("c", np.asarray(True))], [info("x", [1])])


@bomb
def a_scan_of_a_billion_steps():
    body = helper.make_graph([node("Add", "s p", "t")], "b", [info("s", [1]), info("p", [1])],
                             [info("t", [1])])  # fmt: skip
    nodes = [node("Scan", "z x", "y", body=body, num_scan_inputs=1)]
    return one(nodes, [stored("z", np.ones(1, "float32"))], [info("x", [BILLION, 1])])


SETS = [helper.make_opsetid("", 21), helper.make_opsetid("own", 1)]


def function(name, nodes):
    return helper.make_function("own", name, ["x"], ["y"], nodes, SETS)


@bomb
def a_function_that_calls_itself():
    f = function("F", [node("F", "x", "y", domain="own")])
    return one([node("F", "x", "y", domain="own")], functions=[f])


@bomb
def functions_that_call_each_other_twice():
    names = [f"F{i}" for i in range(60)]
    found = [
        function(a, [node(b, "x", "h", domain="own"), node(b, "h", "y", domain="own")])
        for a, b in zip(names, [*names[1:], "Relu"], strict=True)
    ]
    found[-1].node[0].domain = found[-1].node[1].domain = ""
    return one([node("F0", "x", "y", domain="own")], functions=found)


@bomb
def functions_that_double_twenty_times():
    names = [f"F{i}" for i in range(20)]
    found = [
        function(a, [node(b, "x", "h", domain="own"), node(b, "h", "y", domain="own")])
        for a, b in pairwise(names)
    ]
    found.append(function(names[-1], [node("Relu", "x", "y")]))
    return one([node("F0", "x", "y", domain="own")], functions=found)


@bomb
def a_function_of_the_name_of_an_operator_that_calls_it():
    f = helper.make_function("", "Relu", ["x"], ["y"], [node("Relu", "x", "y")], SETS[:1])
    return one([node("Relu", "x", "y")], functions=[f])


# ------------------------------------------------------------------ many


@bomb
def a_chain_of_three_thousand_halvings():
    """Each size is a quotient of the one before, rounded: no simpler spelling exists."""
    nodes = [node("MaxPool", f"a{i}", f"a{i + 1}", kernel_shape=[2], strides=[2], pads=[1, 0])
             for i in range(3000)]  # fmt: skip
    nodes.append(node("Relu", "a3000", "y"))
    return one(nodes, inputs=[info("a0", [1, 1, "n"])])


@bomb
def a_chain_of_squared_sizes():
    nodes = [node("Shape", "x", "a0")]
    nodes += [node("Mul", f"a{i} a{i}", f"a{i + 1}") for i in range(40)]
    return one([*nodes, node("Expand", "x a40", "y")], inputs=[info("x", ["n", "m"])])


@bomb
def a_chain_of_sums_of_squares():
    """(n + m)(n + m + 1) and so on: the number of terms grows without end."""
    nodes = [node("Shape", "x", "s"), node("Split", "s", "a0 b0", num_outputs=2)]
    for i in range(40):
        nodes += [
            node("Add", f"a{i} b{i}", f"b{i + 1}"),
            node("Mul", f"a{i} b{i + 1}", f"a{i + 1}"),
        ]
    return one([*nodes, node("Expand", "x a40", "y")], inputs=[info("x", ["n", "m"])])


@bomb
def a_hundred_thousand_outputs_of_one_name():
    found = one([node("Relu", "x", "y")])
    found.graph.output.extend([info("y", None)] * 100_000)
    return found


@bomb
def thirty_thousand_inputs_of_one_name():
    found = one([node("Relu", "x", "y")])
    found.graph.input.extend([info("x", [2])] * 30_000)
    return found


@bomb
def fifty_thousand_unknown_operators():
    return one([node(f"Op{i}", "x", "y") for i in range(50_000)])


@bomb
def ten_thousand_symbols():
    return one(
        [node("Concat", " ".join(f"i{k}" for k in range(2000)), "y", axis=0)],
        inputs=[info(f"i{k}", [f"n{k}", f"m{k}"]) for k in range(2000)],
    )


@bomb
def half_a_million_nodes():
    nodes = [helper.make_node("Relu", ["x"], ["y"])] * 500_000
    return one(nodes)


# ------------------------------------------------------------------ words


@bomb
def a_name_of_megabytes():
    return one([node("Frobnicate", "x", "y", name="n" * 5_000_000)])


@bomb
def an_operator_type_of_megabytes():
    return one([node("N" * 5_000_000, "x", "y")])


@bomb
def a_name_with_a_hundred_thousand_parts():
    return one([node("Relu", "x", "y", name="a/" * 100_000)])


@bomb
def a_name_that_colours_the_terminal():
    return one([node("Frob\x1b[31m", "x", "y", name="\x1b]0;title\x07")])


@laid
def names_that_are_no_text(path):
    """Every name of the model is one byte that UTF-8 does not have."""
    found = one([node("Add", "x k", "y")], [stored("k", np.ones(3, "float32"))])
    data = found.SerializeToString()
    for name in (b"x", b"k", b"y"):
        data = data.replace(b"\x01" + name, b"\x01" + bytes([name[0] | 128]))
    path.write_bytes(data)
    return path


@bomb
def an_attribute_of_megabytes():
    return one([node("Einsum", "x x", "y", equation="ij," * 2_000_000)])


@bomb
def a_mode_of_megabytes():
    stores = [stored("s", [4, 6])]
    return one([node("Resize", "x   s", "y", mode="z" * 5_000_000)], stores)


# ------------------------------------------------------------------ numbers


@bomb
def attributes_that_are_not_numbers():
    nan = float("nan")
    return one([node("LeakyRelu", "x", "a", alpha=nan), node("Elu", "a", "y", alpha=-nan)])


@bomb
def attributes_without_end():
    inf = float("inf")
    return one([node("Clip", "x", "a"), node("Selu", "a", "b", alpha=inf, gamma=-inf),
                node("HardSigmoid", "b", "y", alpha=inf)])  # fmt: skip


@bomb
def scales_that_are_no_numbers():
    stores = [stored("s", np.array([np.nan, np.inf], "float32"))]
    return one([node("Resize", "x  s", "y", mode="nearest")], stores)


@bomb
def a_shape_that_is_no_number():
    nodes = [node("Cast", "c", "s", to=WHOLE), node("Reshape", "x s", "y")]
    return one(nodes, [stored("c", np.array([np.nan, np.inf], "float32"))])


@bomb
def negative_strides():
    stores = [stored("w", np.ones((1, 1, 1, 1), "float32"))]
    nodes = [node("Conv", "x w", "y", strides=[-1, 0], dilations=[0, -1], group=-2)]
    return one(nodes, stores, [info("x", [1, 1, 8, 8])])


# ------------------------------------------------------------------ wiring


@bomb
def a_cycle():
    return one([node("Add", "x b", "a"), node("Relu", "a", "b"), node("Relu", "b", "y")])


@bomb
def a_node_that_reads_itself():
    return one([node("Add", "x y", "y")])


@bomb
def nodes_in_the_wrong_order():
    return one([node("Relu", "a", "y"), node("Relu", "x", "a")])


@bomb
def a_node_without_inputs_or_outputs():
    found = one([node("Relu", "x", "y")])
    found.graph.node.extend([onnx.NodeProto(op_type=op) for op in ("Relu", "Conv", "If", "Loop")])
    return found


@bomb
def graphs_without_anything():
    found = one([node("Relu", "x", "y")])
    found.graph.node.add(op_type="If", input=["x"], output=["z"])
    found.graph.node[-1].attribute.add(name="then_branch", type=5)
    return found


# ------------------------------------------------------------------ sparse


def sparse(dims, indices, values):
    found = one([node("Add", "x k", "y")])
    item = found.graph.sparse_initializer.add()
    item.values.CopyFrom(stored("k", np.asarray(values, "float32")))
    item.indices.CopyFrom(stored("k_indices", np.asarray(indices)))
    item.dims.extend(dims)
    return found


@bomb
def a_sparse_tensor_of_a_billion():
    return sparse([BILLION, 9], [0], [1.0])


@bomb
def a_sparse_tensor_with_places_outside():
    return sparse([2, 3], [0, 6], [1.0, 2.0])


@bomb
def a_sparse_tensor_with_places_before_the_start():
    return sparse([2, 3], [[0, -1]], [1.0])


@bomb
def a_sparse_tensor_that_disagrees():
    return sparse([2, 3], [0, 1, 2], [1.0, 2.0])


# ------------------------------------------------------------------ other files


def beside(path, location, **entries):
    """A model whose weight lies in another file."""
    found = one([node("Add", "x k", "y")], [stored("k", np.ones((2, 3), "float32"))])
    tensor = found.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=str(value))
    path.write_bytes(found.SerializeToString())
    return path


@laid
def data_in_the_folder_above(path):
    (path.parent.parent / "secret").write_bytes(bytes(24))
    return beside(path, "../secret")


@laid
def data_through_the_folder_and_back(path):
    (path.parent.parent / "secret").write_bytes(bytes(24))
    return beside(path, f"a/../../{path.parent.name}/../secret")


@laid
def data_at_an_absolute_path(path):
    (path.parent.parent / "secret").write_bytes(bytes(24))
    return beside(path, str(path.parent.parent.resolve() / "secret"))


@laid
def data_through_a_link(path):
    (path.parent.parent / "secret").write_bytes(bytes(24))
    (path.parent / "weights").symlink_to(path.parent.parent / "secret")
    return beside(path, "weights")


@laid
def data_through_a_link_to_itself(path):
    (path.parent / "weights").symlink_to(path.parent / "weights")
    return beside(path, "weights")


@laid
def data_in_a_linked_folder(path):
    (path.parent.parent / "secret").write_bytes(bytes(24))
    (path.parent / "data").symlink_to(path.parent.parent)
    return beside(path, "data/secret")


@laid
def data_with_a_name_of_megabytes(path):
    return beside(path, "n" * 1_000_000)


@laid
def data_that_is_the_folder(path):
    return beside(path, ".")


@laid
def data_that_is_a_device(path):
    return beside(path, "/dev/zero")


@laid
def data_that_is_a_pipe(path):
    import os

    os.mkfifo(path.parent / "weights")
    return beside(path, "weights")


def placed(name, **entries):
    """A case whose data lies beside the model, with these entries."""

    def write(path):
        (path.parent / "weights").write_bytes(bytes(24))
        return beside(path, "weights", **entries)

    BOMBS[name] = write


placed("data beyond the end", offset=8)
placed("data far beyond the end", offset=2**63)
placed("data before the start", offset=-8)
placed("data of another length", length=20)
placed("data of no length", length=-1)
placed("data at no number", offset="ten")
placed("data at a number of a million digits", offset="9" * 1_000_000)


@laid
def data_of_more_than_a_billion_elements(path):
    with (path.parent / "weights").open("wb") as file:
        file.truncate(1 << 33)  # a hole
    found = onnx.load(beside(path, "weights"), load_external_data=False)
    del found.graph.initializer[0].dims[:]
    found.graph.initializer[0].dims.append((1 << 30) + 1)
    path.write_bytes(found.SerializeToString())
    return path


@laid
def a_folder(path):
    path.mkdir()
    return path


@laid
def a_pipe(path):
    import os

    os.mkfifo(path)
    return path


@laid
def an_empty_file(path):
    path.write_bytes(b"")
    return path


@laid
def text(path):
    path.write_text("This is not ONNX.\n" * 100)
    return path


@laid
def a_message_nested_a_hundred_thousand_deep(path):
    data = b""
    for _ in range(2000):  # a graph in an attribute of a node of a graph
        for tag in (0x32, 0x2A, 0x0A):
            data = bytes([tag]) + varint(len(data)) + data
    path.write_bytes(b"\x3a" + varint(len(data)) + data)
    return path


def varint(number):
    """A number as protobuf spells lengths."""
    found = bytearray()
    while number >= 128:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])
