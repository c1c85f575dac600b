"""The passes in their order; each is a pure function from a typed graph to a typed graph.

A pass states the same function of the inputs.  Applied again it changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from framework.errors import InputError, did_you_mean
from framework.ir.graph import Graph
from framework.ir.prune import prune
from framework.passes.affines import absorb_affines
from framework.passes.early import select_early
from framework.passes.fold import fold
from framework.passes.fuse import fuse
from framework.passes.merge import merge
from framework.passes.norms import fold_norms
from framework.passes.open import open_composites
from framework.passes.pads import absorb_pads
from framework.passes.scales import absorb_scales
from framework.passes.separable import join_separable
from framework.passes.share import share

Pass = Callable[[Graph], Graph]

PIPELINE: tuple[Pass, ...] = (
    fold,
    share,
    prune,
    open_composites,
    select_early,
    fold_norms,
    absorb_pads,
    absorb_scales,
    merge,
    absorb_affines,
    fuse,
    join_separable,
    prune,
)
"""Constants first, so that what they make equal is shared; pads before scales, which stand before
them where an image is made ready; affines when one product reads a norm; fusing last, when
nothing moves, and of what is fused blocks."""


@dataclass(frozen=True)
class Step:
    """What one pass made of the graph."""

    name: str
    doc: str
    graph: Graph
    before: int

    @property
    def after(self) -> int:
        """Number of nodes that are left."""
        return len(self.graph)


def optimize(graph: Graph) -> Graph:
    """The graph after all passes."""
    for apply in PIPELINE:
        graph = apply(graph)
    return graph


def steps(graph: Graph) -> Iterator[Step]:
    """The graph after each pass in turn."""
    for apply in PIPELINE:
        before, graph = len(graph), apply(graph)
        doc = (apply.__doc__ or "").partition("\n")[0]
        yield Step(apply.__name__, doc, graph, before)


def after(graph: Graph, name: str, passes: Sequence[Pass] = PIPELINE) -> Graph:
    """The graph after the pass called ``name`` (its last use), all earlier ones included."""
    names = [apply.__name__ for apply in passes]
    if name not in names:
        hint = did_you_mean(name, names) or f"passes: {', '.join(dict.fromkeys(names))}"
        raise InputError(f"there is no pass '{name}'\n  hint: {hint}")
    for apply in passes[: len(names) - names[::-1].index(name)]:
        graph = apply(graph)
    return graph
