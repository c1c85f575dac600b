"""What must hold in every figure, as a list of what is wrong; used by test_draw.py."""

from __future__ import annotations

import math
from itertools import combinations

from framework.draw.metrics import text_width
from framework.draw.parts import radius

RISE, FALL = 0.72, 0.21
"""Height of capitals above the baseline, and of brackets below it, in ems."""


def area(text):
    """Left, top, right, bottom of a text's ink."""
    width = text_width(text.string, text.size, text.bold)
    left = text.x - {"start": 0.0, "middle": 0.5, "end": 1.0}[text.anchor] * width
    return (left, text.y - RISE * text.size, left + width, text.y + FALL * text.size)


def rectangle(shape, grow=0.0):
    """Left, top, right, bottom of a shape."""
    right, bottom = shape.x + shape.width, shape.y + shape.height
    return (shape.x - grow, shape.y - grow, right + grow, bottom + grow)


def meet(a, b, slack=0.0):
    """Do two rectangles overlap by more than the slack?"""
    across = a[0] + slack < b[2] and b[0] + slack < a[2]
    return across and a[1] + slack < b[3] and b[1] + slack < a[3]


def within(a, b, slack=0.5):
    """Does the rectangle a lie in b?"""
    low = a[0] >= b[0] - slack and a[1] >= b[1] - slack
    return low and a[2] <= b[2] + slack and a[3] <= b[3] + slack


def sampled(curve):
    """Points along a curve, four points apart or closer, its tip included."""
    found = []
    for i in range(0, len(curve.points) - 3, 3):
        a, b, c, d = curve.points[i : i + 4]
        steps = max(4, round((math.dist(a, b) + math.dist(b, c) + math.dist(c, d)) / 4))
        for step in range(steps + 1):
            t = step / steps
            weights = ((1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t * t, t**3)
            found.append(
                tuple(
                    sum(w * p[axis] for w, p in zip(weights, (a, b, c, d), strict=True))
                    for axis in (0, 1)
                )
            )
    return [*found, *([curve.tip] if curve.tip else [])]


def hits(point, box):
    """Is the point inside the rectangle?"""
    return box[0] < point[0] < box[2] and box[1] < point[1] < box[3]


def gap(point, shape):
    """Distance of a point from a shape's outline."""
    x, y = shape.centre
    if shape.kind == "circle":
        return abs(math.hypot(point[0] - x, point[1] - y) - radius(shape))
    across = abs(point[0] - x) - shape.width / 2
    along = abs(point[1] - y) - shape.height / 2
    return abs(max(across, along)) if min(across, along) < 0 else math.hypot(across, along)


def problems(scene):
    """Everything that is wrong with a figure."""
    checks = (ids, boxes_apart, texts_in_boxes, texts_in_figure, labels_free, titles_free,
              arrows_free, arrows_touch, frames_hold)  # fmt: skip
    return [f"{check.__name__}: {found}" for check in checks for found in check(scene)]


def ids(scene):
    """Every id once; ends of arrows are boxes."""
    known = [part.id for part in (*scene.boxes, *scene.frames)]
    yield from (one for one in set(known) if known.count(one) > 1)
    for curve in scene.curves:
        yield from (end for end in (curve.source, curve.target) if end not in known)


def boxes_apart(scene):
    """No box on another."""
    for one, other in combinations(scene.boxes, 2):
        grow = 3.0 if one.shape.double or other.shape.double else 0.0
        if meet(rectangle(one.shape, grow), rectangle(other.shape)):
            yield f"{one.id} {other.id}"


def texts_in_boxes(scene):
    """No text wider or higher than its box, none on another of the same box."""
    for box in scene.boxes:
        shape = box.shape if not box.badge else box.badge[0]
        words = [*box.lines, *([box.badge[1]] if box.badge else [])]
        for text in words:
            around = box.shape if text in box.lines else shape
            if not within(area(text), rectangle(around)):
                yield f"{box.id} {text.string}"
        for one, other in combinations(words, 2):
            if meet(area(one), area(other)):
                yield f"{box.id} {one.string} on {other.string}"


def every_text(scene):
    """All texts."""
    yield from scene.texts
    yield from (word for _, word in scene.legend)
    yield from (frame.title for frame in scene.frames if frame.title)
    yield from (text for box in scene.boxes for text in box.lines)
    yield from (curve.label for curve in scene.curves if curve.label)


def texts_in_figure(scene):
    """Nothing beyond the edges, and no legend or title on anything."""
    whole = (0, 0, scene.width, scene.height)
    for text in every_text(scene):
        if not within(area(text), whole):
            yield f"{text.string} at {area(text)} of {whole}"
    for part in (*scene.boxes, *scene.frames):
        if not within(rectangle(part.shape), whole):
            yield part.id
    for curve in scene.curves:
        if not all(within((*p, *p), whole) for p in sampled(curve)):
            yield f"{curve.source} → {curve.target}"
    free = [*scene.texts, *(word for _, word in scene.legend)]
    for one, other in combinations(free, 2):
        if meet(area(one), area(other)):
            yield f"{one.string} on {other.string}"
    for text in free:
        for box in scene.boxes:
            if meet(area(text), rectangle(box.shape)):
                yield f"{text.string} on {box.id}"


def labels_free(scene):
    """No label on a box, another label, a frame's title, or an arrow."""
    labels = [curve.label for curve in scene.curves if curve.label]
    titles = [frame.title for frame in scene.frames if frame.title]
    for label in labels:
        for box in scene.boxes:
            if meet(area(label), rectangle(box.shape)):
                yield f"{label.string} on {box.id}"
        for curve in scene.curves:
            if any(hits(point, area(label)) for point in sampled(curve)):
                yield f"{label.string} on {curve.source} → {curve.target}"
    for one, other in combinations([*labels, *titles, *scene.texts], 2):
        if meet(area(one), area(other)):
            yield f"{one.string} on {other.string}"


def titles_free(scene):
    """No arrow or box on a frame's title."""
    for frame in scene.frames:
        if frame.title is None:
            continue
        if not within(area(frame.title), rectangle(frame.shape)):
            yield f"{frame.title.string} leaves its frame"
        for curve in scene.curves:
            if any(hits(point, area(frame.title)) for point in sampled(curve)):
                yield f"{frame.title.string} on {curve.source} → {curve.target}"
        for box in scene.boxes:
            if meet(area(frame.title), rectangle(box.shape)):
                yield f"{frame.title.string} on {box.id}"


def arrows_free(scene):
    """No arrow through a box, its own ends included."""
    for curve in scene.curves:
        if curve.kind == "zoom":
            continue
        points = sampled(curve)
        for box in scene.boxes:
            shrink = -2.0 if box.id in (curve.source, curve.target) else -0.5
            if any(hits(point, rectangle(box.shape, shrink)) for point in points):
                yield f"{curve.source} → {curve.target} through {box.id}"


def arrows_touch(scene):
    """Every arrow starts at the box it comes from and ends at the box it goes to."""
    boxes = {box.id: box.shape for box in scene.boxes}
    for curve in scene.curves:
        if curve.kind == "zoom":
            continue
        ends = ((curve.points[0], curve.source), (curve.tip, curve.target))
        for point, name in ends:
            if point is None or gap(point, boxes[name]) > 4.5:
                yield f"{curve.source} → {curve.target} is off {name}"


def frames_hold(scene):
    """Frames contain their boxes and frames, and no others; they do not cross."""
    frames = {frame.id: frame for frame in scene.frames}

    def around(name):
        while name in frames:
            yield name
            name = frames[name].parent

    for box in scene.boxes:
        inside = set(around(box.panel))
        for frame in scene.frames:
            held = within(rectangle(box.shape), rectangle(frame.shape))
            if frame.id in inside and not held:
                yield f"{box.id} leaves {frame.id}"
            if frame.id not in inside and meet(rectangle(box.shape), rectangle(frame.shape)):
                yield f"{box.id} meets {frame.id}"
    for one, other in combinations(scene.frames, 2):
        nested = one.id in around(other.id) or other.id in around(one.id)
        if not nested and meet(rectangle(one.shape), rectangle(other.shape)):
            yield f"{one.id} meets {other.id}"
