"""Which frame holds what: a tree of frames with the boxes inside them."""

from __future__ import annotations

from framework.draw.scene import Box, Curve, Frame, Point, Scene, Shape


class Nesting:
    """The frames of a scene by what they hold; None stands for the page."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.parents = {frame.id: frame.parent for frame in scene.frames}
        self.homes = {box.id: home(scene, box) for box in scene.boxes}

    def frames(self, parent: str | None) -> list[Frame]:
        """The frames directly inside a frame; one whose parent is unknown is on the page."""
        return [f for f in self.scene.frames if self.known(f.parent) == parent]

    def boxes(self, frame: str | None) -> list[Box]:
        """The boxes directly inside a frame."""
        return [box for box in self.scene.boxes if self.homes[box.id] == frame]

    def curves(self, frame: str | None) -> list[Curve]:
        """The curves whose outermost common frame is this one."""
        return [curve for curve in self.scene.curves if self.shared(curve)[-2:][0] == frame]

    def known(self, frame: str | None) -> str | None:
        """The frame itself if the scene has it."""
        return frame if frame in self.parents else None

    def shared(self, curve: Curve) -> list[str | None]:
        """The frames around both ends of a curve, from the innermost to the page."""
        around = self.around(curve.source)
        return [frame for frame in self.around(curve.target) if frame in around]

    def around(self, id: str) -> list[str | None]:
        """The frames around a box or a frame from the innermost to the page."""
        frame = self.homes[id] if id in self.homes else self.known(self.parents.get(id))
        found: list[str | None] = []
        while frame is not None and frame not in found:
            found.append(frame)
            frame = self.known(self.parents[frame])
        return [*found, None]


def home(scene: Scene, box: Box) -> str | None:
    """The smallest frame around the middle of a box."""
    centre = box.shape.centre
    around = [frame for frame in scene.frames if holds(frame.shape, centre)]
    smallest = min(around, key=lambda f: f.shape.width * f.shape.height, default=None)
    return smallest.id if smallest else None


def holds(shape: Shape, place: Point) -> bool:
    """Is the place inside the shape's rectangle?"""
    x, y = place
    return shape.x <= x <= shape.x + shape.width and shape.y <= y <= shape.y + shape.height
