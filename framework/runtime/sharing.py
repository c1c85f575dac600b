"""Whose threads share the work of a run: those of BLAS, or ours.

BLAS's threads wait awake for the next product, so that sharing one takes a few microseconds;
waking one of ours takes fifty, but then it shares everything that follows the product, too.
Both at once take the cores from each other.  So one kind is chosen for a whole run, by how much
there is to do in a product of the model, or in the blocks that passes made of products.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from framework.ir.graph import Graph
from framework.ir.kernel import How
from framework.ir.types import fixed_size
from framework.numerics.panels import available
from framework.numerics.team import SOLO

PRODUCTS = ("attention", "convolution", "linear")
"""Categories of operators that multiply with their weights."""

BLOCKS = ("fused_separable",)
"""Operators that hold several products: threads meet once for all of them."""

LARGE_PRODUCT = 150_000_000
"""Multiply-accumulates of a mean product from which our threads are faster: measured on models
of 8 and 86 million a product, where BLAS's are, and of 440 and 2,200 million."""

LARGE_IN_PANELS = 5_000_000
"""The same where BLAS multiplies `panels`, which its own threads cannot share: transformers of
11 to 110 million a product take 20 to 40 % less time by ours then, convolutional models of 20 to
86 million up to 12 %; a small one takes 13 % more with 3 million, and 7 % with 25."""


@dataclass(frozen=True)
class Sharing:
    """How kernels are prepared, and how many threads BLAS has meanwhile."""

    how: How
    blas: int


def sharing(graph: Graph, lean: Graph, sizes: Mapping[str, int], how: How) -> Sharing:
    """The choice for a typed graph at these sizes; ``lean`` is what passes made of it."""
    threads = how.team.threads
    works = list(products(graph, sizes))
    blocks = any(node.op.name in BLOCKS for node in lean)
    large = LARGE_IN_PANELS if available() else LARGE_PRODUCT
    if threads > 1 and not blocks and works and sum(works) < large * len(works):
        return Sharing(replace(how, team=SOLO, blas=threads), threads)
    return Sharing(how, 1)


def products(graph: Graph, sizes: Mapping[str, int]) -> Iterator[int]:
    """About the multiply-accumulates of each node that multiplies with weights."""
    for node in graph:
        if node.op.category not in PRODUCTS:
            continue
        shapes = [graph.parameters[name].shape for name in node.parameters.values()]
        weights = sum(math.prod(shape) // max(1, shape[0]) for shape in shapes if len(shape) > 1)
        shape = node.type.at(sizes).shape
        if weights and all(isinstance(size, int) for size in shape):
            yield weights * math.prod(fixed_size(size, node.name) for size in shape)
