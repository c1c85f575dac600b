"""Who shares the work of a run, how many threads BLAS has, and what plans share."""

from __future__ import annotations

import numpy as np
import pytest
from test_graphs import small

import framework as fw
from framework.numerics import team as teams
from framework.numerics.team import Team, blas, limit_blas
from framework.passes.pipeline import optimize
from framework.runtime.binding import bind
from framework.runtime.sharing import sharing

CONV = """\
format: 1
dims: [B]
inputs: {{x: [B, 8, {size}, {size}]}}
nodes: [conv: {{out: 64, kernel: 3}}, conv: {{out: 8, kernel: 3}}]
"""


def shared(text, threads=2, batch=1):
    """The choice for a model."""
    model = fw.loads(text)
    model.set_engine(threads=threads)
    session = model.session
    _, sizes = bind(session.graph, model.example_inputs({"B": batch}))
    return sharing(session.graph, optimize(session.graph), sizes, session.how)


def numbers():
    """Threads that each BLAS would use now."""
    return [library.num_threads for library in blas()]


@pytest.fixture
def two_threads():
    """BLAS with two threads, whatever the environment says."""
    before = numbers()
    for library in blas():
        library.set_num_threads(2)
    yield numbers()
    for library, count in zip(blas(), before, strict=True):
        library.set_num_threads(count)


def test_small_products_are_shared_by_blas_and_large_ones_by_the_team():
    few, many = (shared(CONV.format(size=size)) for size in (32, 512))
    assert (few.how.team.threads, few.blas) == (1, 2)
    assert (many.how.team.threads, many.blas) == (2, 1)


@pytest.mark.parametrize("there", [True, False])
def test_products_of_middle_size_are_the_teams_where_blas_multiplies_panels(monkeypatch, there):
    monkeypatch.setattr("framework.runtime.sharing.available", lambda: there)
    assert shared(CONV.format(size=100)).how.team.threads == (2 if there else 1)
    assert shared(CONV.format(size=20)).how.team.threads == 1


def test_blocks_of_small_products_are_shared_by_the_team():
    text = CONV.format(size=32).replace(
        "conv: {out: 8, kernel: 3}",
        "conv: {out: 64, kernel: 3, groups: 64}, conv: {out: 8, kernel: 1}",
    )
    assert shared(text).how.team.threads == 2


def test_many_examples_make_a_product_large():
    assert shared(CONV.format(size=64), batch=64).how.team.threads == 2


def test_one_thread_is_one_thread():
    found = shared(CONV.format(size=32), threads=1)
    assert (found.how.team.threads, found.blas) == (1, 1)


@pytest.mark.parametrize("size", [32, 300])
@pytest.mark.parametrize("threads", [1, 2])
def test_no_more_threads_work_than_were_asked_for(monkeypatch, two_threads, size, threads):
    model = fw.loads(CONV.format(size=size))
    model.set_engine(threads=threads)
    seen = []
    plain = np.matmul

    def watched(*arrays, **options):
        seen.append(max(numbers()))
        return plain(*arrays, **options)

    monkeypatch.setattr(np, "matmul", watched)
    model.run(**model.example_inputs())
    assert seen
    assert max(seen) <= threads
    assert numbers() == two_threads


def test_the_least_limit_holds_and_all_of_them_end(two_threads):
    with limit_blas(2):
        with limit_blas(1):
            assert max(numbers()) == 1
            with limit_blas(2):
                assert max(numbers()) == 1
        assert numbers() == two_threads
    assert numbers() == two_threads


def test_a_team_at_work_leaves_one_thread_to_blas(two_threads):
    seen = []
    Team(2).each(lambda number: seen.append(max(numbers())), 4)
    assert seen == [1] * 4
    assert numbers() == two_threads


def test_a_limit_ends_with_an_error_inside(two_threads):
    with pytest.raises(RuntimeError), limit_blas(1):
        raise RuntimeError
    assert numbers() == two_threads
    assert teams.GATE.limits == []


# ------------------------------------------------------------------ constants


@pytest.mark.parametrize("name", ["resnet18", "vit"])
def test_plans_for_other_sizes_share_weights_that_are_laid_out(name):
    model = small(name)
    session = model.session
    for batch in (3, 5):
        session.run(model.example_inputs({"B": batch}))
        sizes = {key: array.nbytes for key, array in session._constants.items()}
        if batch == 3:
            first = sizes
    further = sum(size for key, size in sizes.items() if key not in first)
    assert first
    assert first.keys() <= sizes.keys()
    assert further < 0.02 * sum(first.values())  # what is repeated for each example


def test_constants_go_with_the_last_plan_that_uses_them(monkeypatch):
    monkeypatch.setattr("framework.runtime.session.MOST_PLANS", 1)
    model = small("vit")  # its class token is repeated for each example
    session = model.session
    counts, seen = set(), set()
    for batch in (3, 4, 5, 6):
        session.run(model.example_inputs({"B": batch}))
        counts.add((len(session._constants), len(session._contents._numbers)))
        seen.update(session._constants)
    assert len(counts) == 1
    assert len(seen) > len(session._constants)
