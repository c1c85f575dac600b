"""Patterns written out in primitives become the operators that they are.

    recognised(graph, weights) -> (graph, weights, [Recognised(name, count, where)])

Exporters write a layer norm as nine nodes and attention as twenty.  Each pattern is replaced by
an operator that computes the same function; weights are transposed or joined where the operator
stores them otherwise.  What is not certain for every size is left as it is.
"""

from __future__ import annotations

from framework.passes.recognise.run import Recognised, recognised

__all__ = ["Recognised", "recognised"]
