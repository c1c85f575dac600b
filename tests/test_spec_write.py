"""A graph written as text reads back to the same graph; the text is short."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from randomgraphs import built, parts
from samegraph import check_outputs, check_same

import framework as fw
from framework.spec.write import write

GRAPHS = sorted(p.stem for p in Path("graphs").glob("*.yaml")) or ["vit"]
SMALL = {
    "vit": {"size": 32, "width": 24, "depth": 3, "heads": 2, "mlp": 48, "classes": 5},
    "transformer": {"vocab": 50, "width": 16, "heads": 2},
    "unet": {"width": 4},
}
SIZES = {"H": 32, "W": 48}


@pytest.mark.parametrize("name", GRAPHS)
def test_a_bundled_model_reads_back_the_same(name):
    model = fw.load(name)
    check_same(model.ir, write(model.ir))


@pytest.mark.parametrize("name", GRAPHS)
def test_a_bundled_model_computes_the_same(name):
    model = fw.load(name, **SMALL.get(name, {}))
    written = write(model.ir)
    back = check_same(model.ir, written)
    sizes = {n: size for n, size in SIZES.items() if n in model.ir.symbols}
    check_outputs(model, back, written.names, **sizes)


def test_without_folding_every_node_has_its_line():
    model = fw.load("resnet18")
    written = write(model.ir, fold=False)
    check_same(model.ir, written)
    assert "blocks:" not in written.text
    assert "repeat" not in written.text


@given(parts, st.booleans(), st.lists(st.integers(1, 6), min_size=1, max_size=3), st.integers(1, 2))
@settings(max_examples=150, deadline=None)
def test_any_graph_reads_back_the_same(program, named, outputs, inputs):
    graph = built(program, named, outputs, inputs).graph
    check_same(graph, write(graph))
