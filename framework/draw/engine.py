"""The layout engine behind one small function: DOT text in, positions out.

Graphviz lays out, through the `graphviz` package with the program of `graphviz-pure`, which
pip installs beside the interpreter; a system `dot` is the fallback.
"""

from __future__ import annotations

import json
import shutil
import sys
import sysconfig
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from framework.errors import RunError

PROGRAM = "graphviz-pure"


@dataclass(frozen=True)
class Layout:
    """Positions in points, y down, from the top left corner.

    ``nodes`` are centres, ``edges`` cubic Bézier points from tail to head, ``clusters``
    (x, y, width, height).
    """

    width: float
    height: float
    nodes: Mapping[str, tuple[float, float]]
    edges: Mapping[tuple[str, str], tuple[tuple[float, float], ...]]
    clusters: Mapping[str, tuple[float, float, float, float]]


@cache
def program() -> str:
    """The program that lays out: beside this interpreter, on PATH, or the system's dot."""
    folders = [Path(sysconfig.get_path("scripts")), Path(sys.executable).parent]
    for folder in folders:
        for name in (PROGRAM, f"{PROGRAM}.exe"):
            if (folder / name).is_file():
                return str(folder / name)
    found = shutil.which(PROGRAM)
    if found is not None:
        return found
    system = shutil.which("dot")
    if system is None:
        raise RunError(
            f"no layout engine: {PROGRAM} is not installed\n  hint: python -m pip install {PROGRAM}"
        )
    warnings.warn(
        f"{PROGRAM} is not installed; the system's dot is used, positions may differ",
        stacklevel=2,
    )
    return system


@lru_cache(maxsize=64)
def lay_out(dot: str) -> Layout:
    """Run the engine on DOT text; candidates for a figure often agree in a panel."""
    import graphviz.backend

    path = program()
    engine = Path(path)
    text = graphviz.backend.execute.run_check(
        [str(engine), "-Tjson0"],
        input=dot,
        encoding="utf-8",
        capture_output=True,
        quiet=True,
    ).stdout
    return read_layout(json.loads(text))


def read_layout(data: Mapping[str, Any]) -> Layout:
    """Positions from the engine's JSON, turned so that y points down."""
    left, bottom, right, top = map(float, data["bb"].split(","))
    names: dict[int, str] = {}
    nodes: dict[str, tuple[float, float]] = {}
    clusters: dict[str, tuple[float, float, float, float]] = {}
    for item in data.get("objects", ()):
        names[item["_gvid"]] = item["name"]
        if item["name"].startswith("cluster_"):
            x1, y1, x2, y2 = map(float, item["bb"].split(","))
            box = (x1 - left, top - y2, x2 - x1, y2 - y1)
            clusters[item["name"].removeprefix("cluster_")] = box
        elif "pos" in item:
            x, y = map(float, item["pos"].split(","))
            nodes[item["name"]] = (x - left, top - y)
    edges = {
        (names[item["tail"]], names[item["head"]]): curve_of(item, left, top)
        for item in data.get("edges", ())
    }
    return Layout(right - left, top - bottom, nodes, edges, clusters)


def curve_of(edge: Mapping[str, Any], left: float, top: float) -> tuple[tuple[float, float], ...]:
    """The points of an edge, without the tips of its arrow."""
    points = [p.split(",") for p in edge.get("pos", "").split() if p[:2] not in ("e,", "s,")]
    return tuple((float(x) - left, top - float(y)) for x, y in points)
