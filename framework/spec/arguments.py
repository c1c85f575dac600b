"""Arguments and lets: constants of a model or block, bound in the order of the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from framework.errors import Mistake, Place, Source, did_you_mean
from framework.ir.dims import Dim
from framework.source import Scalar
from framework.source.scalars import resolve
from framework.spec.document import Arg, Argument, Block, Document
from framework.spec.expressions import Mode, Value, parse
from framework.spec.frames import Chosen, Frame
from framework.spec.report import Report
from framework.spec.values import PlacedMistake, Reported, Scope, check_truth_word, checked


def setting(name: str, value: object) -> Argument:
    """An argument given on the command line (``--set name=value``) or in Python."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    prefix = f"--set {name}="
    place = Place(Source("command line", prefix + text), 1, len(prefix) + 1, max(1, len(text)))
    key = Scalar(name, name, True, Place(place.source, 1, 7, len(name)))
    read = resolve(text) if isinstance(value, str) else value
    if isinstance(read, bool | int | float):
        return Argument(key, Scalar(read, text, True, place), None)
    scalar = Scalar(text, text, True, place)
    try:
        return Argument(key, scalar, parse(text, place))
    except Mistake as error:
        return Argument(key, scalar, None, error)


def check_settings(settings: Sequence[Argument], block: Block, report: Report) -> None:
    """Report settings that the model has no argument for."""
    names = [arg.name for arg in block.args]
    for item in settings:
        if item.key.raw not in names:
            hint = did_you_mean(item.key.raw, names) or f"arguments: {', '.join(names) or 'none'}"
            fact = f"there is no argument '{item.key.raw}'"
            report.add("unknown-argument", fact, item.key.place, hint)


class Binder:
    """Binds the arguments of one frame; the caller's frame is where ``with:`` is evaluated."""

    def __init__(self, report: Report) -> None:
        self.report = report

    def bind(
        self,
        frame: Frame,
        given: Mapping[str, Argument],
        caller: Frame | None,
        place: Place,
        scope: Scope | None = None,
    ) -> None:
        """Fill the frame's scope and choices; what fails is marked as broken."""
        for arg in frame.block.args:
            argument = given.get(arg.name)
            try:
                if argument is not None:
                    outer = scope if scope is not None else frame.scope
                    self.give(arg, argument, frame, caller, outer)
                elif arg.default is None:
                    raise missing(arg, caller)
                else:
                    default = Argument(arg.default, arg.default, arg.expression)
                    self.give(arg, default, frame, None, frame.scope)
            except Reported:
                frame.scope.broken.add(arg.name)
            except Mistake as error:
                self.report.mistake(error, argument.value.place if argument else place)
                frame.scope.broken.add(arg.name)

    def give(
        self, arg: Arg, argument: Argument, frame: Frame, caller: Frame | None, scope: Scope
    ) -> None:
        """Bind one argument to a value."""
        if arg.type == "block":
            frame.choices[arg.name] = self.choose(argument, frame, caller)
        elif arg.type == "text":
            frame.scope.values[arg.name] = self.word(argument, scope)
        else:
            frame.scope.values[arg.name] = self.number(arg, argument, scope, frame.scope)

    def choose(self, argument: Argument, frame: Frame, caller: Frame | None) -> Chosen:
        """A block by name, or the block that the caller's own argument stands for."""
        name = argument.value.raw
        if caller is not None and name in caller.choices:
            return caller.choices[name]
        home: Document = frame.home if caller is None else caller.home
        if name not in home.blocks:
            if name in home.broken:
                raise Reported
            hint = did_you_mean(name, home.blocks) or f"blocks: {', '.join(sorted(home.blocks))}"
            place = argument.value.place
            raise PlacedMistake(
                place, f"there is no block '{name}'", hint=hint, code="unknown-block"
            )
        return Chosen(home.blocks[name], home.home(name))

    def word(self, argument: Argument, scope: Scope) -> str:
        """Literal text, or the caller's text argument of that name."""
        value = scope.values.get(argument.value.raw)
        return value if isinstance(value, str) and argument.value.plain else argument.value.raw

    def number(self, arg: Arg, argument: Argument, scope: Scope, own: Scope) -> Value:
        """A number, a truth value or a size, of the argument's type.

        The value speaks of the caller's ``scope``, the default of the block's ``own``.
        """
        if argument.failure is not None:
            raise argument.failure
        raw = argument.value
        value: Value = raw.value if isinstance(raw.value, bool | int | float) else raw.raw
        want = arg.type or default_type(arg, own)
        if want == "bool":
            check_truth_word(raw)
        if argument.expression is not None:
            mode: Mode = "real" if want == "real" else "size"
            value = scope.evaluate(argument.expression, mode)
        if want is None or (want == "int" and isinstance(value, Dim)):
            return value
        number: Value = checked(value, want, raw.place, raw.raw)
        return number


def missing(arg: Arg, caller: Frame | None) -> Mistake:
    """An argument without default that nobody gave: in ``with:``, or on the command line."""
    fact = f"the argument '{arg.name}' is required"
    if caller is not None:
        return Mistake(fact, hint=f"add {arg.name}: to with:", code="missing-argument")
    hint = f"give it a default, or --set {arg.name}=..."
    return PlacedMistake(arg.place, fact, hint=hint, code="missing-argument")


def default_type(arg: Arg, scope: Scope) -> str | None:
    """The type that a default fixes; None where it is a size or cannot be computed."""
    value: object = arg.default.value if arg.default is not None else None
    if arg.expression is not None:
        try:
            value = scope.evaluate(arg.expression)
        except (Mistake, Reported):
            return None
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    return "real" if isinstance(value, float) else None


def bind_lets(frame: Frame, report: Report) -> None:
    """Names for expressions; a name that fails is broken, so that its users stay silent."""
    for let in frame.block.lets:
        value = report.attempt(let.place, frame.scope.evaluate, let.expression)
        if value is None:
            frame.scope.broken.add(let.name)
        else:
            frame.scope.values[let.name] = value
