"""First values of weights: moments, bounds, and independence of the order of nodes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from framework.errors import InputError, Mistake
from framework.runtime.initialisers import RULES, Rule, generator, initialise, parse_rule

SHAPE, FANS = (80, 50, 5, 5), (50, 200)
NUMBERED = {"constant": 0.5, "uniform": 0.3, "normal": 0.02, "truncated_normal": 0.02}
EVERY = [Rule(name, NUMBERED.get(name)) for name in RULES]
RECORDED = [0.5750322950514498, 0.6626844816840362]


def draw(rule: Rule | str | tuple[str, float], seed: int = 0, dtype: str = "f8") -> np.ndarray:
    return initialise(rule, SHAPE, FANS, generator(seed, "conv.weight"), dtype)


@pytest.mark.parametrize(("rule", "value"), [("zeros", 0), ("ones", 1), (("constant", -2.5), -2.5)])
def test_a_constant_rule_gives_its_value(rule, value):
    assert (draw(rule) == value).all()


@pytest.mark.parametrize(
    ("rule", "deviation"),
    [
        (("normal", 0.02), 0.02),
        (("uniform", 0.3), 0.3 / math.sqrt(3)),
        (("truncated_normal", 0.02), 0.02 * 0.87962566),  # of a normal cut at two deviations
        ("he_normal", math.sqrt(2 / 50)),
        ("he_uniform", math.sqrt(2 / 50)),
        ("xavier_normal", math.sqrt(2 / 250)),
        ("xavier_uniform", math.sqrt(2 / 250)),
    ],
)
def test_mean_and_deviation_are_those_of_the_formula(rule, deviation):
    values = draw(rule)
    error = 5 / math.sqrt(values.size)  # five standard errors
    assert abs(values.mean()) < error * deviation
    assert values.std() == pytest.approx(deviation, rel=error)


@pytest.mark.parametrize(
    ("rule", "limit"),
    [
        (("uniform", 0.3), 0.3),
        (("truncated_normal", 0.02), 0.04),
        ("he_uniform", math.sqrt(6 / 50)),
        ("xavier_uniform", math.sqrt(6 / 250)),
    ],
)
def test_a_bounded_rule_fills_its_bounds_and_no_more(rule, limit):
    largest = np.abs(draw(rule)).max()
    assert 0.99 * limit < largest <= limit


@pytest.mark.parametrize("shape", [(6, 20), (20, 6), (7, 7), (4, 3, 2, 2), (1, 5)])
def test_orthogonal_rows_or_columns_have_length_one(shape):
    matrix = initialise("orthogonal", shape, (1, 1), generator(0, "w"), "f8")
    matrix = matrix.reshape(shape[0], -1)
    product = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    assert np.allclose(product, np.eye(len(product)), atol=1e-12)


def test_orthogonal_turns_without_preference():
    # with the signs of plain QR, the diagonal would have a mean far from 0
    draws = [initialise("orthogonal", (3, 3), (1, 1), generator(s, "w"), "f8") for s in range(2000)]
    assert np.abs(np.mean(draws, axis=0)).max() < 5 / math.sqrt(3 * 2000)


@pytest.mark.parametrize("rule", EVERY, ids=lambda rule: rule.name)
def test_every_rule_gives_shape_and_dtype_and_the_same_again(rule):
    first, again, narrow = draw(rule), draw(rule), draw(rule, dtype="f4")
    assert (first.shape, narrow.dtype) == (SHAPE, np.dtype("f4"))
    assert first.tobytes() == again.tobytes()
    assert narrow.tobytes() == first.astype("f4").tobytes()


@pytest.mark.parametrize("rule", EVERY, ids=lambda rule: rule.name)
def test_every_rule_takes_empty_shapes(rule):
    assert initialise(rule, (3, 0), (0, 3), generator(0, "w"), "f4").shape == (3, 0)


def test_values_depend_on_name_and_seed_alone():
    def values(*pairs: tuple[int, str]) -> dict[tuple[int, str], float]:
        return {pair: generator(*pair).standard_normal() for pair in pairs}

    few = values((0, "a.weight"), (0, "b.weight"))
    more = values((1, "a.weight"), (0, "new"), (0, "b.weight"), (0, "a.weight"))
    assert {pair: more[pair] for pair in few} == few
    assert len(set(more.values())) == 4


def test_the_numbers_of_a_seed_stay_the_same_between_versions():
    # recorded once; another value would silently change every seeded model
    found = [generator(0, "conv.weight").standard_normal(), generator(7, "é").standard_normal()]
    assert found == pytest.approx(RECORDED, abs=1e-12)


def test_neighbouring_seeds_and_names_are_uncorrelated():
    rows = [generator(s, n).standard_normal(4000) for s in (0, 1) for n in ("a.0", "a.1", "a.2")]
    correlation = np.corrcoef(rows) - np.eye(6)
    assert np.abs(correlation).max() < 5 / math.sqrt(4000)


def test_a_negative_seed_is_refused():
    with pytest.raises(InputError, match="seed -1 is negative"):
        generator(-1, "w")


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ("he_normal", Rule("he_normal")),
        ({"normal": 0.02}, Rule("normal", 0.02)),
        (("constant", -1), Rule("constant", -1.0)),
        (Rule("uniform", 0.0), Rule("uniform", 0.0)),
    ],
)
def test_a_rule_is_read_from_its_spelling(value, rule):
    assert parse_rule(value) == rule


@pytest.mark.parametrize(
    ("value", "fact", "hint"),
    [
        ("he_norml", "there is no initialiser 'he_norml'", "did you mean 'he_normal'?"),
        ({"zzz": 1}, "there is no initialiser 'zzz'", f"initialisers: {', '.join(RULES)}"),
        ({3: 1}, "there is no initialiser 3", f"initialisers: {', '.join(RULES)}"),
        ("normal", "normal needs the standard deviation", "write {normal: 0.02}"),
        ({"zeros": 1}, "zeros takes no number", "write zeros"),
        ({"normal": "x"}, "the standard deviation of normal is a finite number, not 'x'", None),
        ({"normal": True}, "the standard deviation of normal is a finite number, not True", None),
        ({"constant": math.inf}, "the value of constant is a finite number, not inf", None),
        ({"normal": -1}, "the standard deviation of normal is not negative, as -1 is", None),
        (3, "3 is no initialiser", "write a name, or {normal: 0.02} with a number"),
        ({}, "{} is no initialiser", "write a name, or {normal: 0.02} with a number"),
    ],
)
def test_a_wrong_rule_is_a_mistake_with_a_hint(value, fact, hint):
    with pytest.raises(Mistake) as caught:
        parse_rule(value)
    assert (caught.value.fact, caught.value.hint) == (fact, hint)


def test_rules_that_cannot_apply_say_why():
    with pytest.raises(Mistake, match=r"orthogonal needs two axes or more, not shape \[3\]"):
        initialise("orthogonal", (3,), (1, 1), generator(0, "w"), "f4")
    with pytest.raises(Mistake, match=r"he_normal needs fan_in .* at least 1, not \(0, 3\)"):
        initialise("he_normal", (3, 1), (0, 3), generator(0, "w"), "f4")
