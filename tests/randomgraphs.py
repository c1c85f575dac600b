"""Small random graphs with repeated parts, several outputs, shared weights."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from framework.api.builder import Builder
from framework.ir.graph import Value

WORDS = (
    "relu", "tanh", "add", "sub", "linear", "tied", "concat", "split", "layer_norm", "dropout",
    "parameter", "attention", "einsum", "scale", "select",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One instruction: an operator, what it reads (counted back), and a number."""

    word: str
    back: tuple[int, int]
    number: int


lines = st.builds(
    Line,
    st.sampled_from(WORDS),
    st.tuples(st.integers(1, 5), st.integers(1, 9)),
    st.integers(1, 3),
)
parts = st.lists(st.tuples(st.lists(lines, min_size=1, max_size=7), st.integers(1, 4)), max_size=3)


def built(
    program: list[tuple[list[Line], int]], named: bool, outputs: list[int], inputs: int
) -> Builder:
    """The graph of a program; scopes are open while a part runs, if it is ``named``."""
    net = Builder("random", doc="A graph: made # at random")
    batch, length = net.dim("B", maximum=9, example=2), net.dim("T", multiple_of=2, example=4)
    values = [net.input(f"in_{n}", [batch, length, 4]) for n in range(inputs)]
    tied: list[str] = []
    for number, (part, copies) in enumerate(program):
        for copy in range(copies):
            if named:
                with net.scope(f"part{number}"), net.scope(str(copy)):
                    run(net, part, values, tied)
            else:
                run(net, part, values, tied)
    values.append(net.add("tanh", values[-1]))
    for number, back in enumerate(outputs):
        net.output(f"out_{number}", values[-min(back, len(values))])  # perhaps an input
    return net


def run(net: Builder, part: list[Line], values: list[Value], tied: list[str]) -> None:
    """Add the nodes of a part."""
    for line in part:
        x, y = (values[-min(back, len(values))] for back in line.back)
        values += step(net, line, x, y, tied)


def step(net: Builder, line: Line, x: Value, y: Value, tied: list[str]) -> list[Value]:
    """The results of one instruction, all of shape [B, T, 4]."""
    match line.word:
        case "linear":
            x = net.add("linear", x, out=4)
            tied.append(f"{x.node}.weight")
            return [net.add("linear", net.add("linear", x, out=4 * line.number), out=4)]
        case "tied":
            weights = {"weight": tied[-min(line.number, len(tied))]} if tied else {}
            return [net.add("linear", x, out=4, weights=weights)]
        case "concat":
            return [net.add("linear", net.add("concat", x, y, axis=-1), out=4, bias=False)]
        case "split":
            node = net.add("split", x, axis=-1, parts=2)
            first, second = net.outputs_of(node)
            return [
                net.add("concat", *((second, first), (second, second))[line.number % 2], axis=2)
            ]
        case "parameter":
            return [net.add("add", x, net.add("parameter", shape=[1, 1, 4]))]
        case "attention":
            return [net.add("attention", x, y, y, causal=line.number == 1)]
        case "einsum":
            return [net.add("einsum", x, y, equation="b t d, b t d -> b t d")]
        case "scale":
            return [net.add("scale", x, by=1.0 / line.number)]
        case "select":
            token = net.add("select", x, axis=1, index=0)
            shape = [*net.type_of(x).shape]
            token = net.add("unsqueeze", token, axes=1)
            return [net.add("expand", token, shape=shape)]
        case "add" | "sub":
            return [net.add(line.word, x, y)]
    return [net.add(line.word, x)]
