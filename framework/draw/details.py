"""Facts behind the boxes, for the interactive page: operator, formula, shapes, place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from framework.draw.diagram import Diagram, Unit
from framework.draw.scene import Scene
from framework.ir.describe import spelled
from framework.ir.dims import format_shape
from framework.ir.graph import Graph, Input, Node
from framework.ir.types import TensorType


def details(scene: Scene, diagram: Diagram, shown: Graph, symbolic: Graph) -> Scene:
    """The scene with the facts of every box; shapes are symbolic, whatever is shown."""
    facts: dict[str, Mapping[str, Any]] = {}
    for panel in diagram.panels:
        for unit in panel.units.values():
            facts[f"{panel.id}/{unit.id}"] = unit_facts(unit, symbolic)
    boxes = tuple(replace(box, details=facts.get(box.id, {})) for box in scene.boxes)
    return replace(scene, boxes=boxes)


def unit_facts(unit: Unit, graph: Graph) -> dict[str, Any]:
    """What a reader wants to know of one box."""
    found: dict[str, Any] = {"name": unit.path if unit.path else unit.title}
    if unit.count > 1:
        found["copies"] = unit.count
    if len(unit.nodes) == 1 and unit.nodes[0] in graph:
        found |= node_facts(graph[unit.nodes[0]], graph)
    elif unit.nodes:
        found["operator"] = f"block of {len(unit.nodes)} nodes"
        found["outputs"] = [type_text(graph[unit.nodes[-1]].type)]
    if unit.parameters:
        found["parameters"] = unit.parameters
    if unit.macs not in ("", "0"):
        found["macs"] = unit.macs
    if unit.doc:
        found["doc"] = unit.doc
    if unit.place is not None:
        # The file's own name, not the folder it happens to lie in.
        name = unit.place.source.name.replace("\\", "/").rpartition("/")[2]
        found["place"] = f"{name}:{unit.place.line}"
    return found


def node_facts(node: Node, graph: Graph) -> dict[str, Any]:
    """Operator, formula, attributes and types of one node."""
    if isinstance(node.op, Input):
        return {"operator": "input", "outputs": [type_text(node.type)]}
    doc = (type(node.op).__doc__ or "").strip().splitlines()
    attributes = {a.name: spelled(getattr(node.op, a.name)) for a in node.op.attributes}
    return {
        "operator": node.op.name,
        "summary": doc[0] if doc else "",
        "formula": formula(doc[1:]),
        "attributes": attributes,
        "inputs": [type_text(type_) for type_ in graph.types_at(node.name).values()],
        "outputs": [type_text(type_) for type_ in node.outputs],
    }


def formula(lines: list[str]) -> str:
    """The lines of a docstring that state the mathematics: up to the first empty one after them."""
    found: list[str] = []
    for line in (text.strip() for text in lines):
        if not line and found:
            break
        if line and not line.startswith("Source:"):
            found.append(line)
    return "\n".join(found)


def type_text(type_: TensorType) -> str:
    """``float32 [B, 3, H, W]``."""
    return f"{type_.dtype} {format_shape(type_.shape)}"


def model_facts(graph: Graph) -> dict[str, Any]:
    """What the page says of the whole model: its symbols with bounds and examples."""
    symbols = {}
    for name, example in graph.examples.items():
        bounds = graph.symbols.bounds_of(name)
        symbols[name] = {
            "example": example,
            "minimum": bounds.minimum,
            "maximum": bounds.maximum,
            "multiple_of": bounds.multiple_of,
        }
    return {"name": graph.name, "doc": graph.doc or "", "symbols": symbols}
