"""The expression language: its arithmetic, its limits, and every message whole."""

from __future__ import annotations

import math
import operator
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.errors import Place, Problem, Source
from framework.ir.dims import Dim, Symbols
from framework.limits import LARGEST_NUMBER
from framework.spec.arithmetic import Mode, Value
from framework.spec.expressions import Comparison, Expression, ExpressionError, parse


def reading(text: str) -> Expression:
    source = Source("f.yaml", f"x: {text}\n")
    return parse(text, Place(source, 1, 4, len(text)))


def size(text: str, **scope: Value) -> Value:
    return reading(text).evaluate(scope, mode="size")


def real(text: str, **scope: Value) -> Value:
    return reading(text).evaluate(scope, mode="real")


def message(text: str, mode: Mode = "size", **scope: Value) -> str:
    with pytest.raises(ExpressionError) as caught:
        reading(text).evaluate(scope, mode=mode)
    return str(Problem.of(caught.value, caught.value.place))


def shown(code: str, column: int, fact: str, text: str, width: int, hint: str = "") -> str:
    caret = " " * (column - 1) + "^" * width + (f" {hint}" if hint else "")
    return f"f.yaml:1:{column}: error[{code}]: {fact}\n    1 | x: {text}\n      | {caret}"


WHOLE = [
    ("7", 7),
    ("2+3*4", 14),
    ("(2+3)*4", 20),
    ("10-3-2", 5),
    ("2**3**2", 512),
    ("-2**2", -4),
    ("2**-(-1)", 2),
    ("--3", 3),
    ("+-3", -3),
    ("7//2", 3),
    ("-7//2", -4),
    ("-7%3", 2),
    ("12/4/3", 1),
    ("100//7%4*2", 4),
    ("min(3, 1, 2)", 1),
    ("max(3, 1, 2)", 3),
    ("ceildiv(7, 2)", 4),
    ("ceildiv(-7, 2)", -3),
    ("ceil(2.1) + floor(2.9)", 5),
    ("ceil(3)", 3),
    ("ceil(7/2)", 4),
    ("floor(7/2)", 3),
    ("ceil(-7/2)", -3),
    ("ceil(7.5/2)", 4),
    ("sqrt(49)", 7),
    ("0.5*4", 2),
    ("1e2", 100),
    (".5 + 1.5", 2),
    ("999999999999999", 999999999999999),
    ("0", 0),
    ("00", 0),
    ("1 if true else 2", 1),
    ("1 if false else 2 if false else 3", 3),
    ("(1 if false else 2) + 1", 3),
    ("1 if 2 < 3 else 1//0", 1),
    ("1//0 if 2 > 3 else 4", 4),
    ("true or 1//0 == 1", True),
    ("false and 1//0 == 1", False),
    ("true and not false", True),
    ("not 1 == 2", True),
    ("not not true", True),
    ("true or false and false", True),
    ("1 + 1 == 2 and 3 != 4", True),
    ("2 <= 2 and 2 >= 2 and not 2 < 2 and not 2 > 2", True),
    ("true == false", False),
    ("true != false", True),
    ("1.5 > 1", True),
    ("1\n+\t2", 3),
]


@pytest.mark.parametrize(("text", "value"), WHOLE)
def test_a_size_has_the_value_that_arithmetic_says(text: str, value: object) -> None:
    found = size(text)
    assert (type(found), found) == (type(value), value)


REAL = [
    ("1/2", 0.5),
    ("1/sqrt(64)", 0.125),
    ("sqrt(2)", math.sqrt(2)),
    ("sqrt(0.25)", 0.5),
    ("-inf", -math.inf),
    ("inf", math.inf),
    ("1e308*1", 1e308),
    ("7.5//2", 3.0),
    ("7.5%2", 1.5),
    ("2*3", 6),
    ("0.5**2", 0.25),
    ("ceildiv(7.5, 2)", 4.0),
    ("min(inf, 3)", 3),
    ("inf if true else 1", math.inf),
    ("inf > 1e300", True),
    ("1/inf", 0.0),
    ("inf + 1", math.inf),
]


@pytest.mark.parametrize(("text", "value"), REAL)
def test_a_real_number_has_true_division_roots_and_infinity(text: str, value: object) -> None:
    found = real(text)
    assert (type(found), found) == (type(value), value)


def test_names_are_looked_up_in_the_scope() -> None:
    assert size("stride if i == 0 else 1", stride=2, i=0) == 2
    assert size("heads*out", heads=4, out=16) == 64
    assert real("rate*2", rate=0.5) == 1.0
    assert size("flag or 1 > 2", flag=True) is True
    assert size("kind == other", kind="a", other="b") is False


def test_a_single_word_may_be_a_text() -> None:
    assert size("kind", kind="learned") == "learned"


def test_an_expression_knows_its_names_in_order() -> None:
    expression = reading("max(b, 2) if a > b and true else sqrt(inf_)")
    assert expression.mentions == ("b", "a", "inf_")
    assert expression.names == frozenset({"a", "b", "inf_"})
    assert str(expression) == expression.text == "max(b, 2) if a > b and true else sqrt(inf_)"


def test_an_expression_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        reading("a").mentions = ()  # type: ignore[misc]


def symbols() -> dict[str, Dim]:
    table = Symbols()
    return {
        "B": table.declare("B"),
        "H": table.declare("H"),
        "T": table.declare("T", minimum=8, maximum=512),
        "W": table.declare("W", multiple_of=16),
    }


SYMBOLIC = [
    ("H//16", "H//16"),
    ("H + H", "2*H"),
    ("H - H", "0"),
    ("2*H/2", "H"),
    ("W/16*16", "W"),
    ("H*0", "0"),
    ("(H + 1)**2 - H**2 - 2*H", "1"),
    ("H**0", "1"),
    ("ceildiv(H, 2)", "ceil(H/2)"),
    ("ceil(H)", "H"),
    ("ceil(H/2)", "ceil(H/2)"),
    ("ceil((H + 1)/4)*ceil(T/2)", "(H//4 + 1)*ceil(T/2)"),
    ("floor(H/2)", "H//2"),
    ("ceil(W/16)", "W/16"),
    ("max(H, 1)", "H"),
    ("min(T, 512)", "T"),
    ("W % 16", "0"),
    ("-H", "-H"),
    ("1 if T >= 8 else H", "1"),
    ("1 if T > 512 else 2", "2"),
    ("1 if W % 8 == 0 else 2", "1"),
    ("1 if H + 1 != H else 2", "1"),
    ("1 if H < 1 else 2", "2"),
    ("1 if T <= 512 else 2", "1"),
]


@pytest.mark.parametrize(("text", "value"), SYMBOLIC)
def test_symbolic_sizes_are_computed_with(text: str, value: str) -> None:
    assert str(size(text, **symbols())) == value


UNDECIDED = [
    (
        "1 if H == 4 else 2",
        shown("undecided", 11, "cannot be decided for every size: H == 4", "{}", 1)
        + "\n  note: true for H = 4, false for H = 1",
    ),
    (
        "1 if H != 4 else 2",
        shown("undecided", 11, "cannot be decided for every size: H != 4", "{}", 1)
        + "\n  note: true for H = 1, false for H = 4",
    ),
    (
        "H >= 4",
        shown(
            "undecided",
            6,
            "cannot be decided for every size: H >= 4",
            "{}",
            1,
            "declare H with min: 4",
        )
        + "\n  note: true for H = 4, false for H = 1",
    ),
    (
        "H < 4",
        shown(
            "undecided",
            6,
            "cannot be decided for every size: H < 4",
            "{}",
            1,
            "declare H with min: 4",
        )
        + "\n  note: true for H = 1, false for H = 4",
    ),
    (
        "H % 4 == 0",
        shown(
            "undecided",
            10,
            "cannot be decided for every size: H%4 == 0",
            "{}",
            1,
            "declare H as multiple_of: 4",
        )
        + "\n  note: true for H = 4, false for H = 1",
    ),
]


@pytest.mark.parametrize(("text", "wanted"), UNDECIDED)
def test_a_comparison_that_depends_on_the_size_is_refused(text: str, wanted: str) -> None:
    assert message(text, **symbols()) == wanted.replace("{}", text)


def test_a_quotient_that_is_not_whole_for_every_size_is_refused() -> None:
    assert message("1 + H/2", **symbols()) == (
        "f.yaml:1:9: error[inexact]: H / 2 is not a whole number for every size\n"
        "    1 | x: 1 + H/2\n"
        "      |         ^ use // to round down, or declare H as multiple_of: 2\n"
        "  note: true for H = 2, false for H = 1"
    )


def test_the_branch_not_taken_is_not_evaluated() -> None:
    scope = symbols()
    assert size("H if true else H/2", **scope) == scope["H"]
    assert size("H/2 if false else 3", **scope) == 3
    assert size("true or H == 4", **scope) is True
    assert size("unknown if false else 1") == 1


def test_a_condition_that_sizes_leave_open_is_taken_apart() -> None:
    scope = symbols()
    expression = reading("H % 4 == 0 and (T >= 8 and B < 2*H)")
    found = expression.comparisons(scope)
    assert found is not None
    assert [(str(c.left), c.sign, str(c.right)) for c in found] == [
        ("H", "divisible", "4"),
        ("T", ">=", "8"),
        ("B", "<", "2*H"),
    ]


@pytest.mark.parametrize("text", ["a < 1 or a > 2", "not a == 1", "a + 1", "a == 1 and flag"])
def test_other_conditions_are_not_taken_apart(text: str) -> None:
    assert reading(text).comparisons({"a": 1, "flag": True}) is None


def test_one_comparison_is_a_condition_of_its_own() -> None:
    assert reading("a == 1").comparisons({"a": 2}) == (Comparison(2, "==", 1),)


SYNTAX = [
    ("", 4, 1, "the expression is empty", "write a number or a name"),
    ("  ", 4, 1, "the expression is empty", "write a number or a name"),
    ("1 +", 7, 1, "the expression ends too early", ""),
    ("(1 + 2", 10, 1, "expected ')'", "a bracket is not closed"),
    ("1 + 2)", 9, 1, "unexpected ')'", ""),
    ("2H", 4, 2, "'2H' is not a number", "write 2*H"),
    ("1_000", 4, 5, "'1_000' is not a number", "write the digits without _"),
    ("0x10", 4, 4, "'0x10' is not a number", "write 0*x10"),
    ("010", 4, 3, "'010' starts with 0", "drop the zero"),
    ("1234567890123456", 4, 16, "the number has 16 digits, the limit is 15", ""),
    ("1e999", 4, 5, "1e999 is too large", "write inf"),
    ("a b", 6, 1, "unexpected 'b'", ""),
    ("(a)(b)", 7, 1, "unexpected '('", "write * to multiply"),
    ("(a) b", 8, 1, "unexpected 'b'", "write * to multiply"),
    ("width.__class__", 9, 1, "unexpected character '.'", ""),
    ("a = 1", 6, 1, "unexpected character '='", "write == to compare"),
    ("a ^ 2", 6, 1, "unexpected character '^'", "write ** for a power"),
    ("!a", 4, 1, "unexpected character '!'", "write not, or !="),
    ("a && b", 6, 1, "unexpected character '&'", "write and"),
    ("${a}", 4, 1, "unexpected character '$'", "write the expression without ${...}"),
    ("[1]", 4, 1, "unexpected character '['", "an expression has no lists"),
    ("'a'", 4, 1, 'unexpected character "\'"', ""),
    ("2 × 3", 6, 1, "unexpected character '×'", "write *"),
    ("2 − 3", 6, 1, "unexpected character '−'", "write -"),
    ("а + 1", 4, 1, "unexpected character 'а'", "this is U+0430, cyrillic small letter a"),
    ("1\xa0+ 2", 5, 1, "unexpected character '\\xa0'", "this is U+00A0, no-break space"),
    ("1 < 2 < 3", 10, 1, "comparisons cannot be chained", "join two comparisons with and"),
    ("1 if 2 > 1", 14, 1, "expected 'else'", "a choice is written: a if condition else b"),
    ("if a: b", 8, 1, "unexpected character ':'", ""),
    ("if a", 4, 2, "unexpected 'if'", "a choice is written: a if condition else b"),
    ("1 + not a", 8, 3, "unexpected 'not'", ""),
    ("else", 4, 4, "unexpected 'else'", ""),
    ("* 4", 4, 1, "unexpected '*'", ""),
    ("max(1,)", 10, 1, "unexpected ')'", ""),
    ("max(1, 2", 12, 1, "expected ')'", "a bracket is not closed"),
    ("max()", 8, 1, "unexpected ')'", ""),
    ("max(1)", 4, 3, "max takes at least 2 arguments, 1 given", ""),
    ("sqrt(1, 2)", 4, 4, "sqrt takes 1 argument, 2 given", ""),
    ("ceildiv(1)", 4, 7, "ceildiv takes 2 arguments, 1 given", ""),
    ("1 / sqr(2)", 8, 3, "unknown function 'sqr'", "did you mean 'sqrt'?"),
    (
        "print(1)",
        4,
        5,
        "unknown function 'print'",
        "functions: ceil, ceildiv, floor, max, min, sqrt",
    ),
    (
        "__import__(1)",
        4,
        10,
        "unknown function '__import__'",
        "functions: ceil, ceildiv, floor, max, min, sqrt",
    ),
    ("lambda x: x", 12, 1, "unexpected character ':'", ""),
]


@pytest.mark.parametrize(("text", "column", "width", "fact", "hint"), SYNTAX)
def test_a_mistake_in_the_grammar_is_found_without_names(
    text: str, column: int, width: int, fact: str, hint: str
) -> None:
    with pytest.raises(ExpressionError) as caught:
        reading(text)
    found = str(Problem.of(caught.value, caught.value.place))
    assert found == shown("expression", column, fact, text, width, hint)


VALUES = [
    ("size // (patch - 16)", "expression", 9, 1, "division by zero", ""),
    ("1 % 0", "expression", 6, 1, "division by zero", ""),
    ("ceildiv(1, 0)", "expression", 4, 7, "division by zero", ""),
    ("ceil(1/0)", "expression", 10, 1, "division by zero", ""),
    ("9**9**9", "expression", 5, 1, "the exponent must be a whole number from 0 to 16", ""),
    ("2**-1", "expression", 5, 1, "the exponent must be a whole number from 0 to 16", ""),
    ("2**0.5", "expression", 5, 1, "the exponent must be a whole number from 0 to 16", ""),
    ("2**17", "expression", 5, 1, "the exponent must be a whole number from 0 to 16", ""),
    ("99**10", "expression", 6, 1, "the result is larger than 10**18", ""),
    ("-big - 1", "expression", 9, 1, "the result is larger than 10**18", ""),
    ("huge", "expression", 4, 4, "the result is larger than 10**18", ""),
    ("7/2", "inexact", 5, 1, "7 / 2 is not a whole number", "use // to round down"),
    ("sqrt(8)", "inexact", 4, 4, "sqrt(8) is not a whole number", ""),
    ("sqrt(-1)", "expression", 4, 4, "sqrt(-1): the number is negative", ""),
    (
        "0.3*size",
        "inexact",
        4,
        8,
        "the result is 67.2, not a whole number",
        "round it with floor() or ceil()",
    ),
    (
        "1 if inf > 2 else 3",
        "expression",
        9,
        3,
        "inf is not a size",
        "a real-valued attribute may be inf",
    ),
    ("1 if 2 else 3", "expression", 9, 1, "a condition must be true or false, not 2", ""),
    ("not 2", "expression", 8, 1, "a condition must be true or false, not 2", ""),
    ("true and size", "expression", 13, 4, "a condition must be true or false, not 224", ""),
    ("word or true", "expression", 4, 4, "a condition must be true or false, not the text 'a'", ""),
    ("true + 1", "expression", 9, 1, "true is not a number", ""),
    ("-true", "expression", 4, 1, "true is not a number", ""),
    ("2*word", "expression", 5, 1, "the text 'a' is not a number", ""),
    ("word < word", "expression", 9, 1, "the text 'a' is not a number", ""),
    ("1 == true", "expression", 6, 1, "true is not a number", ""),
    ("max(1, word)", "expression", 4, 3, "the text 'a' is not a number", ""),
    (
        "half",
        "unknown-name",
        4,
        4,
        "unknown name 'half'",
        "names in scope: big, huge, patch, size, word",
    ),
    ("2*siez", "unknown-name", 6, 4, "unknown name 'siez'", "did you mean 'size'?"),
    ("True", "unknown-name", 4, 4, "unknown name 'True'", "did you mean 'true'?"),
    ("sqrt", "unknown-name", 4, 4, "unknown name 'sqrt'", "sqrt is a function: write sqrt(...)"),
]


@pytest.mark.parametrize(("text", "code", "column", "width", "fact", "hint"), VALUES)
def test_a_value_that_cannot_be_is_explained(
    text: str, code: str, column: int, width: int, fact: str, hint: str
) -> None:
    scope: dict[str, Value] = {"size": 224, "patch": 16, "word": "a", "big": LARGEST_NUMBER}
    found = message(text, huge=LARGEST_NUMBER + 1, **scope)
    assert found == shown(code, column, fact, text, width, hint)


REAL_MISTAKES = [
    ("1/0", 5, 1, "division by zero", ""),
    ("inf - inf", 8, 1, "the result is not a number", ""),
    ("1e308*10", 9, 1, "the result is too large for double precision (1.8e308)", ""),
    ("1e300**2", 9, 1, "the result is too large for double precision (1.8e308)", ""),
    ("ceil(inf)", 4, 4, "ceil(inf) is not a number", ""),
    ("ceil(1e30)", 4, 4, "the result is larger than 10**18", ""),
    ("sqrt(0 - 0.5)", 4, 4, "sqrt(-0.5): the number is negative", ""),
    (
        "1 / sqrt(H)",
        13,
        1,
        "'H' is the symbolic size H, and a number is wanted",
        "only sizes can depend on the dims",
    ),
]


@pytest.mark.parametrize(("text", "column", "width", "fact", "hint"), REAL_MISTAKES)
def test_a_real_number_that_cannot_be_is_explained(
    text: str, column: int, width: int, fact: str, hint: str
) -> None:
    found = message(text, mode="real", H=symbols()["H"])
    assert found == shown("expression", column, fact, text, width, hint)


SIZE_MISTAKES = [
    (
        "0.5*H",
        7,
        1,
        "the size H cannot be combined with 0.5",
        "sizes are whole numbers: use // or ceildiv",
    ),
    (
        "H > 0.5",
        6,
        1,
        "the size H cannot be combined with 0.5",
        "sizes are whole numbers: use // or ceildiv",
    ),
    ("sqrt(H)", 4, 4, "sqrt(H) of a symbolic size is not a size", ""),
    ("H // 0", 6, 1, "division by zero", ""),
    ("2**H", 5, 1, "the exponent must be a whole number from 0 to 16", ""),
    ("1 if H else 2", 9, 1, "a condition must be true or false, not the size H", ""),
]


@pytest.mark.parametrize(("text", "column", "width", "fact", "hint"), SIZE_MISTAKES)
def test_a_symbolic_size_that_cannot_be_is_explained(
    text: str, column: int, width: int, fact: str, hint: str
) -> None:
    found = message(text, H=symbols()["H"])
    assert found == shown("expression", column, fact, text, width, hint)


def test_an_empty_scope_says_so() -> None:
    assert message("q") == shown(
        "unknown-name", 4, "unknown name 'q'", "q", 1, "no names are in scope here"
    )


def test_sizes_cannot_grow_without_bound() -> None:
    with pytest.raises(ExpressionError, match="the formula of a size became too large"):
        size("((B+H+T+W+1)**16)**16", **symbols())


def test_a_long_expression_is_refused_whole() -> None:
    text = "1+" * 100 + "1"
    with pytest.raises(ExpressionError) as caught:
        reading(text)
    assert caught.value.fact == "the expression has 201 characters, the limit is 200"
    assert caught.value.place.width == 201


@pytest.mark.parametrize("text", ["(" * 200, "-" * 199 + "1"])
def test_deep_nesting_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        reading(text)
    assert caught.value.fact == "the expression is nested deeper than 100 levels"
    assert caught.value.place.column == 104


def test_nesting_below_the_limit_is_read() -> None:
    assert size("(" * 99 + "1" + ")" * 99) == 1
    assert size("+".join("1" * 100)) == 100
    assert size("1 if false else " * 12 + "2") == 2


def placed(text: str, place: Place, quoted: bool) -> Place:
    with pytest.raises(ExpressionError) as caught:
        parse(text, place, quoted=quoted)
    return caught.value.place


def test_places_inside_quotes_are_one_further() -> None:
    source = Source("f.yaml", "x: '1 ? 2'\n")
    assert placed("1 ? 2", Place(source, 1, 4, 7), True) == Place(source, 1, 7, 1)


def test_a_mistake_in_folded_text_is_placed_at_its_start() -> None:
    source = Source("f.yaml", "x: 1 +\n  ? 2\n")
    place = Place(source, 1, 4, 3)
    assert placed("1 + ? 2", place, False) == place


def test_a_mistake_behind_an_escape_is_placed_at_the_whole() -> None:
    source = Source("f.yaml", 'x: "1\\t? 2"\n')
    place = Place(source, 1, 4, 8)
    assert placed("1\t? 2", place, True) == place


# Trees of whole-number arithmetic: a number, ("neg", tree), or (sign, left, right).
Tree = int | tuple[str, "Tree"] | tuple[str, "Tree", "Tree"]
SIGNS = {
    "+": (1, operator.add),
    "-": (1, operator.sub),
    "*": (2, operator.mul),
    "//": (2, operator.floordiv),
    "%": (2, operator.mod),
    "**": (4, operator.pow),
}
NEGATION, ATOM = 3, 5
TREES = st.recursive(
    st.integers(0, 9) | st.integers(0, 10**9),
    lambda inner: (
        st.tuples(st.sampled_from(sorted(SIGNS)), inner, inner) | st.tuples(st.just("neg"), inner)
    ),
    max_leaves=12,
)


def level(tree: Tree) -> int:
    if isinstance(tree, int):
        return ATOM
    return NEGATION if tree[0] == "neg" else SIGNS[tree[0]][0]


def bracketed(tree: Tree, least: int) -> str:
    return written(tree) if level(tree) >= least else f"({written(tree)})"


def written(tree: Tree) -> str:
    """The text with as few brackets as Python needs."""
    if isinstance(tree, int):
        return str(tree)
    if len(tree) == 2:
        return "-" + bracketed(tree[1], NEGATION)
    sign, left, right = tree
    here = level(tree)
    if sign == "**":
        return bracketed(left, ATOM) + sign + bracketed(right, NEGATION)
    return bracketed(left, here) + sign + bracketed(right, here + 1)


def worth(tree: Tree) -> int:
    """Python's value; ArithmeticError where the language refuses one."""
    if isinstance(tree, int):
        return tree
    values = [worth(part) for part in tree[1:]]
    if tree[0] == "neg":
        return -values[0]
    if tree[0] == "**" and not 0 <= values[1] <= 16:
        raise ArithmeticError
    result = int(SIGNS[tree[0]][1](*values))
    if abs(result) > LARGEST_NUMBER:
        raise ArithmeticError
    return result


@given(TREES)
def test_whole_number_arithmetic_agrees_with_python(tree: Tree) -> None:
    text = written(tree)
    if len(text) > 200:
        return
    try:
        expected = worth(tree)
    except ArithmeticError:
        with pytest.raises(ExpressionError):
            size(text)
    else:
        assert size(text) == expected
        assert real(text) == expected


@given(TREES, st.integers(1, 40), st.integers(1, 40))
def test_a_symbolic_value_is_right_at_every_size(tree: Tree, h: int, t: int) -> None:
    text = written(tree).replace("9", "H").replace("8", "T")
    table = Symbols()
    try:
        value = size(text, H=table.declare("H"), T=table.declare("T"))
        number = size(text, H=h, T=t)
    except ExpressionError:
        return
    assert (value.at({"H": h, "T": t}) if isinstance(value, Dim) else value) == number


@given(st.text(max_size=30) | st.text(alphabet="0123aH.+-*/%()<>=! ,ifelsandort", max_size=30))
def test_any_text_is_parsed_or_refused_at_a_place(text: str) -> None:
    try:
        problem = None
        reading(text).evaluate({"a": 3, "H": symbols()["H"]}, mode="size")
    except ExpressionError as error:
        problem = Problem.of(error, error.place)
    assert problem is None or str(problem).startswith("f.yaml:")
