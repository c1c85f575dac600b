"""Printing: plain text into pipes and files, colours and fitted tables on a terminal."""

from __future__ import annotations

import codecs
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from framework.errors import FrameworkError, Mistake, Problem, SpecError, visible

if TYPE_CHECKING:
    from rich.console import Console

    from framework.report.tables import Table

Advance = Callable[[int, int, str], None]
"""Called with what is done, the whole, and what is being done."""

SUBSTITUTES = {"─": "-", "–": "-", "×": "x", "…": "...", "→": "->", "·": "*"}
HEAD = re.compile(r"(?P<place>.*?: )?(?P<kind>error|warning)(?P<code>\[[\w-]+\])?: ")
CARETS = re.compile(r" {5} \| \s*\^+")


def substitute(error: UnicodeError) -> tuple[str, int]:
    """Plain characters for what an output's encoding lacks: no name may stop a command."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(SUBSTITUTES.get(character, "?") for character in missing), error.end


codecs.register_error("framework.plain", substitute)


def prepare_streams() -> None:
    """Let stdout and stderr exist, and replace characters that their encoding lacks."""
    if sys.stdout is None:  # closed by the caller: framework check vit >&-
        sys.stdout = open(os.devnull, "w")
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="framework.plain")


def abandon_stdout() -> None:
    """Write the rest of stdout to nowhere: Python's own flush at the end must not fail again."""
    try:
        number = sys.stdout.fileno()
    except (OSError, ValueError):  # no real file, as in tests
        return
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), number)


def on_terminal(stream: TextIO | None = None) -> bool:
    """Does a person read this stream, which is stdout unless given?"""
    stream = sys.stdout if stream is None else stream
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def console(stream: TextIO) -> Console:
    """A rich console that prints what it is given and nothing more."""
    from rich.console import Console

    return Console(file=stream, highlight=False, markup=False, emoji=False)


def say(text: str = "") -> None:
    """One text on stdout."""
    print(visible(text))


def say_json(data: object) -> None:
    """Data as JSON on stdout."""
    import json  # most output is text

    print(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False))


def show_error(error: FrameworkError) -> None:
    """An error on stderr."""
    show_problem(error_text(error), sys.stderr)


def error_text(error: FrameworkError) -> str:
    """What an error says, its kind and its hint included."""
    if isinstance(error, Mistake):
        return str(Problem.of(error, None))
    return str(error) if isinstance(error, SpecError) else f"error: {error}"


def show_problem(text: str, stream: TextIO | None = None) -> None:
    """A message; on a terminal the place, the kind and the carets stand out."""
    stream, text = sys.stdout if stream is None else stream, visible(text)
    if not on_terminal(stream):
        print(text, file=stream)
        return
    from rich.text import Text

    styled = Text(text)
    for line in re.finditer(".+", text):
        for style, start, end in styles(line[0]):
            styled.stylize(style, line.start() + start, line.start() + end)
    console(stream).print(styled, soft_wrap=True)


def styles(line: str) -> Iterator[tuple[str, int, int]]:
    """Style, start and end of what stands out in one line of a message."""
    if (head := HEAD.match(line)) is not None:
        yield "bold", 0, head.start("kind")
        yield "bold red", head.start("kind"), head.end()
    elif (carets := CARETS.match(line)) is not None:
        yield "bold red", 0, carets.end()
        yield "green", carets.end(), len(line)
    elif line.startswith("  hint:"):
        yield "green", 0, len(line)
    elif line.startswith("  note:"):
        yield "cyan", 0, len(line)


def show_table(table: Table) -> None:
    """A table on stdout: plain into a pipe, fitted to the window on a terminal."""
    if not on_terminal():
        from framework.report.tables import render

        print(visible(render(table).replace("─", "-")))
        return
    from framework.cli.terminal import rich_table

    out = console(sys.stdout)
    out.print(rich_table(table))
    for note in table.notes:
        out.print(note, soft_wrap=True)


@contextmanager
def watched(words: str) -> Iterator[Advance | None]:
    """A progress bar on stderr while something runs; None where nobody watches."""
    if not on_terminal(sys.stderr):
        yield None
        return
    from framework.cli.terminal import progress_bar

    with progress_bar(words, console(sys.stderr)) as advance:
        yield advance
