"""The layers of the package: a module imports strictly lower layers and its own."""

import ast
from pathlib import Path

import pytest

import framework

ROOT = Path(framework.__file__).parent
LAYERS = [
    {"errors", "limits"},
    {"source", "numerics"},
    {"ir"},
    {"ops"},
    {"passes", "autodiff", "spec", "runtime", "draw", "exchange", "report"},
    {"api"},
    {"tools"},
    {"cli"},
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
MODULES = sorted(p for p in ROOT.rglob("*.py") if p.parent != ROOT or p.stem in LAYERS[0])
ONLY_IN = {
    "networkx": {"ir/graph.py"},
    "yaml": {"source/read.py"},
    "PIL": {"runtime/images.py"},
    "rich": {"cli"},
    "onnx": {"exchange", "tools/cases.py"},
    "pygls": {"tools/lsp/server.py"},
    "lsprotocol": {"tools/lsp/server.py"},
    "torch": set(),
    "pickle": set(),
}


def imported(path: Path) -> set[str]:
    """Every module that a file imports, lazily or not, types included."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def layer(name: str) -> str:
    """The layer of a dotted name in the package."""
    return name.split(".")[1] if "." in name else ""


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_only_lower_layers_and_its_own(path):
    own = path.relative_to(ROOT).parts[0].removesuffix(".py")
    others = {layer(name) for name in imported(path) if name.startswith("framework.")}
    wrong = {name for name in others - {own} if RANK[name] >= RANK[own]}
    assert wrong == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_library_is_imported_only_where_it_belongs(path):
    place = str(path.relative_to(ROOT))
    for library, places in ONLY_IN.items():
        if any(name.split(".")[0] == library for name in imported(path)):
            typing_only = library == "networkx" and place == "api/model.py"
            assert typing_only or any(place.startswith(allowed) for allowed in places)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_is_evaluated_or_executed(path):
    calls = [n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Call)]
    names = {call.func.id for call in calls if isinstance(call.func, ast.Name)}
    assert names.isdisjoint({"eval", "exec", "compile", "__import__"})


def test_the_public_names_are_documented_and_few():
    assert len(framework.__all__) <= 25
    undocumented = [n for n in framework.__all__ if not getattr(framework, n).__doc__]
    assert undocumented == []


def test_the_public_names_are_all_there_and_sorted():
    assert framework.__all__ == sorted(framework.__all__)
    assert all(hasattr(framework, name) for name in framework.__all__)
