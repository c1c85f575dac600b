"""What is only given to one unit, such as a mask, stands level beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from framework.draw.diagram import Panel, Unit
from framework.draw.dotlayout import spine
from framework.draw.measure import Measured
from framework.draw.placed import PanelLayout, Placed, grown_by, overlap
from framework.draw.route import Rectangle, crosses

MOST = 2
"""Units that may stand beside one other."""

ACROSS = 28.0
BETWEEN = 8.0
STILL = ("constant", "position")


def find_asides(panel: Panel) -> dict[str, str]:
    """Units without arrows into them and with one arrow out, by the unit that they stand beside.

    Only outside frames: a frame is drawn around what the engine places.
    """
    users: dict[str, list[str]] = {}
    for link in panel.links:
        users.setdefault(link.source, []).append(link.target)
    main = spine(panel)
    found: dict[str, str] = {}
    first = next(iter(panel.units), None)
    for name, unit in panel.units.items():
        given = not panel.into(name) and (unit.kind == "input" or unit.category in STILL)
        targets = users.get(name, [])
        if given and name not in main and name != first and len(targets) == 1:
            target = panel.units[targets[0]]
            if unit.group is None and target.group is None and len(panel.into(target.id)) > 1:
                found[name] = target.id
    return {name: user for name, user in found.items() if fits(user, found, panel.units)}


def fits(user: str, found: Mapping[str, str], units: Mapping[str, Unit]) -> bool:
    """Is there room for all that stand beside a unit?"""
    count = sum(other == user for other in found.values())
    return count <= (1 if units[user].kind == "add" else MOST)


def stand_aside(out: PanelLayout, aside: Mapping[str, str], sizes: Mapping[str, Measured]) -> None:
    """Place the units on the left of their users, one below the other."""
    for user in dict.fromkeys(aside.values()):
        names = [name for name, other in aside.items() if other == user]
        box = out.boxes[user]
        whole = sum(sizes[name].height for name in names) + BETWEEN * (len(names) - 1)
        y = box.y - whole / 2
        right = box.rectangle[0] - ACROSS
        for name in names:
            size = sizes[name]
            out.boxes[name] = Placed(size, right - size.width / 2, y + size.height / 2)
            y += size.height + BETWEEN


def clashing(out: PanelLayout, aside: Mapping[str, str]) -> set[str]:
    """Units beside others that meet something there."""
    return {name for name, user in aside.items() if is_clash(out, name, user)}


def is_clash(out: PanelLayout, name: str, user: str) -> bool:
    """Does a unit, or the way to its user, meet another box or a frame?"""
    box, target = out.boxes[name], out.boxes[user]
    room = grown_by(box.rectangle, 6.0)
    start, end = (box.right, box.y), (target.left, target.y)
    for other in obstacles(out, name, user):
        if overlap(room, other) or crosses(start, end, grown_by(other, 4.0)):
            return True
    return False


def obstacles(out: PanelLayout, name: str, user: str) -> Iterator[Rectangle]:
    """All other boxes, and frames."""
    for other, box in out.boxes.items():
        if other not in (name, user):
            yield box.rectangle
    for x, y, width, height in out.frames.values():
        yield (x, y, x + width, y + height)
