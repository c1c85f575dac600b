"""The table of a model: each node with shape, parameters and work; formulas until sizes are given.

table = shape_table(graph, depth=0, fold_copies=True)
print(render(table.table()))
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from html import escape

from framework.ir.copies import equal_copies, label
from framework.ir.describe import describe
from framework.ir.dims import Size, substitute, total
from framework.ir.find import scopes_around
from framework.ir.graph import Graph, Node
from framework.ir.types import TensorType
from framework.ir.verify import check_sizes
from framework.report.tables import Cell, Column, Shapes, Table, cell_text, render

WORK = "MACs are multiply-accumulates of products; elementwise are all other operations"
FOR_PROGRAMS = ("dtypes", "elementwise")


@dataclass(frozen=True)
class Row:
    """One node, or the sum over a folded scope; ``tied`` parameters were counted before."""

    name: str
    operator: str
    outputs: tuple[TensorType, ...]
    parameters: int = 0
    tied: int = 0
    macs: Size = 0
    elementwise: Size = 0

    def plus(self, other: Row) -> Row:
        """The sum of two rows, with the results of the later one."""
        return replace(
            self,
            outputs=other.outputs,
            parameters=self.parameters + other.parameters,
            tied=self.tied + other.tied,
            macs=self.macs + other.macs,
            elementwise=self.elementwise + other.elementwise,
        )

    @property
    def facts(self) -> tuple[object, ...]:
        """What must agree for two copies of a node to be equal: all but name and first use."""
        stored = self.parameters + self.tied
        return (self.operator, self.outputs, stored, self.macs, self.elementwise)


@dataclass(frozen=True)
class ShapeTable:
    """Rows in the order of the model, and their sums.

    ``parameters`` counts learned elements, tied ones once; ``buffers`` the stored others.
    """

    title: str
    rows: tuple[Row, ...]
    parameters: int
    buffers: int
    macs: Size
    elementwise: Size

    def __str__(self) -> str:
        return render(self.for_reading(), "text")

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return f"<pre>{escape(str(self))}</pre>"

    def for_reading(self) -> Table:
        """The columns that people look at; totals below, where formulas may be long."""
        full = self.table()
        kept = [i for i, column in enumerate(full.columns) if column.key not in FOR_PROGRAMS]
        totals = [f"total {name}: {cell_text(value)}" for name, value in self.sums]
        return Table(
            full.title,
            tuple(full.columns[i] for i in kept),
            tuple(tuple(row[i] for i in kept) for row in full.rows),
            None,
            (*totals, *self.notes),
        )

    @property
    def sums(self) -> tuple[tuple[str, Size], ...]:
        """The totals with their names."""
        return (
            ("parameters", self.parameters),
            ("MACs", self.macs),
            ("elementwise operations", self.elementwise),
        )

    def table(self) -> Table:
        """The same as cells for `tables.render`; the tied parameters only where there are any."""
        tied = any(row.tied for row in self.rows)
        lines = tuple(cells(row, tied) for row in self.rows)
        sums = Row("total", "", (), self.parameters, 0, self.macs, self.elementwise)
        name, *_, macs, elementwise = cells(sums, False)
        gap = (None,) if tied else ()
        last = (name, None, None, None, self.parameters, *gap, macs, elementwise)
        return Table(self.title, columns(tied), lines, last, self.notes)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the numbers mean, and what they leave out."""
        if not self.buffers:
            return (WORK,)
        return (WORK, f"{self.buffers:,} numbers are stored but not learned; they are not counted")


def shape_table(
    graph: Graph,
    sizes: Mapping[str, int] | None = None,
    *,
    depth: int | None = None,
    fold_copies: bool = False,
) -> ShapeTable:
    """The table of a graph, in numbers where ``sizes`` are given.

    ``depth`` folds everything more than that many scopes deep into one row for the scope;
    ``fold_copies`` shows equal copies ``encoder.0 … encoder.11`` once, as ``encoder ×12``.
    """
    known = {} if sizes is None else sizes
    check_sizes(graph.symbols, known)
    rows = node_rows(graph, known)
    stored = graph.parameters.values()
    return ShapeTable(
        title_of(graph, known),
        tuple(folded(graph, rows, depth, fold_copies)),
        sum(parameter.count for parameter in stored if parameter.trainable),
        sum(parameter.count for parameter in stored if not parameter.trainable),
        total(row.macs for row in rows),
        total(row.elementwise for row in rows),
    )


def title_of(graph: Graph, sizes: Mapping[str, int]) -> str:
    """``vit_b_16 at B = 8``."""
    values = ", ".join(f"{name} = {size}" for name, size in sizes.items())
    return f"{graph.name} at {values}" if values else graph.name


def node_rows(graph: Graph, sizes: Mapping[str, int]) -> list[Row]:
    """One row for each node; a tied weight counts where it is used first."""
    counted: set[str] = set()
    rows: list[Row] = []
    for node in graph:
        learned = [name for name in node.parameters.values() if graph.parameters[name].trainable]
        new = [name for name in dict.fromkeys(learned) if name not in counted]
        fresh = sum(graph.parameters[name].count for name in new)
        every = sum(graph.parameters[name].count for name in learned)
        rows.append(replace(bare_row(graph, node, sizes), parameters=fresh, tied=every - fresh))
        counted.update(new)
    return rows


def bare_row(graph: Graph, node: Node, sizes: Mapping[str, int]) -> Row:
    """Operator, types and work of one node."""
    cost = node.op.cost(node.op.match(graph.given_to(node.name)))
    return Row(
        node.name,
        describe(node.op),
        tuple(type_.at(sizes) for type_ in node.outputs),
        macs=substitute(cost.macs, sizes),
        elementwise=substitute(cost.elementwise, sizes),
    )


def folded(graph: Graph, rows: Iterable[Row], depth: int | None, fold_copies: bool) -> list[Row]:
    """The rows with scopes and copies summed up, in the order in which each first occurs."""
    listed = list(rows)
    same = equal_copies(graph, {r.name: r.facts for r in listed}) if fold_copies else {}
    out: dict[str, Row] = {}
    for row in listed:
        around = scopes_around(graph, row.name)
        path, operator = row.name, row.operator
        if depth is not None and len(around) > depth:
            path = around[depth]
            operator = graph.scopes[path].block
        name = label(path, same)
        single = replace(row, name=name, operator=operator)
        out[name] = out[name].plus(single) if name in out else single
    return list(out.values())


def columns(tied: bool) -> tuple[Column, ...]:
    """Headings of the table."""
    extra = (Column("Tied", "tied_parameters", True),) if tied else ()
    return (
        Column("Node", "node"),
        Column("Operator", "operator"),
        Column("Output", "shapes"),
        Column("Type", "dtypes"),
        Column("Parameters", "parameters", True),
        *extra,
        Column("MACs", "macs", True),
        Column("Elementwise", "elementwise", True),
    )


def cells(row: Row, tied: bool) -> tuple[Cell, ...]:
    """One row of the table."""
    shapes = Shapes(tuple(type_.shape for type_ in row.outputs))
    dtypes = " ".join(dict.fromkeys(type_.dtype for type_ in row.outputs))
    extra = (row.tied,) if tied else ()
    work = (row.macs, row.elementwise)
    return (row.name, row.operator, shapes, dtypes, row.parameters, *extra, *work)
