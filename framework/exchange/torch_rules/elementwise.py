"""Arithmetic and functions of each element."""

from __future__ import annotations

from framework.exchange.torch_rules.registry import Answer, Rule, Site, emits

FUNCTIONS = {
    "abs": "torch.abs",
    "square": "torch.square",
    "sqrt": "torch.sqrt",
    "exp": "torch.exp",
    "log": "torch.log",
    "erf": "torch.erf",
    "relu": "F.relu",
    "relu6": "F.relu6",
    "sigmoid": "torch.sigmoid",
    "tanh": "torch.tanh",
    "silu": "F.silu",
    "hard_swish": "F.hardswish",
}
"""Operators without attributes that are one function of one tensor."""

OPERATORS = {"add": "+", "mul": "*"}
BINARY = {"sub": "-", "div": "/", "pow": "**"}
PAIRWISE = {"maximum": "torch.maximum", "minimum": "torch.minimum"}


def function(name: str) -> Rule:
    """A rule that calls one function of one tensor."""

    def rule(n: Site) -> Answer:
        return f"{name}({n['x']})"

    return rule


for _op, _name in FUNCTIONS.items():
    emits(_op)(function(_name))


@emits(*OPERATORS)
def folded(n: Site) -> Answer:
    """``a + b + c``."""
    texts = n.every("xs")
    return texts[0] + ".clone()" if len(texts) == 1 else f" {OPERATORS[n.op.name]} ".join(texts)


@emits(*BINARY)
def binary(n: Site) -> Answer:
    """``a - b``."""
    return f"{n['a']} {BINARY[n.op.name]} {n['b']}"


@emits(*PAIRWISE)
def pairwise(n: Site) -> Answer:
    """``torch.maximum(torch.maximum(a, b), c)``."""
    first, *rest = n.every("xs")
    text = first
    for other in rest:
        text = f"{PAIRWISE[n.op.name]}({text}, {other})"
    return text


@emits("neg")
def neg(n: Site) -> Answer:
    """``-x``."""
    return f"-{n['x']}"


@emits("identity")
def identity(n: Site) -> Answer:
    """The tensor itself."""
    return n["x"]


@emits("scale")
def scale(n: Site) -> Answer:
    """``x * by + shift``."""
    text = n["x"] if n.op.by == 1 else f"{n['x']} * {n.number(n.op.by, 'by')}"
    return text if n.op.shift == 0 else f"{text} + {n.number(n.op.shift, 'shift')}"
