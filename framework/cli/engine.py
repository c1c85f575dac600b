"""Options of commands that run models: threads, precision, passes, memory."""

from __future__ import annotations

import argparse
import re
from argparse import Namespace
from typing import Any

from framework.cli.parsing import Parser, natural

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}
BYTES = re.compile(r"(\d+(?:\.\d+)?)\s*([KMG]?)B?", re.IGNORECASE | re.ASCII)


def add_engine(parser: Parser) -> None:
    """``--threads``, ``--precision``, ``--no-optimize``, ``--memory-limit``."""
    add = parser.add_argument
    add("--threads", type=natural, metavar="N", help="default: all cores")
    add(
        "--precision",
        choices=("strict", "fast"),
        default="strict",
        help="fast may lose a digit or two in convolutions (default: strict)",
    )
    add("--no-optimize", action="store_true", help="run every node by its plain definition")
    add(
        "--memory-limit",
        type=size,
        metavar="SIZE",
        help="refuse a run whose arrays need more, e.g. 2G (default: what is free)",
    )


def engine_of(options: Namespace) -> dict[str, Any]:
    """The options as keywords of `Model.set_engine`."""
    return {
        "threads": options.threads,
        "precision": options.precision,
        "optimize": not options.no_optimize,
        "memory_limit": options.memory_limit,
    }


def size(text: str) -> int:
    """``2G``, ``512 MB`` or a number of bytes."""
    found = BYTES.fullmatch(text.strip())
    if found is None:
        raise argparse.ArgumentTypeError(f"expected a size such as 512M or 2G, found '{text}'")
    return int(float(found[1]) * UNITS[found[2].upper()])
