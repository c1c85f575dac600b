"""ONNX's own test cases: those of its operators, and the models that lie in its package.

Source: onnx.backend.test of the installed `onnx` package, which generates or holds them.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from framework.errors import require

FOLDERS = ("simple", "pytorch-operator", "pytorch-converted", "light")


@dataclass(frozen=True, eq=False)
class Case:
    """One model with inputs and the outputs that it must give."""

    name: str
    suite: str
    operator: str
    load: Any = field(repr=False)
    rtol: float = 1e-3
    atol: float = 1e-7

    @property
    def expanded(self) -> bool:
        """Is the operator written out in others here?"""
        return "_expanded" in self.name

    def model(self) -> Any:
        """The model alone."""
        return self.open()[0]

    def open(self) -> tuple[Any, list[tuple[list[Any], list[Any]]]]:
        """The model, and pairs of inputs and outputs."""
        found: tuple[Any, list[tuple[list[Any], list[Any]]]] = self.load()
        return found


def collect() -> list[Case]:
    """All cases: generated ones first, then those of each folder; InputError without onnx."""
    require("onnx", "conformance")
    return [*node_cases(), *(case for suite in FOLDERS for case in folder_cases(suite))]


def node_cases() -> Iterator[Case]:
    """The cases of single operators."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = collect_testcases(None)
    plain = {case.name: operator_of(case.model) for case in found}
    for case in found:
        operator = plain.get(case.name.partition("_expanded")[0], plain[case.name])

        def load(case: Any = case) -> tuple[Any, Any]:
            return case.model, [
                (list(map(array, ins)), list(map(array, outs))) for ins, outs in case.data_sets
            ]

        yield Case(case.name, "node", operator, load, case.rtol, case.atol)


def array(item: Any) -> Any:
    """A tensor of ONNX as an array; anything else as it is."""
    from onnx import TensorProto, numpy_helper

    return numpy_helper.to_array(item) if isinstance(item, TensorProto) else item


def operator_of(model: Any) -> str:
    """The operator that a case is about: that of its last node."""
    nodes = model.graph.node
    return str(nodes[-1].op_type) if nodes else "Identity"


def folder_cases(suite: str) -> Iterator[Case]:
    """The cases that lie in a folder of the package."""
    import onnx
    from onnx.backend.test import case as package

    base = Path(os.path.dirname(package.__file__)).parent / "data" / suite
    for entry in sorted(base.iterdir()):
        if suite == "light":
            if entry.suffix == ".onnx":
                yield Case(entry.stem, suite, "whole network", light_loader(entry))
        elif entry.is_dir():
            path = entry / "model.onnx"
            operator = operator_of(onnx.load(os.fspath(path), load_external_data=False))
            yield Case(entry.name, suite, operator, folder_loader(entry))


def folder_loader(folder: Path) -> Any:
    """Reads a case's model and its sets of tensors."""

    def load() -> tuple[Any, list[tuple[list[Any], list[Any]]]]:
        import onnx

        model = onnx.load(os.fspath(folder / "model.onnx"))
        graph = model.graph
        sets = []
        for data in sorted(folder.glob("test_data_set_*")):
            inputs = tensors(data, "input", graph.input)
            sets.append((inputs, tensors(data, "output", graph.output)))
        return model, sets

    return load


def tensors(folder: Path, kind: str, infos: Any) -> list[Any]:
    """The arrays ``input_0.pb``, ``input_1.pb``, … of a case; None for what is no tensor."""
    found: list[Any] = []
    for number, info in enumerate(infos):
        path = folder / f"{kind}_{number}.pb"
        if not path.exists():
            break
        tensor = info.type.WhichOneof("value") == "tensor_type"
        found.append(stored(path) if tensor else None)
    return found


def stored(path: Path) -> Any:
    """One stored tensor."""
    import onnx
    from onnx import numpy_helper

    tensor = onnx.TensorProto()
    tensor.ParseFromString(path.read_bytes())
    return numpy_helper.to_array(tensor)


def light_loader(path: Path) -> Any:
    """A whole network; its inputs are made as the package's own runner makes them."""

    def load() -> tuple[Any, list[tuple[list[Any], list[Any]]]]:
        import onnx

        model = onnx.load(os.fspath(path))
        stored_names = {tensor.name for tensor in model.graph.initializer}
        inputs = [light_input(i) for i in model.graph.input if i.name not in stored_names]
        return model, [(inputs, [stored(path.with_name(f"{path.stem}_output_0.pb"))])]

    return load


def light_input(info: Any) -> Any:
    """``0, 1, 2, …`` over the number of elements, as onnx.backend.test.runner has it."""
    shape = [dim.dim_value for dim in info.type.tensor_type.shape.dim]
    count = int(np.prod(shape))
    return (np.arange(count).reshape(shape) / count).astype("float32")
