"""``require``: conditions over constants must hold; over sizes they are demanded or assumed."""

from __future__ import annotations

from framework.errors import Mistake
from framework.ir.conditions import Condition
from framework.ir.dims import Dim
from framework.spec.demands import Demands
from framework.spec.document import Block
from framework.spec.expressions import Comparison, Expression, ExpressionError
from framework.spec.frames import Frame
from framework.spec.report import Report
from framework.spec.values import Reported, worth

JOINED = "over sizes write ==, <=, >=, <, > or x % y == 0, joined by and"


def check_requirements(frame: Frame, report: Report, demands: Demands) -> bool:
    """Check a block's requirements; what sizes leave open is demanded of the dims."""
    good = True
    for expression in frame.block.require:
        open_ones = failing(expression, frame, report)
        if open_ones is None:
            good = False
        elif not demands.check(open_ones, expression.place, "", frame.notes):
            good = False
    return good


def assume_requirements(frame: Frame, report: Report, demands: Demands) -> list[Condition] | None:
    """Check the model's requirements; what sizes leave open is taken for granted until run time."""
    assumed: list[Condition] = []
    good = True
    for expression in frame.block.require:
        open_ones = failing(expression, frame, report)
        if open_ones is None:
            good = False
            continue
        before = report.marks
        for condition in open_ones:
            verdict = demands.facts.verdict(condition)
            if verdict.never:
                report.mistake(contradiction(condition), expression.place)
            elif not verdict.always:
                report.attempt(expression.place, demands.facts.assume, condition)
                assumed.append(condition)
        good = good and report.marks == before
    return assumed if good else None


def contradiction(condition: Condition) -> Mistake:
    """A requirement that holds for no size, or for none that the earlier ones leave."""
    verdict = condition.verdict()
    if verdict.never:
        return condition.failure(verdict)
    fact = f"{condition} contradicts the requirements before it"
    return Mistake(fact, hint="no size meets all of them", code="require")


def failing(expression: Expression, frame: Frame, report: Report) -> list[Condition] | None:
    """Conditions that sizes leave open, [] when it holds; None when it fails (reported)."""
    try:
        value = frame.scope.evaluate(expression)
    except Reported:
        return []
    except ExpressionError as error:
        conditions = undecided(expression, frame) if error.code == "undecided" else None
        if conditions is None:
            error.hint = error.hint or JOINED if error.code == "undecided" else error.hint
            report.mistake(error, expression.place, frame.notes)
        return conditions
    if value is True:
        return []
    values = frame.scope.values
    known = [name for name in expression.mentions if name in values]
    names = [f"{name} = {values[name]}" for name in known]
    lines = declared_on(frame.block)
    declared = [
        f"{name} is on line {lines[name]}"
        for name in known
        if lines.get(name, expression.place.line) != expression.place.line
    ]
    notes = [", ".join(declared)] if declared else []
    fact = f"not satisfied: {expression.text}"
    if value is not False:
        fact = f"a requirement must be true or false, {worth(expression.text, value)}"
    hint = f"with {', '.join(names)}" if names else None
    report.add("require", fact, expression.place, hint, (*notes, *frame.notes))
    return None


def declared_on(block: Block) -> dict[str, int]:
    """The line of each argument and each name of a block."""
    lines = {arg.name: arg.place.line for arg in block.args}
    return lines | {let.name: let.place.line for let in block.lets}


def undecided(expression: Expression, frame: Frame) -> list[Condition] | None:
    """The comparisons as conditions; None where they cannot be said as such (or, !=)."""
    try:
        found = expression.comparisons(frame.scope.values)
    except Mistake:
        return None
    if found is None:
        return None
    conditions = [as_condition(comparison, expression.text) for comparison in found]
    return None if None in conditions else [c for c in conditions if c is not None]


def as_condition(comparison: Comparison, text: str) -> Condition | None:
    """``left >= right`` as ``right <= left``; strict ones by adding 1."""
    left, right = comparison.left, comparison.right
    if not isinstance(left, int | Dim) or not isinstance(right, int | Dim):
        return None
    what = f"required: {text}"
    match comparison.sign:
        case "==":
            return Condition("==", left, right, what)
        case "divisible":
            return Condition("divisible", left, right, what)
        case "<=":
            return Condition("<=", left, right, what)
        case ">=":
            return Condition("<=", right, left, what)
        case "<":
            return Condition("<=", left + 1, right, what)
        case ">":
            return Condition("<=", right + 1, left, what)
    return None
