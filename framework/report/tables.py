"""Tables as text, JSON, CSV, Markdown or LaTeX.

A cell is a text, a number or formula, a shape, or a tuple of shapes; None is empty.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from framework.errors import InputError, nearest
from framework.ir.dims import Dim, Size, format_shape
from framework.report.formulas import latex_size


@dataclass(frozen=True)
class Shapes:
    """One or several shapes in one cell."""

    shapes: tuple[tuple[Size, ...], ...]


Cell = str | Size | Shapes | None


@dataclass(frozen=True)
class Column:
    """Heading for readers, key for programs; numbers stand on the right."""

    title: str
    key: str
    numeric: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of cells, one row of totals, and notes below."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: tuple[Cell, ...] | None = None
    notes: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[tuple[Cell, ...], ...]:
        """All rows, that of the totals last."""
        return self.rows if self.total is None else (*self.rows, self.total)


def render(table: Table, form: str = "text") -> str:
    """The table in one of `FORMS`; ends without a line break."""
    if form not in FORMS:
        near = nearest(form, FORMS)
        hint = f"did you mean '{near}'?" if near else f"there are {', '.join(FORMS)}"
        raise InputError(f"there is no table format '{form}'\n  hint: {hint}")
    return FORMS[form](table)


def cell_text(cell: Cell) -> str:
    """A cell for people: thousands are separated, except in shapes."""
    if cell is None:
        return ""
    if isinstance(cell, Shapes):
        return " ".join(map(format_shape, cell.shapes))
    if isinstance(cell, int):
        return f"{cell:,}"
    return grouped(str(cell)) if isinstance(cell, Dim) else cell


def grouped(formula: str) -> str:
    """The formula with its thousands separated, unless a comma means something in it.

    >>> grouped("17447454720*B")
    '17,447,454,720*B'
    """
    if "," in formula:
        return formula
    return re.sub(r"\b\d{4,}\b", lambda number: f"{int(number[0]):,}", formula)


def as_text(table: Table) -> str:
    """Aligned columns with a rule under the heading and above the totals."""
    grid = [[column.title for column in table.columns], *texts(table)]
    widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
    lines = [aligned(line, widths, table.columns) for line in grid]
    rule = "─" * (sum(widths) + 2 * (len(widths) - 1))
    lines.insert(1, rule)
    if table.total is not None:
        lines.insert(-1, rule)
    notes = ["", *table.notes] if table.notes else []
    return "\n".join([table.title, "", *lines, *notes])


def texts(table: Table) -> list[list[str]]:
    """All rows as text."""
    return [list(map(cell_text, line)) for line in table.lines]


def aligned(line: Sequence[str], widths: Sequence[int], columns: Sequence[Column]) -> str:
    """One line, padded; numbers on the right."""
    cells = (
        text.rjust(width) if column.numeric else text.ljust(width)
        for text, width, column in zip(line, widths, columns, strict=True)
    )
    return "  ".join(cells).rstrip()


def as_markdown(table: Table) -> str:
    """A pipe table as GitHub reads it."""
    rules = ["--:" if column.numeric else "---" for column in table.columns]
    heads = [column.title for column in table.columns]
    escaped = [[text.replace("|", r"\|") for text in line] for line in texts(table)]
    lines = [f"| {' | '.join(line)} |" for line in [heads, rules, *escaped]]
    notes = [f"\n{note}" for note in table.notes]
    return "\n".join([f"**{table.title}**\n", *lines, *notes])


def as_csv(table: Table) -> str:
    """Comma-separated values with plain numbers; the rows alone, without totals."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(column.key for column in table.columns)
    for row in table.rows:
        writer.writerow(cell_text(cell) if isinstance(cell, Shapes) else cell for cell in row)
    return out.getvalue().removesuffix("\n")


def as_json(table: Table) -> str:
    """Objects by column key; formulas are texts, shapes are lists."""
    keys = [column.key for column in table.columns]
    found: dict[str, object] = {"title": table.title}
    found["rows"] = [record(keys, row) for row in table.rows]
    if table.total is not None:
        found["total"] = record(keys, table.total)
    found["notes"] = list(table.notes)
    return json.dumps(found, indent=2, ensure_ascii=False)


def record(keys: Iterable[str], row: Iterable[Cell]) -> dict[str, object]:
    """One row for programs; empty cells are left out."""
    pairs = zip(keys, row, strict=True)
    return {key: plain(cell) for key, cell in pairs if cell is not None}


def plain(cell: Cell) -> object:
    """A cell as JSON can hold it."""
    if isinstance(cell, Shapes):
        return [[plain(size) for size in shape] for shape in cell.shapes]
    return str(cell) if isinstance(cell, Dim) else cell


def as_latex(table: Table) -> str:
    """A ``tabular`` that needs no package; formulas are in math mode."""
    ends = "\\\\"
    places = "".join("r" if column.numeric else "l" for column in table.columns)
    head = " & ".join(latex_text(column.title) for column in table.columns)
    lines = [f"{' & '.join(map(latex_cell, line))} {ends}" for line in table.lines]
    if table.total is not None:
        lines.insert(-1, r"\hline")
    top = [f"% {table.title}", rf"\begin{{tabular}}{{{places}}}", f"{head} {ends}", r"\hline"]
    notes = [f"% {note}" for note in table.notes]
    return "\n".join([*top, *lines, r"\end{tabular}", *notes])


def latex_cell(cell: Cell) -> str:
    """A cell in LaTeX."""
    if isinstance(cell, Shapes):
        return " ".join(f"${latex_shape(shape)}$" for shape in cell.shapes)
    if isinstance(cell, Dim):
        return f"${latex_size(cell)}$"
    return latex_text(cell_text(cell))


def latex_shape(shape: Iterable[Size]) -> str:
    """``[B, 64, \\lceil H/2 \\rceil]``."""
    return f"[{', '.join(map(latex_size, shape))}]"


ESCAPES = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"×": r"$\times$", "…": r"\ldots{}", ">": "$>$", "<": "$<$", "|": "$|$"}
)


def latex_text(text: str) -> str:
    """Text with LaTeX's special characters escaped."""
    return text.translate(ESCAPES)


FORMS: dict[str, Callable[[Table], str]] = {
    "text": as_text,
    "json": as_json,
    "csv": as_csv,
    "markdown": as_markdown,
    "latex": as_latex,
}
"""The formats that a table can be written in."""
