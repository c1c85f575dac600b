"""Neural networks in YAML: symbolic shapes, NumPy execution, diagrams for slides.

>>> import framework as fw
>>> model = fw.load("vit", depth=2)
>>> model.outputs["logits"]
TensorType(shape=(B, 1000), dtype='float32')
>>> model.run()["logits"].shape
(1, 1000)
"""

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
