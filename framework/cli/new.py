"""``new``: start a model file from a bundled one."""

from __future__ import annotations

import os
import shlex
from argparse import Namespace
from pathlib import Path
from typing import BinaryIO

from framework.api.bundled import bundled
from framework.api.load import load
from framework.cli.output import say, show_table
from framework.cli.parsing import Parser
from framework.errors import InputError, did_you_mean
from framework.report.tables import Column, Table
from framework.runtime.files import placing, write_atomically

STARTER = "lenet_vgg"

EXAMPLES = f"""\
examples:
  framework new my_model.yaml              a small commented starter ({STARTER})
  framework new my_vit.yaml --from vit     a copy of another bundled model
  framework new --list                     the bundled models
"""


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("file", metavar="FILE", nargs="?", help="the file to write")
    parser.add_argument(
        "--from", dest="origin", default=STARTER, metavar="NAME",
        help=f"the bundled model to start from (default: {STARTER})",
    )  # fmt: skip
    parser.add_argument("--force", action="store_true", help="replace a file that is there")
    parser.add_argument("--list", action="store_true", help="list the bundled models")


def execute(options: Namespace) -> int:
    """Write the file and say what to do next."""
    if options.list:
        show_table(catalogue())
        return 0
    if options.file is None:
        fact = f"framework new: name the file for the copy of {options.origin}"
        raise InputError(f"{fact}\n  hint: framework new my.yaml")
    target, origin = Path(options.file), model_file(options.origin)
    check_target(target, options.force)
    for name in companions(origin):
        copy(origin.parent / name, target.parent / name)
    command = shlex.quote(options.file)
    text = origin.read_text(encoding="utf-8")
    write(target, f"{header(options.origin, command)}{without_schema(text)}")
    say(f"{options.file}: a copy of {options.origin}\n\nnext:")
    for line in steps(command):
        say(f"  {line}")
    return 0


def catalogue() -> Table:
    """The bundled models."""
    models = ((name, load(path)) for name, path in bundled().items())
    rows = tuple((name, model.parameters, model.doc) for name, model in models)
    columns = Column("Model", "name"), Column("Parameters", "parameters", True), Column("", "doc")
    return Table("bundled models", columns, rows)


def model_file(name: str) -> Path:
    """The file of a bundled model."""
    models = bundled()
    if name not in models:
        hint = did_you_mean(name, models) or f"bundled models: {', '.join(models)}"
        raise InputError(f"--from: there is no bundled model '{name}'\n  hint: {hint}")
    return models[name]


def check_target(target: Path, force: bool) -> None:
    """Refuse a file that is there, and a folder that is not."""
    if target.is_dir():
        raise InputError(f"{target}: is a folder\n  hint: name a file in it")
    if os.path.lexists(target) and not force:
        raise InputError(f"{target}: is there already\n  hint: --force replaces it")
    if not target.parent.is_dir():
        raise InputError(f"{target}: there is no folder {target.parent}")


def companions(origin: Path) -> list[Path]:
    """Files that a model needs beside it: imported blocks and labels, relative to its folder."""
    document = load(origin).document
    if document is None:
        return []
    homes = {home.path for home in document.homes.values() if home.path is not None}
    found = {path.resolve() for path in homes} - {origin.resolve()}
    names = sorted(path.relative_to(origin.parent.resolve()) for path in found)
    labels = (output.labels for output in document.main.outputs)
    return [*names, *(Path(label.raw) for label in labels if label is not None)]


def copy(origin: Path, target: Path) -> None:
    """Copy a file that is not there yet; the user's own is never touched."""
    if not os.path.lexists(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        write(target, origin.read_text(encoding="utf-8"))


def write(target: Path, text: str) -> None:
    """The whole text or nothing."""

    def fill(file: BinaryIO) -> None:
        file.write(text.encode())

    with placing(target, InputError):
        write_atomically(target, fill)


def header(origin: str, command: str) -> str:
    """What to do with the file, as its first lines."""
    lines = [f"A copy of {origin}.  What next:", *(f"  {line}" for line in steps(command))]
    printable = (line if line.isprintable() else "  (an unusual file name)" for line in lines)
    return "".join(f"# {line}\n" for line in printable)


def steps(command: str) -> list[str]:
    """The commands that come next."""
    return [
        f"framework check {command}      all mistakes at once",
        f"framework shapes {command}     sizes, parameters, multiply-accumulates",
        f"framework run {command}        on random input",
    ]


def without_schema(text: str) -> str:
    """The text without the line for editors, whose schema lies beside the original only."""
    first, _, rest = text.partition("\n")
    return rest if first.startswith("# yaml-language-server:") else text
