"""`conformance`: ONNX's own test cases, run over our operators."""

from __future__ import annotations

import argparse
from collections import Counter

EXAMPLES = """\
examples:
  framework conformance
  framework conformance Conv Softmax -v
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("operators", nargs="*", metavar="OPERATOR", help="only those of ONNX")
    parser.add_argument("-v", "--verbose", action="store_true", help="name what fails, and why")
    parser.add_argument("--json", action="store_true", help="as data")


def execute(options: argparse.Namespace) -> int:
    """Run the cases and print a table by operator."""
    from framework.tools.conformance import conformance

    found = conformance(options.operators)
    counts: dict[str, Counter[str]] = {}
    for verdict in found:
        row = counts.setdefault(verdict.case.operator, Counter())
        row["cases"] += 1
        row["passed"] += verdict.passed
        row["skipped"] += verdict.skipped is not None
        if options.verbose and not verdict.passed:
            print(f"{verdict.case.name}: {verdict.skipped or verdict.values or verdict.shapes}")
    for name, row in sorted(counts.items()):
        print(f"{name:30} {row['cases']:5} {row['passed']:5} {row['skipped']:5}")
    total = sum((row for row in counts.values()), Counter())
    print(f"{'all':30} {total['cases']:5} {total['passed']:5} {total['skipped']:5}")
    return 0 if total["passed"] + total["skipped"] == total["cases"] else 1
