"""Options: the parser, lists of ``name=value``, and what several commands share."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from framework.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from framework.api.model import Model

SIZE = re.compile(r"[0-9]{1,15}", re.ASCII)
COMMA = re.compile(r",(?![^(]*\))")  # not inside the parentheses of an expression


class Parser(argparse.ArgumentParser):
    """argparse without abbreviations, whose errors are errors of this package."""

    def __init__(self, **keywords: Any) -> None:
        plain = argparse.RawDescriptionHelpFormatter  # keeps the examples as they are written
        super().__init__(allow_abbrev=False, formatter_class=plain, **keywords)

    def error(self, message: str) -> NoReturn:
        """Raise InputError instead of printing the usage and leaving."""
        raise InputError(f"{self.prog}: {message}\n  hint: see {self.prog} --help")

    @property
    def options(self) -> list[str]:
        """All long options."""
        return [text for text in self._option_string_actions if text.startswith("--")]


def unknown_option(parser: Parser, word: str) -> InputError:
    """A word that the command does not take."""
    if not word.startswith("-"):
        return InputError(f"{parser.prog}: '{word}' is one word too many; see {parser.prog} --help")
    name = word.partition("=")[0]
    hint = did_you_mean(name, parser.options) or f"see {parser.prog} --help"
    return InputError(f"{parser.prog}: there is no option '{name}'\n  hint: {hint}")


def add_model(parser: Parser) -> None:
    """GRAPH and ``--set``."""
    parser.add_argument(
        "graph", metavar="GRAPH", help="a YAML file, or the name of a bundled model"
    )
    add_settings(parser)


def add_settings(parser: Parser) -> None:
    """``--set`` and ``--dims``."""
    parser.add_argument(
        "--set", action="append", default=[], metavar="ARG=VALUE",
        help="change arguments of the model, e.g. depth=6,width=384",
    )  # fmt: skip
    parser.add_argument(
        "--dims", action="append", default=[], metavar="NAME=SIZE",
        help="give sizes to symbols, e.g. B=8,H=320",
    )  # fmt: skip


def pairs(option: str, texts: Sequence[str], example: str) -> dict[str, str]:
    """``a=1,b=2`` and repeated options as one mapping.

    >>> pairs("--set", ["depth=6,width=384", "heads=6"], "depth=6")
    {'depth': '6', 'width': '384', 'heads': '6'}
    """
    found: dict[str, str] = {}
    for item in COMMA.split(",".join(texts)) if texts else ():
        name, value = pair(option, item, example)
        if found.get(name, value) != value:
            raise InputError(f"{option}: {name} is given twice, as {found[name]} and as {value}")
        found[name] = value
    return found


def pair(option: str, text: str, example: str) -> tuple[str, str]:
    """One ``name=value``."""
    name, _, value = (part.strip() for part in text.partition("="))
    if not name or not value:
        fact = f"{option}: expected NAME=VALUE, found '{text}'"
        raise InputError(f"{fact}\n  hint: for example {option} {example}")
    return name, value


def sizes_of(texts: Sequence[str]) -> dict[str, int]:
    """``--dims`` as sizes by name."""
    given = pairs("--dims", texts, "B=8,H=320")
    for name, value in given.items():
        if not SIZE.fullmatch(value):
            fact = f"--dims: expected a whole number for {name}, found '{value}'"
            raise InputError(f"{fact}\n  hint: for example --dims {name}=8")
    return {name: int(value) for name, value in given.items()}


def settings_of(texts: Sequence[str]) -> dict[str, Any]:
    """``--set`` as arguments by name."""
    given: dict[str, Any] = dict(pairs("--set", texts, "depth=6"))
    for name in ("path", "seed", "weights"):  # what `load` itself is called with
        if name in given:
            hint = "name the argument differently" if name == "path" else f"write --{name}"
            raise InputError(f"--set: cannot set an argument called '{name}'\n  hint: {hint}")
    return given


def natural(text: str) -> int:
    """A whole number, 0 or more, as the value of an option."""
    if not SIZE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"expected a whole number, found '{text}'")
    return int(text)


def checked_sizes(model: Model, texts: Sequence[str]) -> dict[str, int]:
    """``--dims`` as sizes that the model allows: declared, in bounds, as its conditions say."""
    sizes = sizes_of(texts)
    try:
        model.check_sizes(sizes)
    except InputError as error:
        raise InputError(f"--dims: {error}") from None
    broken = [condition.broken(sizes) for condition in model.ir.conditions]
    facts = [f"--dims: {fact}" for fact in broken if fact]
    if facts:
        raise InputError("\n".join(facts))
    return sizes
