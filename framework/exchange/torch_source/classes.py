"""A class as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from framework.exchange.torch_rules.registry import HELPERS
from framework.exchange.torch_source.attributes import Paths, annotation, init_lines
from framework.exchange.torch_source.code import REQUIRED, literal
from framework.exchange.torch_source.flow import Flow, Statement
from framework.exchange.torch_source.klass import Klass
from framework.exchange.torch_source.names import identifier, own_name, prose
from framework.exchange.torch_source.parts import Parameter
from framework.exchange.torch_source.tree import ROOT, inside
from framework.exchange.torch_source.variables import Line, Variables, free
from framework.exchange.torch_source.wrapping import WIDTH, docstring, wrapped
from framework.ir.dims import Size
from framework.ir.graph import Graph, Input, Value

__all__ = ["ClassText"]


class ClassText:
    """One class of the file."""

    def __init__(self, klass: Klass, graph: Graph, paths: Paths) -> None:
        self.klass = klass
        self.graph = graph
        self.paths = paths
        self.body = klass.template
        self.root = self.body.path == ROOT
        self.numbers = self.body.numbers()
        self.inputs = self.input_names()

    def text(self) -> str:
        """The whole class."""
        doc = self.root_doc() if self.root else [self.block_doc()]
        lines = [f"class {self.klass.name}(nn.Module):", *docstring(doc, 4)]
        if self.klass.makes or self.klass.remembered:
            lines += ["", *self.init()]
        return "\n".join([*lines, "", *self.forward()])

    # ------------------------------------------------------------------ docstrings

    def block_doc(self) -> str:
        """What the block is, and where the model uses it."""
        if self.body.doc:
            return prose(self.body.doc)
        paths = sorted((c.body.path for c in self.klass.copies), key=self.position)
        where = f"{paths[0]} to {paths[-1]}" if len(paths) > 3 else ", ".join(paths)
        return f"Block {prose(self.body.block)}: {prose(where)}."

    def position(self, path: str) -> int:
        """Where a scope begins in the model."""
        names = (node.name for node in self.graph)
        return next(i for i, name in enumerate(names) if inside(name, path) is not None)

    def root_doc(self) -> list[str]:
        """What the model is, and how it is used."""
        doc = prose(self.graph.doc) if self.graph.doc else f"The model {prose(self.graph.name)}."
        given = ", ".join(name for _, name in self.inputs)
        result = prose(next(iter(self.graph.outputs), "y"))
        return [
            doc,
            "",
            f">>> model = {self.klass.name}().eval()",
            '>>> model.load_state_dict(safetensors.torch.load_file("weights.safetensors"))',
            f">>> {identifier(result)} = model({given})[{literal(result)}]",
        ]

    def shape(self, value: Value) -> str:
        """The shape of a tensor as a comment."""
        return self.klass.comments[self.numbers[value]]

    # ------------------------------------------------------------------ __init__

    def init(self) -> list[str]:
        """The constructor."""
        given = "".join(f", {argument(p)}" for p in self.klass.parameters)
        lines = wrapped(f"def __init__(self{given}) -> None:", 4)
        lines.append("        super().__init__()")
        for name in self.klass.remembered:
            lines.append(f"        self.{name} = {name}")
        return lines + init_lines(self.klass, self.paths)

    # ------------------------------------------------------------------ forward

    def input_names(self) -> list[tuple[Value | str, str]]:
        """Names of what forward is given: the model's own names, or x and what others are."""
        taken = {"self", "block", *HELPERS, *(name for name, _ in self.klass.sizes)}
        out: list[tuple[Value | str, str]] = []
        wishes: list[Value | str] = [*self.body.tensors, *self.body.weights]
        for position, key in enumerate(wishes):
            name = free(self.wish(key, position), taken)
            taken.add(name)
            out.append((key, name))
        return out

    def wish(self, key: Value | str, position: int) -> str:
        """The name that an input would like to have."""
        if isinstance(key, str):
            return identifier(key)
        if self.root:
            return identifier(key.node)
        if position == 0:
            return "x"
        labels = {self.label(copy.values[position]) for copy in self.klass.copies}
        label = labels.pop()
        return identifier(label) if label is not None and not labels else "y"

    def label(self, value: Value) -> str | None:
        """The id of a tensor's node, if a person gave it one."""
        node = self.graph[value.node]
        if isinstance(node.op, Input):
            return node.name
        parts = [part for part in node.name.split(".") if not part.isdecimal()]
        return own_name(parts[-1], node.op.name) if parts else None

    def forward(self) -> list[str]:
        """The function."""
        values = self.body.values()
        outputs = [values[number] for number in self.klass.outputs]
        if self.root:
            outputs = list(dict.fromkeys(self.graph.outputs.values()))
        given = [f"{name}: Tensor" for _, name in self.inputs]
        given += [f"{name}: int{self.example(sizes[0])}" for name, sizes in self.klass.sizes]
        head = f"def forward({', '.join(['self', *given])}) -> {self.answer(outputs)}:"
        lines = [*wrapped(head, 4), *docstring(self.forward_doc(outputs), 8)]
        seen = self.shape(self.body.tensors[0]) if self.body.tensors else ""
        for line in self.flow(outputs):
            new = line.comment if line.comment != seen else ""
            lines += wrapped(line.text, 12 if line.inner else 8, new)
            seen = line.comment or seen
        return lines

    def example(self, size: Size) -> str:
        """The default of a size that no input of the model tells."""
        name = str(size)
        return (
            f" = {self.graph.examples[name]}" if self.root and name in self.graph.examples else ""
        )

    def answer(self, outputs: Sequence[Value]) -> str:
        """The type of what forward gives."""
        if self.root:
            return "dict[str, Tensor]"
        one = "Tensor"
        return one if len(outputs) == 1 else f"tuple[{', '.join([one] * len(outputs))}]"

    def forward_doc(self, outputs: Sequence[Value]) -> list[str]:
        """Shapes of what goes in and comes out."""
        if self.root:
            return self.interface()
        given = ", ".join(self.shape(value) for value in self.body.tensors)
        results = ", ".join(map(self.shape, outputs))
        whole = f"{given} -> {results}.".lstrip()
        return [whole] if len(whole) <= WIDTH - 14 else [given, f"-> {results}."]

    def interface(self) -> list[str]:
        """Inputs and outputs of the model."""
        names = [name for _, name in self.inputs]
        first = f"From {' and '.join(names)} to " if names else "Gives "
        out = [f"{first}{prose(' and '.join(self.graph.outputs))}.", ""]
        nodes = zip(names, self.graph.inputs.values(), strict=True)
        for name, node in nodes:
            doc = f", {prose(node.doc)}" if node.doc else ""
            out.append(f"{name}: {node.type.dtype} {self.shape(Value(node.name))}{doc}")
        for name, value in self.graph.outputs.items():
            out.append(f"-> {prose(name)}: {self.shape(value)}")
        return out

    def flow(self, outputs: Sequence[Value]) -> Iterator[Line]:
        """The lines of the function."""
        flow = Flow(self.shape, self.body.tensors)
        listed = flow.statements(self.klass.steps, outputs, self.klass.runs)
        last = listed[-1] if listed else None
        direct = last is not None and len(outputs) == 1 and returned(last, outputs[0])
        variables = Variables(dict(self.inputs), self.paths, self.body.path)
        yield from variables.lines(listed, outputs, len(listed) - direct)
        if direct and last is not None:
            text, comment = variables.text(last.code), last.shapes[0]
            notes = [Line(f"# {prose(last.step.doc)}")] if last.step.doc else []
            yield from notes
        else:
            text, comment = ", ".join(variables.names[value] for value in outputs), ""
        if not self.root:
            yield Line(f"return {text}", comment)
            return
        texts = {v: text if direct else variables.names[v] for v in outputs}
        pairs = (f"{literal(n)}: {texts[v]}" for n, v in self.graph.outputs.items())
        yield Line(f"return {{{', '.join(pairs)}}}", comment)


def returned(statement: Statement, output: Value) -> bool:
    """May the last statement be written behind ``return``?"""
    step = statement.step
    return step.results == (output,) and statement.plain


def argument(parameter: Parameter) -> str:
    """An argument of a constructor with its type, and its default if it has one."""
    text = f"{parameter.name}: {annotation(parameter.values)}"
    return text if parameter.default is REQUIRED else f"{text} = {literal(parameter.default)}"
