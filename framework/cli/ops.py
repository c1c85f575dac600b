"""``ops``: the operators, listed by category or one explained."""

from __future__ import annotations

import inspect
from argparse import Namespace

import framework.ops  # noqa: F401  (declares the operators)
from framework.cli.opexample import example_text, numbers_text
from framework.cli.output import say, say_json, show_table
from framework.cli.parsing import Parser
from framework.ir.attributes import Attribute
from framework.ir.describe import spelled
from framework.ir.op import CATEGORIES, REGISTRY, Op, find_op
from framework.report.tables import Column, Table, render

EXAMPLES = """\
examples:
  framework ops                            all operators, by category
  framework ops conv                       formula, attributes, source, an example
  framework ops --markdown > operators.md  the whole reference
"""


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("name", metavar="NAME", nargs="?", help="explain this operator")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="print Markdown")
    form.add_argument("--json", action="store_true", help="print JSON")


def execute(options: Namespace) -> int:
    """Print one operator, or all."""
    if options.name is not None:
        show_one(find_op(options.name), options)
        return 0
    ops = by_category()
    if options.json:
        say_json([as_dict(op) for op in ops])
    elif options.markdown:
        say("\n\n".join([render(listed(ops), "markdown"), *map(as_markdown, ops)]))
    else:
        show_table(listed(ops))
    return 0


def show_one(op: type[Op], options: Namespace) -> None:
    """One operator in the format wanted."""
    if options.json:
        say_json(as_dict(op))
    elif options.markdown:
        say(as_markdown(op))
    else:
        explain(op)


def explain(op: type[Op]) -> None:
    """One operator for people."""
    table = attribute_table(op)
    if table.rows:
        show_table(table)
    else:
        say(table.title)
    say(f"\n{description(op)}\n\nexample\n{indented(example_text(op))}")
    if (numbers := numbers_text(op)) is not None:
        say(f"\nin numbers\n{indented(numbers)}")


def by_category() -> list[type[Op]]:
    """All operators, in the order of the categories, then by name."""
    return sorted(REGISTRY.values(), key=lambda op: (CATEGORIES.index(op.category), op.name))


def listed(ops: list[type[Op]]) -> Table:
    """One row for each operator; a category is named where it begins."""
    rows: list[tuple[str, str, str]] = []
    seen: set[str] = set()
    for op in ops:
        rows.append(("" if op.category in seen else op.category, op.name, first_line(op)))
        seen.add(op.category)
    columns = Column("Category", "category"), Column("Operator", "name"), Column("", "doc")
    return Table(f"{len(ops)} operators", columns, tuple(rows))


def first_line(op: type[Op]) -> str:
    """What the operator does, in a line."""
    return paragraphs(op)[0]


def description(op: type[Op]) -> str:
    """The formula, the corners and the source."""
    return "\n\n".join(paragraphs(op)[1:])


def paragraphs(op: type[Op]) -> list[str]:
    """The docstring: the first line, then the rest."""
    text = inspect.cleandoc(op.__doc__ if op.__doc__ is not None else "")
    first, *rest = text.split("\n\n")
    return [" ".join(first.split()), *rest]


def attribute_table(op: type[Op]) -> Table:
    """Signature and attributes."""
    columns = (
        Column("Attribute", "name"),
        Column("Default", "default"),
        Column("What it holds", "kind"),
    )
    rows = tuple((a.name, default_text(a), kind_text(a, op)) for a in op.attributes)
    return Table(f"{op.name} – {first_line(op)}\n\n  {op.signature}", columns, rows)


def default_text(attribute: Attribute) -> str:
    """The default as a model file spells it."""
    if attribute.required:
        return "(required)"
    if attribute.kind.name == "named":
        return ""
    return "null" if attribute.default is None else spelled(attribute.default)


def kind_text(attribute: Attribute, op: type[Op]) -> str:
    """What an attribute holds, and whether it may be written bare."""
    bare = f"; may be written bare: {op.name}: ..." if attribute.name == op.main else ""
    return f"{attribute.kind}{bare}"


def indented(text: str) -> str:
    """The text two columns further right."""
    return "\n".join(f"  {line}" for line in text.splitlines())


def as_markdown(op: type[Op]) -> str:
    """A section of the reference."""
    parts = [f"## {op.name}", first_line(op), f"`{op.signature}`"]
    if op.attributes:
        table = attribute_table(op)
        parts.append(render(table, "markdown").partition("\n\n")[2].partition("\n\n")[2])
    parts += [f"```text\n{description(op)}\n```", f"```yaml\n{example_text(op)}\n```"]
    if (numbers := numbers_text(op)) is not None:
        parts.append(f"```yaml\n{numbers}\n```")
    return "\n\n".join(parts)


def as_dict(op: type[Op]) -> dict[str, object]:
    """The same for scripts."""
    return {
        "name": op.name,
        "category": op.category,
        "doc": first_line(op),
        "signature": op.signature,
        "main": op.main,
        "attributes": [
            {
                "name": attribute.name,
                "kind": attribute.kind.name,
                "holds": str(attribute.kind),
                "required": attribute.required,
                "default": None if attribute.required else default_text(attribute),
            }
            for attribute in op.attributes
        ],
        "description": description(op),
        "example": example_text(op),
        "numbers": numbers_text(op),
    }
