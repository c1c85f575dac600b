"""``conformance``: ONNX's own test cases, run over our operators."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from framework.cli.output import say, say_json, show_table, watched
from framework.cli.parsing import Parser
from framework.report.tables import Column, Table

if TYPE_CHECKING:
    from framework.tools.conformance import Verdict

EXAMPLES = """\
examples:
  framework conformance                       all cases: a table by operator
  framework conformance Conv Softmax -v       those of two operators; name what fails
  framework conformance --json                as data

Each case is run for values, and again for shapes with a fresh symbol for every input size.
The cases come from the onnx package: pip install onnx
"""


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("operators", nargs="*", metavar="OPERATOR", help="ONNX operators")
    parser.add_argument("-v", "--verbose", action="store_true", help="name what fails, and why")
    parser.add_argument("--json", action="store_true", help="as data")


def execute(options: Namespace) -> int:
    """Run the cases; 1 if one fails."""
    from framework.tools.conformance import conformance

    with watched("conformance") as advance:
        found = conformance(options.operators, advance)
    failed = [v for v in found if not v.passed and v.skipped is None]
    if options.json:
        say_json([as_data(verdict) for verdict in found])
        return 1 if failed else 0
    if options.verbose:
        for verdict in failed:
            say(f"{verdict.case.name}: {verdict.values or verdict.shapes}")
    show_table(table(found, "Operator", lambda v: v.case.operator))
    show_table(table(found, "Suite", suite))
    reasons = Counter(v.skipped for v in found if v.skipped is not None)
    for why, count in reasons.most_common():
        say(f"skipped {count}: {why}")
    return 1 if failed else 0


def suite(verdict: Verdict) -> str:
    """The folder of a case; generated ones by whether their operator is written out."""
    case = verdict.case
    kind = "expanded" if case.expanded else "plain"
    return f"node, {kind}" if case.suite == "node" else case.suite


def table(found: Sequence[Verdict], title: str, key: Callable[[Verdict], str]) -> Table:
    """Cases, passed, skipped and failed, by a key, with the sum of all at the end."""
    counts: dict[str, Counter[str]] = {}
    for verdict in found:
        row = counts.setdefault(key(verdict), Counter())
        row.update(cases=1, passed=verdict.passed, skipped=verdict.skipped is not None)
        row.update(values=not (verdict.values or verdict.skipped))
    rows: list[tuple[str | int, ...]] = [(n, *numbers(row)) for n, row in sorted(counts.items())]
    rows.append(("all", *numbers(sum(counts.values(), Counter()))))
    names = ("cases", "values", "values and shapes", "skipped", "failed")
    columns = [Column(name.capitalize(), name, True) for name in names]
    return Table("ONNX's own cases", (Column(title, title.lower()), *columns), tuple(rows))


def numbers(row: Counter[str]) -> tuple[int, ...]:
    """The numbers of one row."""
    failed = row["cases"] - row["passed"] - row["skipped"]
    return row["cases"], row["values"], row["passed"], row["skipped"], failed


def as_data(verdict: Verdict) -> dict[str, object]:
    """One case for ``--json``."""
    return {
        "case": verdict.case.name,
        "suite": verdict.case.suite,
        "operator": verdict.case.operator,
        "passed": verdict.passed,
        "skipped": verdict.skipped,
        "values": verdict.values or None,
        "shapes": verdict.shapes or None,
        "symbolic_sizes": verdict.symbolic,
        "fixed_sizes": verdict.fixed,
    }
