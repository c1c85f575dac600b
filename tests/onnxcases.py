"""What the tests of the ONNX exporter share: one-node graphs, and who runs their ONNX models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx.reference import ReferenceEvaluator
from opcases import Twin, arrays_of, flat, results, symbolic, types_of

from framework.exchange.onnx_writer import write_onnx
from framework.ir.dims import Symbols
from framework.ir.graph import Graph, Node, Parameter, Value
from framework.ir.types import TensorType

STATES = onnxruntime.capi.onnxruntime_pybind11_state
NO_KERNEL = STATES.NotImplemented
"""What onnxruntime raises for an operator, or a dtype of it, that it cannot run."""
FAILURES = (STATES.Fail, STATES.InvalidArgument, STATES.InvalidGraph, STATES.RuntimeException)
"""What it raises for a model that it cannot load or run otherwise."""


def quickly(path, write):
    """Write a file without waiting for the disk."""
    with Path(path).open("wb") as file:
        write(file)


def exported(graph, weights, folder, opset=None):
    """The path of the ONNX file of a graph, which the checker accepts."""
    path = Path(folder) / "model.onnx"
    write_onnx(graph, weights, path, write=quickly, opset=opset)
    onnx.checker.check_model(path, full_check=True)
    return path


# ------------------------------------------------------------------ one operator as a graph


def one_node(op, inputs):
    """(graph, weights, feeds, expected) of an example of an operator."""
    arrays = arrays_of(op, inputs)
    graph = graph_of(op, types_of(op, inputs), Symbols())
    return (graph, *contents(graph, op, arrays))


def one_symbolic_node(op, inputs, fixed=()):
    """The same with a symbol for every size that may be one, but for those in ``fixed``."""
    _, _, values = symbolic(op, inputs)
    twin = Twin(op, types_of(op, inputs), [name for name in values if name not in fixed])
    graph = graph_of(twin.op, twin.types, twin.symbols)
    return (graph, *contents(graph, op, arrays_of(op, inputs)))


def graph_of(op, types, symbols):
    """A graph with one node, called ``node``, and an input for each tensor."""
    graph = Graph("one")
    graph.symbols = symbols
    wires = {port: entered(graph, port, kind) for port, kind in types.items()}
    inference = op.infer(types, graph.namer("node"))
    parameters = {slot: f"node.{slot}" for slot in inference.parameters}
    for slot, kind in inference.parameters.items():
        name = f"node.{slot}"
        graph.parameters[name] = Parameter(name, kind.shape, kind.dtype, True, "zeros", (1, 1))
    graph.add(Node("node", op, inference.outputs, parameters), wires)
    for number in range(len(inference.outputs)):
        graph.outputs[f"y{number}"] = Value("node", number)
    return graph


def entered(graph, port, kind):
    """Inputs for what is connected to a port."""
    if isinstance(kind, TensorType):
        return graph.add_input(f"in_{port}", kind)
    return tuple(graph.add_input(f"in_{port}_{i}", one) for i, one in enumerate(kind))


def contents(graph, op, arrays):
    """Weights, inputs and expected outputs."""
    by_port = dict(zip((port.name for port in op.ports.inputs), ordered(op, arrays), strict=True))
    slots = {slot.name for slot in op.ports.slots}
    weights = {f"node.{s}": a for s, a in by_port.items() if s in slots and a is not None}
    tensors = (a for port, a in by_port.items() if port not in slots)
    feeds = dict(zip(graph.inputs, flat(tensors), strict=True))
    return weights, feeds, results(op.compute(*arrays))


def ordered(op, arrays):
    """Arrays of tensors and then of slots, in the order of the signature."""
    tensors, slots = list(op.ports.tensors), list(op.ports.slots)
    named = dict(zip((port.name for port in (*tensors, *slots)), arrays, strict=True))
    return [named[port.name] for port in op.ports.inputs]


# ------------------------------------------------------------------ running


def run_onnx(path, feeds):
    """Outputs by onnxruntime, or by ONNX's own evaluator where that has no kernel."""
    try:
        return by_onnxruntime(path, feeds)
    except NO_KERNEL:
        return evaluate(path, feeds)


def by_onnxruntime(path, feeds):
    """Outputs by onnxruntime."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is an exception as well
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    return session.run(None, feeds)


def evaluate(path, feeds):
    """Outputs as ONNX's own evaluator, which is plain and slow, computes them."""
    with np.errstate(all="ignore"):
        return ReferenceEvaluator(str(path)).run(None, feeds)


def compare(found, expected, rtol=1e-4, atol=1e-4):
    """Shapes, dtypes and values; each is an array."""
    for y, exact in zip(found, expected, strict=True):
        assert (np.shape(y), np.asarray(y).dtype) == (exact.shape, exact.dtype)
        np.testing.assert_allclose(y, exact, rtol=rtol, atol=atol)
