"""What the tests of the language share: a tiny model from YAML text, and what it became."""

from __future__ import annotations

from textwrap import dedent

import framework as fw

HEAD = "format: 1\n"
PLAIN = "format: 1\ndims: [B]\ninputs: {x: [B, 4]}\n"


def load(text: str, **settings: object) -> fw.Model:
    """The model of a text that says nothing of its format; settings are arguments."""
    return fw.loads(HEAD + dedent(text), name="m.yaml", **settings)


def plain(nodes: str, **settings: object) -> fw.Model:
    """A model with the input x [B, 4] and these nodes."""
    return fw.loads(PLAIN + dedent(nodes), name="m.yaml", **settings)


def names(model: fw.Model) -> list[str]:
    """Names of the nodes without the inputs, in order."""
    return [node.name for node in model.ir if node.name not in model.ir.inputs]


def wires(model: fw.Model, node: str) -> dict[str, str]:
    """What each port of a node reads."""
    return {port: value.node for port, value in model.ir.wires_of(node).items()}


def shape(model: fw.Model, node: str) -> str:
    """Shape of a node's plain result, as it is printed."""
    return f"[{', '.join(map(str, model.ir[node].type.shape))}]"


def outputs(model: fw.Model) -> dict[str, str]:
    """Shapes of the outputs."""
    return {name: f"[{', '.join(map(str, t.shape))}]" for name, t in model.outputs.items()}


def weights(model: fw.Model) -> dict[str, tuple[int, ...]]:
    """Shapes of the stored weights."""
    return {name: parameter.shape for name, parameter in model.ir.parameters.items()}


def problems(text: str, **settings: object) -> list[str]:
    """``line:column fact`` of each problem, with the head line counted."""
    return found(HEAD + dedent(text), **settings)


def plain_problems(nodes: str, **settings: object) -> list[str]:
    """The same for a model with the input x [B, 4]; its nodes start on line 4."""
    return found(PLAIN + dedent(nodes), **settings)


def found(text: str, **settings: object) -> list[str]:
    """``line:column fact`` of each problem of a whole text."""
    try:
        fw.loads(text, name="m.yaml", **settings)
    except fw.SpecError as error:
        return [f"{p.place.line}:{p.place.column} {p.fact}" for p in error.problems if p.place]
    return []
