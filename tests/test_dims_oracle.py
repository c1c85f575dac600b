"""The algebra of sizes against plain integers, against its own printed text, and against z3."""

from __future__ import annotations

import ast
import math
import random
from fractions import Fraction

import pytest

from framework.errors import ShapeError
from framework.ir.dims import (
    Answer,
    Symbols,
    Verdict,
    at_least,
    bounds,
    ceildiv,
    divisible,
    equal,
    exact_quotient,
    maximum,
    minimum,
    substitute,
)

DECLARED = {
    "H": {},
    "W": {},
    "B": {"minimum": 0},
    "P": {"multiple_of": 16},
    "Q": {"minimum": 3, "multiple_of": 4, "maximum": 41},
    "N": {"minimum": 2, "maximum": 9},
}
SMALLEST = {"H": 1, "W": 1, "B": 1, "P": 16, "Q": 4, "N": 2}
RULES = {
    "+": (lambda a, b: a + b, lambda a, b: a + b),
    "-": (lambda a, b: a - b, lambda a, b: a - b),
    "*": (lambda a, b: a * b, lambda a, b: a * b),
    "//": (lambda a, b: a // b, lambda a, b: a // b),
    "%": (lambda a, b: a % b, lambda a, b: a % b),
    "ceil": (lambda a, b: -(-a // b), ceildiv),
    "max": (max, maximum),
    "min": (min, minimum),
}
DIVISORS = (2, 2, 3, 4, 5, 8, 16, -2, -3)


def tree(draw: random.Random, depth: int) -> object:
    """A random expression: an int, a name, or (rule, left, right)."""
    if depth == 0:
        return draw.choice([*DECLARED, "H", "W", draw.randint(-9, 20)])
    rule = draw.choice([*RULES, "+", "-", "//"])
    left = tree(draw, depth - 1)
    if rule in ("//", "%", "ceil") and draw.random() < 0.8:
        return rule, left, draw.choice(DIVISORS)
    return rule, left, tree(draw, draw.randint(0, depth - 1))


def value(expression: object, sizes: dict, side: int) -> object:
    """The expression in plain ints (side 0) or in sizes (side 1)."""
    if isinstance(expression, tuple):
        rule, left, right = expression
        return RULES[rule][side](value(left, sizes, side), value(right, sizes, side))
    return sizes[expression] if isinstance(expression, str) else expression


def table() -> dict:
    """Every declared size by name."""
    symbols = Symbols()
    return {name: symbols.declare(name, **bounds) for name, bounds in DECLARED.items()}


def legal(draw: random.Random) -> dict[str, int]:
    """Random legal sizes, often at the edges of what is declared."""
    out = {}
    for name, bound in DECLARED.items():
        step, low = bound.get("multiple_of", 1), bound.get("minimum", 1)
        first = -(-low // step)
        last = bound["maximum"] // step if "maximum" in bound else first + 10 ** draw.randint(0, 3)
        out[name] = step * draw.choice([first, min(first + 1, last), draw.randint(first, last)])
    return out


def built(seed: int, count: int, depth: int) -> list[tuple[object, object]]:
    """Random expressions with their sizes; those that always divide by zero are left out."""
    draw, sizes, out = random.Random(seed), table(), []
    while len(out) < count:
        expression = tree(draw, draw.randint(1, depth))
        try:
            out.append((expression, value(expression, sizes, 1)))
        except (ShapeError, ZeroDivisionError):
            continue
    return out


def defined(expression: object, sizes: dict[str, int]) -> int | None:
    """The plain value, or None where it divides by zero."""
    try:
        return value(expression, sizes, 0)
    except ZeroDivisionError:
        return None


def read(text: str, sizes: dict[str, int]) -> Fraction | int:
    """The value of a printed size: a tiny evaluator over Python's syntax tree."""
    calls = {"max": max, "min": min, "ceil": math.ceil}
    operators = {
        ast.Add: lambda a, b: a + b,
        ast.Sub: lambda a, b: a - b,
        ast.Mult: lambda a, b: a * b,
        ast.Pow: lambda a, b: a**b,
        ast.FloorDiv: lambda a, b: a // b,
        ast.Mod: lambda a, b: a % b,
        ast.Div: lambda a, b: Fraction(a) / b,
    }

    def walk(node: ast.AST) -> Fraction | int:
        match node:
            case ast.Constant(number):
                return number
            case ast.Name(name):
                return sizes[name]
            case ast.UnaryOp(ast.USub(), inner):
                return -walk(inner)
            case ast.BinOp(left, operator, right):
                return operators[type(operator)](walk(left), walk(right))
            case ast.Call(ast.Name(name), arguments):
                return calls[name](*map(walk, arguments))
        raise AssertionError(ast.dump(node))

    return walk(ast.parse(text, mode="eval").body)


@pytest.mark.parametrize("seed", range(5))
def test_a_size_evaluates_as_plain_integers_do(seed: int) -> None:
    draw = random.Random(seed)
    checked = 0
    for expression, size in built(seed, 600, 4):
        for sizes in (legal(draw) for _ in range(20)):
            expected = defined(expression, sizes)
            if expected is not None:
                assert substitute(size, sizes) == expected, (expression, sizes, size)
                checked += 1
    assert checked > 11_000


@pytest.mark.parametrize("seed", range(10, 13))
def test_a_printed_size_reads_back_as_the_same_value(seed: int) -> None:
    draw = random.Random(seed)
    for expression, size in built(seed, 500, 4):
        for sizes in (legal(draw) for _ in range(4)):
            expected = defined(expression, sizes)
            if expected is not None:
                assert read(str(size), sizes) == expected, (expression, str(size), sizes)


@pytest.mark.parametrize("seed", range(20, 23))
def test_bounds_are_never_left(seed: int) -> None:
    draw = random.Random(seed)
    for expression, size in built(seed, 400, 4):
        low, high = bounds(size)
        for sizes in (legal(draw) for _ in range(12)):
            expected = defined(expression, sizes)
            if expected is not None:
                assert low is None or low <= expected, (expression, size, sizes)
                assert high is None or high >= expected, (expression, size, sizes)


RELATIONS = {
    "equal": (equal, lambda a, b: a == b),
    "at least": (at_least, lambda a, b: a >= b),
    "divisible": (divisible, lambda a, b: a % b == 0),
}


def relative(draw: random.Random, expression: object, other: object) -> object:
    """An expression that is often, but not always, equal to a given one."""
    k = draw.choice(DIVISORS[:7])
    return draw.choice(
        [
            other,
            ("+", expression, draw.randint(-2, 2)),
            ("max", expression, other),
            ("min", other, expression),
            ("*", ("//", expression, k), k),
            ("ceil", ("*", expression, k), k),
            ("+", ("%", expression, k), ("*", k, ("//", expression, k))),
            ("-", ("max", expression, other), ("max", 0, ("-", other, expression))),
        ]
    )


def questions(seed: int, count: int, depth: int) -> list[tuple[str, object, object, Verdict]]:
    """Random relations with their verdicts."""
    draw, sizes, out = random.Random(seed), table(), []
    while len(out) < count:
        rule = draw.choice(list(RELATIONS))
        left, other = tree(draw, draw.randint(1, depth)), tree(draw, draw.randint(0, 2))
        right = draw.choice(DIVISORS) if rule == "divisible" else relative(draw, left, other)
        try:
            a, b = value(left, sizes, 1), value(right, sizes, 1)
        except (ShapeError, ZeroDivisionError):
            continue
        out.append((rule, left, right, RELATIONS[rule][0](a, b)))
    return out


def holds(rule: str, left: object, right: object, sizes: dict[str, int]) -> bool | None:
    """Whether the relation holds in plain integers; None where a side is not defined."""
    a, b = defined(left, sizes), defined(right, sizes)
    return None if a is None or b is None else RELATIONS[rule][1](a, b)


@pytest.mark.parametrize("seed", range(30, 34))
def test_always_and_never_are_contradicted_by_no_evaluation(seed: int) -> None:
    draw, checked = random.Random(seed), 0
    for rule, left, right, verdict in questions(seed, 500, 3):
        if verdict.undecided:
            continue
        for sizes in (legal(draw) for _ in range(25)):
            found = holds(rule, left, right, sizes)
            assert found in (None, verdict.always), (rule, left, right, sizes)
            checked += 1
    assert checked > 5_000


@pytest.mark.parametrize("seed", range(40, 43))
def test_witnesses_are_legal_and_true(seed: int) -> None:
    seen = 0
    for rule, left, right, verdict in questions(seed, 300, 3):
        for wanted, sizes in ((True, verdict.holds_at), (False, verdict.fails_at)):
            if sizes is None:
                continue
            for name, size in sizes.items():
                bound = DECLARED[name]
                assert size % bound.get("multiple_of", 1) == 0
                assert bound.get("minimum", 1) <= size <= bound.get("maximum", size)
            found = holds(rule, left, right, SMALLEST | sizes)
            assert found in (wanted, None), (rule, left, right, sizes)
            seen += found is wanted
    assert seen > 100


def test_sometimes_always_comes_with_both_witnesses() -> None:
    found = [v for *_, v in questions(45, 400, 3) if v.answer is Answer.SOMETIMES]
    assert len(found) > 50
    assert all(v.holds_at is not None and v.fails_at is not None for v in found)


def legal_multiples(draw: random.Random, m: int) -> dict[str, int]:
    """Random legal sizes that are multiples of m as well, for the symbols without a maximum."""
    out = {}
    for name, bound in DECLARED.items():
        if "maximum" in bound:
            continue
        step, low = math.lcm(m, bound.get("multiple_of", 1)), bound.get("minimum", 1)
        first = -(-low // step)
        out[name] = step * (first + draw.randint(0, draw.choice([2, 60, 900])))
    return out


def fails_somewhere(question: tuple, m: int, draw: random.Random, count: int) -> bool:
    """Whether random legal sizes that are multiples of m break a relation."""
    points = (legal_multiples(draw, m) for _ in range(count))
    return any(holds(*question, sizes) is False for sizes in points)


@pytest.mark.parametrize("seed", range(50, 53))
def test_a_multiple_that_is_offered_settles_it_and_no_smaller_one_does(seed: int) -> None:
    draw, seen = random.Random(seed), 0
    for *question, verdict in questions(seed, 400, 3):
        m = verdict.multiple_of
        if verdict.answer is not Answer.SOMETIMES or m is None or {"Q", "N"} & names(question):
            continue
        seen += 1
        assert not fails_somewhere(question, m, draw, 60), question
        for smaller in range(2, min(m, 33)):
            assert fails_somewhere(question, smaller, draw, 3_000), (question, m, smaller)
    assert seen > 10


def names(expression: object) -> set[str]:
    """The names in an expression."""
    if isinstance(expression, tuple | list):
        return set().union(*map(names, expression))
    return {expression} & set(DECLARED)


def thresholds(seed: int, count: int) -> list[tuple]:
    """Questions whether a random size reaches a number, with a minimum of one symbol offered."""
    draw, sizes, out = random.Random(seed), table(), []
    while len(out) < count:
        left, right = tree(draw, draw.randint(1, 3)), draw.randint(2, 60)
        try:
            verdict = at_least(value(left, sizes, 1), right)
        except (ShapeError, ZeroDivisionError):
            continue
        if verdict.minimum is not None and len(verdict.minimum) == 1:
            out.append(("at least", left, right, *verdict.minimum.items()))
    return out


@pytest.mark.parametrize("seed", range(60, 63))
def test_a_minimum_that_is_offered_is_the_least_that_settles_it(seed: int) -> None:
    draw = random.Random(seed)
    for *question, (name, low) in thresholds(seed, 40):
        for sizes in (legal(draw) for _ in range(200)):
            assert sizes[name] < low or holds(*question, sizes) is not False, (question, sizes)
        step = DECLARED[name].get("multiple_of", 1)
        below = (legal(draw) | {name: low - step} for _ in range(3_000))
        assert any(holds(*question, sizes) is False for sizes in below), (question, name, low)


@pytest.mark.parametrize("seed", range(70, 72))
def test_an_exact_quotient_times_its_divisor_is_the_size(seed: int) -> None:
    draw, seen = random.Random(seed), 0
    for expression, size in built(seed, 500, 3):
        divisor = draw.choice(DIVISORS)
        quotient = exact_quotient(size, divisor)
        if quotient is None:
            continue
        seen += 1
        for sizes in (legal(draw) for _ in range(10)):
            expected = defined(expression, sizes)
            if expected is not None:
                assert substitute(quotient, sizes) * divisor == expected
    assert seen > 30


def in_z3(z3: object, expression: object, sizes: dict) -> object:
    """An expression with positive constant divisors in z3's integers, whose // is Python's then."""
    if not isinstance(expression, tuple):
        return sizes[expression] if isinstance(expression, str) else z3.IntVal(expression)
    rule, left, right = expression
    a, b = in_z3(z3, left, sizes), in_z3(z3, right, sizes)
    rules = {
        "+": lambda: a + b,
        "-": lambda: a - b,
        "*": lambda: a * b,
        "//": lambda: a / b,
        "%": lambda: a % b,
        "ceil": lambda: -(-a / b),
        "max": lambda: z3.If(a >= b, a, b),
        "min": lambda: z3.If(a <= b, a, b),
    }
    return rules[rule]()


def simple(expression: object) -> bool:
    """Whether an expression is linear but for floors by positive numbers."""
    if not isinstance(expression, tuple):
        return True
    rule, left, right = expression
    if rule in ("//", "%", "ceil") and not (isinstance(right, int) and right > 0):
        return False
    if rule == "*" and not (isinstance(left, int) or isinstance(right, int)):
        return False
    return simple(left) and simple(right)


def test_z3_finds_no_counterexample_to_always_and_never() -> None:
    z3 = pytest.importorskip("z3")
    sizes = z3.Ints(" ".join(DECLARED))
    sizes = dict(zip(DECLARED, sizes, strict=True))
    seen = 0
    for rule, left, right, verdict in questions(80, 700, 3):
        if verdict.undecided or not simple(left) or not simple(right):
            continue
        solver = z3.Solver()
        solver.set("timeout", 1_000)
        for name, bound in DECLARED.items():
            solver.add(sizes[name] >= bound.get("minimum", 1))
            solver.add(sizes[name] % bound.get("multiple_of", 1) == 0)
            solver.add(sizes[name] <= bound.get("maximum", 10**9))
        if rule == "divisible" and right < 0:
            right = -right
        claim = RELATIONS[rule][1](in_z3(z3, left, sizes), in_z3(z3, right, sizes))
        solver.add(z3.Not(claim) if verdict.always else claim)
        assert solver.check() != z3.sat, (rule, left, right, verdict)
        seen += 1
    assert seen > 60
