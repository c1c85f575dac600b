"""``check``: all mistakes of model files, or one line that says what a model is."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from framework.api.inputs import types_text
from framework.api.load import load
from framework.api.model import Model
from framework.cli.output import say, say_json, show_problem
from framework.cli.parsing import Parser, add_settings, checked_sizes, settings_of, sizes_of
from framework.errors import FrameworkError, Problem, SpecError
from framework.ir.types import TensorType

EXAMPLES = """\
examples:
  framework check graphs/vit.yaml
  framework check *.yaml --json            as data, for editors and scripts
  framework check vit --set depth=6,patch=32
  framework check resnet18 --dims B=4,H=320,W=320

exit code: 0 if all files are fine, 2 otherwise
"""


@dataclass(frozen=True)
class Checked:
    """One file: its model, or what is wrong with it."""

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
    def text(self) -> str:
        """The problems with their number, or what the model is."""
        if self.model is not None:
            counts = f"{len(self.model.ir):,} nodes, {self.model.parameters:,} parameters"
            types = f"{types_text(self.inputs)} -> {types_text(self.outputs)}"
            return f"{self.file}: ok – {counts}, {types}"
        count = len(self.problems)
        last = f"{self.file}: {count} problem{'s' if count != 1 else ''}"
        return "\n".join([*map(str, self.problems), last])

    def as_dict(self) -> dict[str, object]:
        """The same for editors and scripts."""
        out: dict[str, object] = {"file": self.file, "ok": self.model is not None}
        if self.model is not None:
            out |= {
                "name": self.model.name,
                "nodes": len(self.model.ir),
                "parameters": self.model.parameters,
                "inputs": {name: str(type_) for name, type_ in self.inputs.items()},
                "outputs": {name: str(type_) for name, type_ in self.outputs.items()},
            }
        return out | {"problems": [problem.as_dict() for problem in self.problems]}


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("graphs", metavar="GRAPH", nargs="+", help="YAML files or bundled models")
    add_settings(parser)
    parser.add_argument("--json", action="store_true", help="print JSON: a list of files")


def execute(options: Namespace) -> int:
    """Check each file; the problems are the result, so they go to stdout."""
    settings = settings_of(options.set)
    sizes_of(options.dims)  # a mistake in the option is not one of the files
    found = [examine(file, settings, options.dims) for file in options.graphs]
    if options.json:
        say_json([checked.as_dict() for checked in found])
    else:
        show(found)
    return 0 if all(checked.model is not None for checked in found) else 2


def show(found: Iterable[Checked]) -> None:
    """One line for a good file, the problems of a bad one."""
    for checked in found:
        if checked.model is not None:
            say(checked.text)
        else:
            show_problem(checked.text)


def examine(file: str, settings: dict[str, Any], dims: list[str]) -> Checked:
    """Load one model; mistakes of any kind become its problems."""
    try:
        model = load(file, **settings)
        return Checked(file, model, checked_sizes(model, dims))
    except SpecError as error:
        return Checked(file, None, {}, error.problems)
    except FrameworkError as error:
        fact, _, hint = str(error).partition("\n  hint: ")
        return Checked(file, None, {}, (Problem("input", fact, None, hint if hint else None),))
