"""The operators: one family a file, found by importing the folder.

To add one, write a class in any file here; schema, help, tests and commands pick it up.
"""

from __future__ import annotations

import importlib
import pkgutil

for _module in sorted(info.name for info in pkgutil.iter_modules(__path__)):
    importlib.import_module(f"{__name__}.{_module}")
