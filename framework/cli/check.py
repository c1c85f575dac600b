"""``check``: all mistakes of model files, or one line that says what a model is."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from framework.api.inputs import types_text
from framework.api.load import load
from framework.api.model import Model
from framework.cli.output import say, say_json, show_problem
from framework.cli.parsing import Parser, add_settings, checked_sizes, settings_of, sizes_of
from framework.errors import (
    FrameworkError,
    InputError,
    Place,
    Problem,
    Source,
    SpecError,
    did_you_mean,
)
from framework.ir.types import TensorType
from framework.passes.suspicious import CODES

EXAMPLES = """\
examples:
  framework check graphs/vit.yaml
  framework check *.yaml --json            as data, for editors and scripts
  framework check vit --set depth=6,patch=32
  framework check resnet18 --dims B=4,H=320,W=320
  framework check my.yaml --watch          again at every save, until Ctrl-C
  framework check my.yaml --strict         warnings are errors, too

A comment on a node's line, or on the line above, allows a warning at its place:
  - softmax: 0    # framework: allow softmax-over-batch
framework explain CODE says what a code means.

exit code: 0 if no file has an error, 2 otherwise
"""


@dataclass(frozen=True)
class Checked:
    """One file: its model, if it has no errors, and what is wrong or suspicious."""

    file: str
    model: Model | None
    sizes: dict[str, int]
    problems: tuple[Problem, ...] = ()

    @property
    def inputs(self) -> dict[str, TensorType]:
        """Types of the inputs at the sizes given."""
        found = self.model.inputs if self.model is not None else {}
        return {name: type_.at(self.sizes) for name, type_ in found.items()}

    @property
    def outputs(self) -> dict[str, TensorType]:
        """Types of the outputs at the sizes given."""
        found = self.model.outputs if self.model is not None else {}
        return {name: type_.at(self.sizes) for name, type_ in found.items()}

    @property
    def good(self) -> bool:
        """Is there a model, and nothing but warnings?"""
        errors = (problem.severity == "error" for problem in self.problems)
        return self.model is not None and not any(errors)

    @property
    def text(self) -> str:
        """The problems with their number, or what the model is."""
        return "\n".join([*map(str, self.problems), self.last])

    @property
    def last(self) -> str:
        """The line below the problems."""
        count = len(self.problems)
        plural = "s" if count != 1 else ""
        if self.model is None or not self.good:
            return f"{self.file}: {count} problem{plural}"
        counts = f"{len(self.model.ir):,} nodes, {self.model.parameters:,} parameters"
        types = f"{types_text(self.inputs)} -> {types_text(self.outputs)}"
        warned = f", {count} warning{plural}" if count else ""
        return f"{self.file}: ok{warned} – {counts}, {types}"

    def as_dict(self) -> dict[str, object]:
        """The same for editors and scripts."""
        out: dict[str, object] = {"file": self.file, "ok": self.good}
        if self.model is not None:
            out |= {
                "name": self.model.name,
                "nodes": len(self.model.ir),
                "parameters": self.model.parameters,
                "inputs": {name: str(type_) for name, type_ in self.inputs.items()},
                "outputs": {name: str(type_) for name, type_ in self.outputs.items()},
            }
        return out | {"problems": [ranged(problem, self.file) for problem in self.problems]}


def ranged(problem: Problem, file: str) -> dict[str, object]:
    """A problem as data; one that has no place of its own stands at the start of the file."""
    place = problem.place or Place(Source(file, ""), 1, 1)
    return replace(problem, place=place).as_dict()


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("graphs", metavar="GRAPH", nargs="+", help="YAML files or bundled models")
    add_settings(parser)
    parser.add_argument(
        "--allow", action="append", default=[], metavar="CODE", help="leave out these warnings"
    )
    parser.add_argument("--strict", action="store_true", help="warnings are errors")
    parser.add_argument("--json", action="store_true", help="print JSON: a list of files")
    parser.add_argument("--watch", action="store_true", help="check again at every save")


def execute(options: Namespace) -> int:
    """Check each file; the problems are the result, so they go to stdout."""
    check_codes(options.allow)
    sizes_of(options.dims)  # a mistake in the option is not one of the files
    if options.watch:
        from framework.cli.watching import watch

        watch(options.graphs, lambda: show_all(options))
    return show_all(options)


def check_codes(codes: Iterable[str]) -> None:
    """Refuse to allow what is no warning."""
    for code in codes:
        if code not in CODES:
            hint = did_you_mean(code, CODES) or f"warnings: {', '.join(CODES)}"
            raise InputError(f"--allow: there is no warning '{code}'\n  hint: {hint}")


def show_all(options: Namespace) -> int:
    """Check and print every file once; the exit code."""
    settings = settings_of(options.set)
    found = [examine(file, settings, options.dims) for file in options.graphs]
    found = [judged(checked, options.allow, options.strict) for checked in found]
    if options.json:
        say_json([checked.as_dict() for checked in found])
    else:
        show(found)
    return 0 if all(checked.good for checked in found) else 2


def judged(checked: Checked, allow: Iterable[str], strict: bool) -> Checked:
    """The same with the warnings that are not allowed; as errors where that is wanted."""
    if checked.model is None:
        return checked
    warnings = checked.model.warnings(allow)
    severity = "error" if strict else "warning"
    return replace(checked, problems=tuple(replace(w, severity=severity) for w in warnings))


def show(found: Iterable[Checked]) -> None:
    """One line for a good file, the problems of a bad one."""
    for checked in found:
        if checked.problems:
            show_problem(checked.text)
        else:
            say(checked.text)


def examine(file: str, settings: dict[str, Any], dims: list[str]) -> Checked:
    """Load one model; mistakes of any kind become its problems."""
    try:
        model = load(file, **settings)
    except SpecError as error:
        return Checked(file, None, {}, error.problems)
    except FrameworkError as error:
        return Checked(file, None, {}, (bare_problem("file", error),))
    try:
        return Checked(file, model, checked_sizes(model, dims))
    except FrameworkError as error:
        return Checked(file, None, {}, (bare_problem("input", error),))


def bare_problem(code: str, error: FrameworkError) -> Problem:
    """A problem without a place in the file."""
    fact, _, hint = str(error).partition("\n  hint: ")
    return Problem(code, fact, None, hint if hint else None)
