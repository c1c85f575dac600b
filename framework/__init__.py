"""Neural networks in YAML: symbolic shapes, NumPy execution, diagrams for slides.

>>> import framework as fw
>>> model = fw.load("vit", depth=2)
>>> model.outputs["logits"]
TensorType(shape=(B, 1000), dtype='float32')
>>> model.run()["logits"].shape
(1, 1000)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from framework.api.builder import Builder
    from framework.api.bundled import bundled
    from framework.api.load import load, loads
    from framework.api.model import Model
    from framework.api.pull import pull
    from framework.api.read import check
    from framework.api.run import Run
    from framework.errors import (
        FrameworkError,
        InputError,
        Mistake,
        Problem,
        RunError,
        ShapeError,
        SpecError,
        WeightError,
    )
    from framework.ir.dims import Dim
    from framework.ir.graph import Graph, Node, Value
    from framework.ir.op import Op
    from framework.ir.types import TensorType

__version__ = "0.1.0"

__all__ = [
    "Builder",
    "Dim",
    "FrameworkError",
    "Graph",
    "InputError",
    "Mistake",
    "Model",
    "Node",
    "Op",
    "Problem",
    "Run",
    "RunError",
    "ShapeError",
    "SpecError",
    "TensorType",
    "Value",
    "WeightError",
    "bundled",
    "check",
    "load",
    "loads",
    "pull",
]

HOMES = {
    "Builder": "framework.api.builder",
    "Dim": "framework.ir.dims",
    "FrameworkError": "framework.errors",
    "Graph": "framework.ir.graph",
    "InputError": "framework.errors",
    "Mistake": "framework.errors",
    "Model": "framework.api.model",
    "Node": "framework.ir.graph",
    "Op": "framework.ir.op",
    "Problem": "framework.errors",
    "Run": "framework.api.run",
    "RunError": "framework.errors",
    "ShapeError": "framework.errors",
    "SpecError": "framework.errors",
    "TensorType": "framework.ir.types",
    "Value": "framework.ir.graph",
    "WeightError": "framework.errors",
    "bundled": "framework.api.bundled",
    "check": "framework.api.read",
    "load": "framework.api.load",
    "loads": "framework.api.load",
    "pull": "framework.api.pull",
}
"""Where each public name lives: it is imported when somebody asks for it, so that commands
start fast."""


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module 'framework' has no attribute {name!r}")
    return getattr(import_module(HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
