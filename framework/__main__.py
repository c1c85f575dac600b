"""``python -m framework``: the command line, found by name as the installed script finds it."""

from importlib import import_module

raise SystemExit(import_module("framework.cli").main())
