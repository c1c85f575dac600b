"""`Document` -> typed `Graph`: constants, sizes, inputs, nodes, outputs."""

from __future__ import annotations

from collections.abc import Mapping

from framework.errors import Mistake, SpecError
from framework.ir.conditions import Condition
from framework.ir.dims import Size
from framework.ir.facts import Facts
from framework.ir.graph import Graph
from framework.ir.types import TensorType
from framework.spec.arguments import Binder, bind_lets, check_settings, setting
from framework.spec.blocks import reserved_names
from framework.spec.counting import check_count
from framework.spec.demands import Demands
from framework.spec.document import DimSpec, Document, InputSpec
from framework.spec.elaborate import Abandoned, Elaborator
from framework.spec.examples import choose_examples, nearest_size
from framework.spec.frames import Frame, Result
from framework.spec.origins import Origins
from framework.spec.report import Report
from framework.spec.requirements import assume_requirements
from framework.spec.values import PlacedMistake, Reported, Scope, worth
from framework.spec.wiring import resolve

MANY = 2_000  # nodes of a model that is not built for its shapes once there are mistakes


def build(
    document: Document, report: Report | None = None, settings: Mapping[str, object] | None = None
) -> Graph:
    """The typed graph of a model; raises `SpecError` with all problems, those of reading included.

    ``settings`` give values to the model's arguments.
    """
    report = report if report is not None else Report()
    graph = Builder(document, report, settings or {}).build()
    if report.problems:
        raise SpecError(report.problems)
    return graph


class Builder:
    """Builds the top level of one document."""

    def __init__(self, document: Document, report: Report, settings: Mapping[str, object]) -> None:
        self.document = document
        self.report = report
        self.settings = [setting(name, value) for name, value in settings.items()]
        self.graph = Graph(document.name, document.main.doc)
        self.demands = Demands(report, Facts(self.graph.symbols), Origins(self.graph))
        self.examples: dict[str, int | None] = {}
        self.frame = Frame(
            document.main,
            document,
            Scope(broken=set(document.main.broken)),
            reserved=reserved_names(document.main),
        )

    def build(self) -> Graph:
        """The graph; problems go to the report."""
        frame, main = self.frame, self.document.main
        check_settings(self.settings, main, self.report)
        given = {argument.key.raw: argument for argument in self.settings}
        Binder(self.report).bind(frame, given, None, main.place)
        for dim in main.dims:
            self.report.attempt(dim.place, self.declare, dim)
        bind_lets(frame, self.report)
        assumed = assume_requirements(frame, self.report, self.demands)
        if assumed is None:
            return self.graph
        self.graph.conditions += assumed
        self.choose_examples(assumed)
        for spec in main.inputs:
            self.report.attempt(spec.place, self.input, spec)
        self.nodes()
        self.demands.flush()
        return self.graph

    def nodes(self) -> None:
        """The nodes, then the outputs."""
        inputs = self.document.main.inputs
        start = self.frame.results.get(inputs[0].name) if len(inputs) == 1 else None
        elaborator = Elaborator(self.graph, self.report, self.demands)
        try:
            count = check_count(self.document.main.nodes, self.frame)
            if count > MANY and self.report.problems:
                return  # what has been found is enough for so large a model
            last = elaborator.nodes(self.document.main.nodes, start, self.frame)
        except Abandoned:
            return
        except Mistake as error:
            self.report.mistake(error, self.document.main.place)
            return
        self.outputs(last)

    def declare(self, dim: DimSpec) -> None:
        """One symbolic size, with the size used when nobody gives one."""
        self.frame.scope.broken.add(dim.name)
        options = {k: v.evaluate(self.frame.scope) for k, v in dim.options.items()}
        example = options.pop("example", None)
        symbols = self.graph.symbols
        size = symbols.declare(
            dim.name,
            minimum=options.get("min", 1),
            maximum=options.get("max"),
            multiple_of=options.get("multiple_of", 1),
        )
        self.examples[dim.name] = self.checked_example(dim, example)
        self.frame.scope.values[dim.name] = size
        self.frame.scope.broken.discard(dim.name)

    def checked_example(self, dim: DimSpec, given: int | None) -> int | None:
        """The example if one is given; it must be legal."""
        if given is None:
            return None
        bounds = self.demands.facts.bounds(dim.name)
        broken = [f"min: {bounds.minimum}"] if given < bounds.minimum else []
        if bounds.maximum is not None and given > bounds.maximum:
            broken.append(f"max: {bounds.maximum}")
        if given % bounds.multiple_of:
            broken.append(f"multiple_of: {bounds.multiple_of}")
        if broken:
            fact = f"the example {given} of '{dim.name}' breaks {' and '.join(broken)}"
            hint = f"{nearest_size(given, bounds)} would fit"
            raise PlacedMistake(dim.options["example"].place, fact, hint=hint, code="example")
        return given

    def choose_examples(self, assumed: list[Condition]) -> None:
        """Sizes for a run without any, in the order of the dims."""
        place = self.document.main.place
        if self.document.main.require:
            place = self.document.main.require[0].place
        facts = self.demands.facts
        found = self.report.attempt(place, choose_examples, self.examples, assumed, facts)
        self.graph.examples.update(found or {})

    def input(self, spec: InputSpec) -> None:
        """One input; its sizes are known here, none is bound."""
        self.frame.results[spec.name] = None
        sizes: list[Size] = []
        for number, axis in enumerate(spec.shape.axes):
            if axis is None:
                hint = "give every axis a size; ... is for the ports of blocks"
                raise PlacedMistake(spec.shape.place, "... cannot stand here", hint=hint)
            value = self.frame.scope.evaluate(axis)
            if isinstance(value, bool | str | float):
                raise PlacedMistake(axis.place, f"expected a size, {worth(axis.text, value)}")
            if isinstance(value, int) and value < 0:
                raise PlacedMistake(axis.place, f"a size cannot be {value}", code="shape")
            condition = Condition("<=", 0, value, f"axis {number} of {spec.name} is a size")
            if not self.demands.check([condition], axis.place, "", ()):
                raise Reported
            sizes.append(value)
        type_ = TensorType(tuple(sizes), "float32" if spec.dtype is None else spec.dtype)
        value_ = self.graph.add_input(spec.name, type_, spec.place, spec.doc)
        self.frame.results[spec.name] = Result({"": value_})

    def outputs(self, last: Result | None) -> None:
        """The named outputs; without any, the last result."""
        outputs = self.document.main.outputs
        if not outputs and last is not None:
            self.graph.outputs["output"] = last.plain
        for output in outputs:
            try:
                self.graph.outputs[output.name] = resolve(output.node, last, self.frame)
            except Reported:
                continue
            except Mistake as error:
                self.report.mistake(error, output.node.place)
