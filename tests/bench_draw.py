"""How long figures take: ``python tests/bench_draw.py``; not a test.

Times are those of one process after its imports.
"""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import framework as fw
from framework.errors import InputError

BLOCK = """\
format: 1
args: {groups: %d, layers: %d}
inputs: {x: [B, 64]}
blocks:
  pair:
    args: {width: int}
    inputs: {x: [N, C]}
    nodes: [{linear: width}, relu]
  group:
    args: {layers: int, width: int}
    inputs: {x: [N, C]}
    nodes:
      - residual:
          - {use: pair, id: inner, repeat: layers, with: {width: 64 + i}}
          - {linear: C}
      - linear: width
dims: {B: {example: 2}}
nodes:
  - {use: group, id: all, repeat: groups, with: {layers: layers, width: 64 + i}}
outputs: {y: all}
"""


def model(groups: int, layers: int, folder: Path) -> fw.Model:
    """A chain of groups that differ in width, so that nothing folds."""
    file = folder / "chain.yaml"
    file.write_text(BLOCK % (groups, layers))
    return fw.load(file)


def chain(count: int) -> fw.Model:
    """A chain of operators without blocks."""
    build = fw.Builder("chain")
    value = build.input("x", [4, 8])
    for _ in range(count):
        value = build.add("relu", value)
    build.output("y", value)
    return build.model()


def timed(what: str, model: fw.Model, target: str, **options: object) -> None:
    """Draw once, say how long it took."""
    start = time.perf_counter()
    try:
        figure = model.draw(target, force=True, **options)
        found = f"{len(figure.found.scene.boxes)} boxes"
    except InputError as error:
        found = str(error).splitlines()[0]
    print(f"{what:42} {time.perf_counter() - start:6.2f} s  {found}")


def main() -> None:
    """All measurements."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        fw.load("vit").draw(folder / "warm.svg")
        nested = model(20, 3, folder)
        timed("200 nodes in nested groups, level 2", nested, f"{name}/a.svg", level=2)
        timed("the same, nothing asked for", nested, f"{name}/a.svg")
        large = model(200, 3, folder)
        timed("2,000 nodes in nested groups, level 2", large, f"{name}/b.svg", level=2)
        timed("the same, nothing asked for", large, f"{name}/b.svg")
        timed("2,000 nodes in one chain, level 2", chain(2000), f"{name}/c.svg", level=2)
        timed("20,000 nodes", chain(20_000), f"{name}/d.svg")


if __name__ == "__main__":
    main()
