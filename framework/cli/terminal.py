"""What only a terminal gets: tables fitted to its width, progress bars."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich import box
from rich import table as rich_tables
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from framework.errors import visible
from framework.report.tables import Cell, Column, Table, cell_text


def rich_table(table: Table) -> rich_tables.Table:
    """The table for rich; cells are texts, so that nothing in them is taken for markup."""
    out = rich_tables.Table(
        title=Text(visible(table.title), "bold"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_footer=table.total is not None,
    )
    foot = table.total if table.total is not None else (None,) * len(table.columns)
    for column, cell in zip(table.columns, foot, strict=True):
        add_column(out, column, cell)
    for row in table.rows:
        out.add_row(*(Text(visible(cell_text(cell))) for cell in row))
    return out


def add_column(out: rich_tables.Table, column: Column, foot: Cell) -> None:
    """One column; long texts are folded, never cut."""
    out.add_column(
        Text(column.title),
        Text(visible(cell_text(foot))),
        justify="right" if column.numeric else "left",
        overflow="fold",
    )


@contextmanager
def progress_bar(words: str, console: Console) -> Iterator[Callable[[int, int, str], None]]:
    """A bar; the function in hand takes (done, whole, what is being done)."""
    texts = TextColumn("{task.description}", markup=False)
    with Progress(
        texts, BarColumn(), MofNCompleteColumn(), console=console, transient=True
    ) as progress:
        task = progress.add_task(words, total=None)  # pulses until the first step is known

        def advance(done: int, whole: int, what: str) -> None:
            progress.update(task, completed=done, total=whole, description=what)

        yield advance
