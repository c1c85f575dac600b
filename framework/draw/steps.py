"""The order in which a figure is built up on slides: box by box, then panel by panel."""

from __future__ import annotations

from dataclasses import replace

from framework.draw.diagram import Diagram
from framework.draw.scene import Scene


def with_steps(scene: Scene, diagram: Diagram) -> Scene:
    """The scene whose parts know the step at which they appear, 0 first."""
    overview, *panels = diagram.panels
    first = {f"{overview.id}/{unit}": i for i, unit in enumerate(overview.units)}
    later = {panel.id: len(first) + i for i, panel in enumerate(panels)}

    def step_of(box: str) -> int:
        return first[box] if box in first else later.get(box.partition("/")[0], 0)

    boxes = tuple(replace(box, step=step_of(box.id)) for box in scene.boxes)
    steps = {box.id: box.step for box in boxes} | later
    curves = tuple(
        replace(curve, step=max(steps.get(curve.source, 0), steps.get(curve.target, 0)))
        for curve in scene.curves
    )
    held: dict[str, list[int]] = {}
    parents = {frame.id: frame.parent for frame in scene.frames}
    for box in boxes:
        around = box.panel
        while around is not None:
            held.setdefault(around, []).append(box.step)
            around = parents.get(around)
    frames = tuple(
        replace(frame, step=later.get(frame.id, min(held.get(frame.id, ()), default=0)))
        for frame in scene.frames
    )
    count = 1 + max(steps.values(), default=0)
    return replace(scene, boxes=boxes, curves=curves, frames=frames, steps=count)
