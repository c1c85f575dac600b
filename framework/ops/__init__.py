"""The operators: one family a file, found by looking through the folder.

To add one, write a class in any file here; schema, help, tests and commands pick it up.  A file
is imported when somebody asks for one of its operators: a model uses a few of two hundred.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from functools import partial
from pathlib import Path

from framework.ir.op import announce

CLASS = re.compile(r"\nclass \w+\(([^)]*)\):")  # found ten times as fast as by ^class
NAME = re.compile(r"\bname=\"(\w+)\"")


def declared_in(text: str) -> list[str]:
    """Names of the operators that a file declares for models.

    >>> declared_in('\\nclass Abs(Function, name="abs"):')
    ['abs']
    """
    listed = (found[1] for found in CLASS.finditer(text) if "listed=False" not in found[1])
    return [name[1] for arguments in listed if (name := NAME.search(arguments))]


def announce_all() -> None:
    """Say which file declares which operator; without sources, all files are imported."""
    for module in sorted(info.name for info in pkgutil.iter_modules(__path__)):
        load = partial(importlib.import_module, f"{__name__}.{module}")
        source = Path(__path__[0]) / f"{module}.py"
        if not source.is_file():
            load()
            continue
        for name in declared_in(source.read_text(encoding="utf-8")):
            announce(name, load)


announce_all()
