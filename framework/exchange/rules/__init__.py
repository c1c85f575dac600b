"""Rules between ONNX and our operators, one family a module, discovered by importing the folder."""

from __future__ import annotations

import importlib
import pkgutil

from framework.exchange.rules.registry import READERS, WRITERS

__all__ = ["READERS", "WRITERS"]

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
