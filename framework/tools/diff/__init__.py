"""`diff`: what changed between two models, in nodes, shapes, parameters and work."""

from framework.tools.diff.compare import compare
from framework.tools.diff.found import Change, Difference

__all__ = ["Change", "Difference", "compare"]
