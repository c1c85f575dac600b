"""What only a terminal gets: tables fitted to its width, progress bars."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich import box
from rich import table as rich_tables
from rich.progress import BarColumn, DownloadColumn, Progress, ProgressColumn, TextColumn
from rich.text import Text

from framework.cli.output import console, on_terminal
from framework.report.tables import Table, cell_text

Advance = Callable[..., None]
"""Called with what is done, the whole, and a word about it."""


def rich_table(table: Table) -> rich_tables.Table:
    """The table for rich; cells are texts, so that nothing in them is taken for markup."""
    out = rich_tables.Table(
        title=Text(table.title), box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False,
        show_footer=table.total is not None, header_style="bold", footer_style="bold",
    )  # fmt: skip
    foot = table.total if table.total is not None else (None,) * len(table.columns)
    for column, cell in zip(table.columns, foot, strict=True):
        justify = "right" if column.numeric else "left"
        out.add_column(
            Text(column.title), Text(cell_text(cell)), justify=justify,
            no_wrap=column.numeric, overflow="fold",
        )  # fmt: skip
    for row in table.rows:
        out.add_row(*(Text(cell_text(cell)) for cell in row))
    return out
