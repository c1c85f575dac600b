"""Runs ONNX's own test cases over our operators: values, and again shapes with symbols.

A case is imported like any model.  Inputs that an attribute of ours must come from (the shape
of a reshape) are constants then.  For the second check every size of every other input is a
fresh symbol; the inferred shapes, with the sizes put back, must be those of the case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from framework.errors import FrameworkError
from framework.exchange.onnx_file import OnnxFile
from framework.exchange.onnx_reader import Imported, ImportFailure, Shapes, read_onnx
from framework.ir.dims import Dim, Size, substitute
from framework.ir.types import DTYPES
from framework.runtime.session import Session
from framework.tools.cases import Case, collect
from framework.tools.skips import BY_DEFINITION, reason

Array = np.ndarray[Any, np.dtype[Any]]

BFLOAT16 = 2.0**-7
"""Relative distance of neighbours in bfloat16: some cases were computed in it; we use float32."""

CONVERSIONS = ("Cast", "CastLike")
"""Operators whose results are exactly as narrow as they should be."""

CRASHES = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


class Mismatch(Exception):
    """The result is not that of the case."""


@dataclass
class Verdict:
    """What became of one case: the faults in values and in shapes, empty where there is none."""

    case: Case
    skipped: str | None = None
    values: str = ""
    shapes: str = ""
    symbolic: int = 0
    fixed: int = 0
    known: tuple[str, ...] = field(default=())

    @property
    def passed(self) -> bool:
        """Values and shapes are right."""
        return not (self.skipped or self.values or self.shapes)


def conformance(
    operators: Sequence[str] = (), progress: Callable[[int, int, str], None] | None = None
) -> list[Verdict]:
    """All cases, or those about some operators."""
    wanted = {name.lower() for name in operators}
    cases = [c for c in collect() if not wanted or c.operator.lower() in wanted]
    found: list[Verdict] = []
    for case in cases:
        found.append(judge(case))
        if progress is not None:
            progress(len(found), len(cases), case.name)
    return found


def judge(case: Case, skipping: bool = True) -> Verdict:
    """Run one case; with ``skipping``, those with a reason not to are left out."""
    why = reason(case)
    if skipping and why is not None:
        return Verdict(case, skipped=why)
    verdict = Verdict(case)
    try:
        model, data = case.open()
        known = check_values(case, model, data)
    except Mismatch as fault:
        verdict.values = str(fault)
    except (FrameworkError, *CRASHES) as error:
        verdict.values = f"{type(error).__name__}: {error}"
    else:
        verdict.known = tuple(known)
        verdict.shapes = attempt(check_shapes, model, data, known, verdict)
    return verdict


def attempt(function: Callable[..., None], *values: Any) -> str:
    """The fault of a check; empty if there is none."""
    try:
        function(*values)
    except Mismatch as fault:
        return str(fault)
    except (FrameworkError, *CRASHES) as error:
        return f"{type(error).__name__}: {error}"
    return ""


# ------------------------------------------------------------------------------- values


def check_values(case: Case, model: Any, data: Sequence[Any]) -> dict[str, Array]:
    """Raise `Mismatch` where a result differs; returns the inputs that had to be known.

    The definitions of the operators are judged, and the prepared kernels as well.
    """
    known: dict[str, Array] = {}
    for inputs, outputs in data:
        given = dict(zip(input_names(model), map(wide, inputs), strict=False))
        if any(not isinstance(item, np.ndarray | np.generic) for item in (*inputs, *outputs)):
            raise Mismatch("an input or output is no tensor")
        imported, known = imported_with(model, given)
        free = {
            imported.inputs[name]: array for name, array in given.items() if name in imported.inputs
        }
        names = [item.name for item in model.graph.output]
        for fast in (False,) if case.name in BY_DEFINITION else (False, True):
            result = Session(imported.graph, imported.weights, fast=fast).run(free)
            for name, expected in zip(names, outputs, strict=False):
                compare(name, result.outputs[imported.outputs[name]], expected, case)
    return known


def input_names(model: Any) -> list[str]:
    """Names of the inputs that are not stored."""
    stored = {tensor.name for tensor in model.graph.initializer}
    return [item.name for item in model.graph.input if item.name not in stored]


def imported_with(
    model: Any, given: Mapping[str, Any], shapes: Shapes | None = None
) -> tuple[Imported, dict[str, Array]]:
    """The imported model; inputs whose contents it needs become known one after another."""
    known: dict[str, Array] = {}
    concrete = {name: array.shape for name, array in given.items() if array is not None}
    while True:
        try:
            return read_onnx(
                OnnxFile(model), known=known, shapes=concrete if shapes is None else shapes
            ), known
        except ImportFailure as failure:
            further = needed(failure, given) - known.keys()
            if not further:
                raise
            known |= {name: np.asarray(given[name]) for name in sorted(further)}


def needed(failure: ImportFailure, given: Mapping[str, Any]) -> set[str]:
    """Inputs of the model that the unknown values depend on."""
    return {name for name in failure.sources if name in given}


def wide(array: Any) -> Any:
    """An array of a kind that NumPy does not have, in the dtype that we read it in."""
    if not isinstance(array, np.ndarray | np.generic) or array.dtype.name in DTYPES:
        return array
    for word, dtype in (("uint", "uint8"), ("int", "int8"), ("float", "float32")):
        if word in array.dtype.name:
            return array.astype(dtype)
    return array


def compare(name: str, found: Array, expected: Array, case: Case) -> None:
    """Raise `Mismatch` unless both are the same up to the case's tolerance."""
    coarse = expected.dtype.name == "bfloat16" and case.operator not in CONVERSIONS
    expected, rtol, atol = wide(expected), case.rtol, max(case.atol, 1e-6)
    if coarse:  # sums are as inexact as their largest terms
        rtol, atol = BFLOAT16, BFLOAT16 / 2 * float(np.abs(expected).max(initial=0))
    if found.shape != expected.shape:
        raise Mismatch(f"{name} has the shape {list(found.shape)}, not {list(expected.shape)}")
    if found.dtype != expected.dtype:
        raise Mismatch(f"{name} is {found.dtype}, not {expected.dtype}")
    if found.dtype.kind in "biu":
        wrong = int((found != expected).sum())
    else:
        near = np.isclose(found, expected, rtol, atol, equal_nan=True)
        wrong = int((~near).sum())
    if wrong:
        raise Mismatch(f"{name}: {wrong} of {found.size} elements differ")


# ------------------------------------------------------------------------------- shapes


def check_shapes(
    model: Any, data: Sequence[Any], known: Mapping[str, Array], verdict: Verdict
) -> None:
    """Raise `Mismatch` where symbolic inference differs from the shapes of the case."""
    inputs, outputs = (tuple(map(wide, arrays)) for arrays in data[0])
    given = dict(zip(input_names(model), inputs, strict=False))
    twin = Twin(model, given, known)
    free = twin.free()
    verdict.symbolic, verdict.fixed = len(free), len(twin.sizes) - len(free)
    imported = twin.imported(free)
    for item, expected in zip(model.graph.output, outputs, strict=False):
        value = imported.graph.outputs[imported.outputs[item.name]]
        type_ = imported.graph.type_of(value)
        found = tuple(substitute(size, twin.sizes) for size in type_.shape)
        hidden = imported.graph.symbols.found
        if not fits(found, expected.shape, hidden) or type_.dtype != str(expected.dtype):
            raise Mismatch(f"{item.name}: inferred {type_}, which is {list(found)}; "
                           f"the case has {expected.dtype}{list(expected.shape)}")  # fmt: skip
    for condition in imported.graph.conditions:
        if (fact := condition.broken(twin.sizes)) is not None:
            raise Mismatch(f"a condition does not hold: {fact}")


def fits(found: Sequence[Size], expected: Sequence[int], hidden: set[str]) -> bool:
    """Equal, where sizes that only the data decide stand for any number."""
    return len(found) == len(expected) and all(
        size == number or (isinstance(size, Dim) and not hidden.isdisjoint(size.symbols))
        for size, number in zip(found, expected, strict=True)
    )


class Twin:
    """A case with symbols for the sizes of its inputs."""

    def __init__(self, model: Any, given: Mapping[str, Any], known: Mapping[str, Array]) -> None:
        self.model, self.given, self.known = model, given, known
        self.sizes = {
            f"s{index}_{axis}": size
            for index, (name, array) in enumerate(given.items())
            if name not in known
            for axis, size in enumerate(array.shape)
        }

    def imported(self, free: Iterable[str]) -> Imported:
        """The import with these sizes as symbols, all others as numbers."""
        symbols = set(free)
        shapes = {
            name: tuple(
                f"s{index}_{axis}" if f"s{index}_{axis}" in symbols else size
                for axis, size in enumerate(array.shape)
            )
            for index, (name, array) in enumerate(self.given.items())
            if array is not None
        }
        return read_onnx(OnnxFile(self.model), known=self.known, shapes=shapes)

    def free(self) -> list[str]:
        """The sizes that may be symbolic: all, or those that can be one by one.

        The sizes of a weight are attributes of ours, and a 1 that repeats in broadcasting is
        a number by the rules of the language; so is a 0, for symbols are at least 1.
        """
        everything = [name for name, size in self.sizes.items() if size > 0]
        if self.works(everything):
            return everything
        found: list[str] = []
        for name in everything:
            if self.works([*found, name]):
                found.append(name)
        return found

    def works(self, free: Sequence[str]) -> bool:
        """Can the model be imported so, and do its conditions hold for the case?"""
        try:
            conditions = self.imported(free).graph.conditions
        except (FrameworkError, *CRASHES):
            return False
        return not any(condition.broken(self.sizes) for condition in conditions)


__all__ = ["Verdict", "conformance", "judge"]
