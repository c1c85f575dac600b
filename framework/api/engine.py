"""How models are run: threads, precision, passes, and the memory that a run may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from framework.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from framework.ir.graph import Graph
    from framework.ir.op import Array
    from framework.runtime.session import Session


@dataclass(frozen=True)
class Engine:
    """Options of a run.

    ``threads``: None for all cores.  ``precision``: strict never loses digits against the plain
    definition; fast may use Winograd's F(4×4).  ``optimize=False`` runs every node by its plain
    definition.  ``memory_limit``: bytes of arrays besides weights; None for what is free.
    """

    threads: int | None = None
    precision: Literal["strict", "fast"] = "strict"
    optimize: bool = True
    memory_limit: int | None = None

    def session(self, graph: Graph, weights: Mapping[str, Array]) -> Session:
        """A session of a graph under these options."""
        from framework.ir.kernel import How
        from framework.numerics.team import Team
        from framework.passes.pipeline import optimize
        from framework.runtime.session import Session, default_threads

        if self.threads is not None and self.threads < 1:
            raise InputError(f"threads is {self.threads}; at least 1 is needed")
        team = Team(default_threads() if self.threads is None else self.threads)
        return Session(
            graph,
            weights,
            fast=self.optimize,
            rewrite=optimize if self.optimize else None,
            how=How(self.precision, team),
            memory_limit=self.memory_limit,
        )
