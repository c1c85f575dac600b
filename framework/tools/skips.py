"""Cases of ONNX that are not for us, each with its reason.

A test runs them all the same and fails when one of them passes.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from framework.tools.cases import Case

SKIPS: tuple[tuple[str, str], ...] = ()
"""Pattern of names, and why; the first that fits counts."""


def reason(case: Case) -> str | None:
    """Why a case is skipped; None if it is not."""
    for pattern, why in SKIPS:
        if fnmatchcase(case.name, pattern):
            return why
    return None
