"""Examples in docstrings do what they say; nobody edits this file to add one."""

from __future__ import annotations

import doctest
import re
from importlib import import_module
from pathlib import Path

import pytest

import framework as fw
from framework.errors import Source
from framework.ir.dims import Symbols

ROOT = Path(fw.__file__).parent
EXAMPLE = re.compile(r"^ *>>> ", re.MULTILINE)
FILES = [p for p in sorted(ROOT.rglob("*.py")) if EXAMPLE.search(p.read_text("utf-8"))]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_examples_in_docstrings_hold(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    module = import_module(".".join(parts).removesuffix(".__init__"))
    known = {"fw": fw, "load": fw.load, "model": fw.load("lenet_vgg"), "Source": Source}
    known |= {"Symbols": Symbols, "H": Symbols().declare("H")}
    found = doctest.testmod(module, extraglobs=known, optionflags=doctest.ELLIPSIS)
    assert found.attempted > 0
    assert found.failed == 0
