"""Rules from our operators to PyTorch, one family a module, discovered by importing the folder."""

from __future__ import annotations

import importlib
import pkgutil

from framework.exchange.torch_rules.registry import HELPERS, RULES

__all__ = ["HELPERS", "RULES"]

for _name in sorted(info.name for info in pkgutil.iter_modules(__path__)):
    importlib.import_module(f"{__name__}.{_name}")
