"""What things are called in a figure: operators and blocks in the words of the field."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from framework.ir.dims import Size
from framework.ir.graph import Input, Node
from framework.ir.op import Op
from framework.ir.types import TensorType

NAMES = {
    "conv": "Conv",
    "conv_transpose": "Up-conv",
    "max_pool": "MaxPool",
    "avg_pool": "AvgPool",
    "global_avg_pool": "Global AvgPool",
    "global_max_pool": "Global MaxPool",
    "layer_norm": "LayerNorm",
    "batch_norm": "BatchNorm",
    "group_norm": "GroupNorm",
    "instance_norm": "InstanceNorm",
    "rms_norm": "RMSNorm",
    "multi_head_attention": "Multi-head attention",
    "positional": "Position",
    "positional_2d": "2D position",
    "causal_mask": "Causal mask",
    "alibi": "ALiBi",
    "mask_fill": "Mask",
    "relu": "ReLU",
    "relu6": "ReLU6",
    "gelu": "GELU",
    "elu": "ELU",
    "leaky_relu": "Leaky ReLU",
    "silu": "SiLU",
    "selu": "SELU",
    "celu": "CELU",
    "prelu": "PReLU",
    "glu": "GLU",
    "swiglu": "SwiGLU",
    "hard_swish": "Hard swish",
    "matmul": "MatMul",
    "einsum": "Einsum",
}
"""Operators whose usual name is not their own with a capital letter."""

CAPITALS = {
    "bn", "cnn", "ffn", "gat", "gru", "lstm", "mlp", "rnn", "vgg", "vit", "cls", "fc",
    "rpn", "fpn", "mha",
}  # fmt: skip
"""Words that are written in capitals."""

SPELLED = {"mbconv": "MBConv"}

HEAVY = ("convolution", "linear", "attention", "product")
"""Categories that say what a block is about."""

CEILING = re.compile(r"ceil\(([^()]*)\)")

LONGEST_SUMMARY = 3


def words(name: str) -> str:
    """A name as words: ``vgg_stage`` is VGG stage.

    >>> words("class_token")
    'Class token'
    """
    parts = [SPELLED.get(p.lower(), capitals(p)) for p in name.split("_") if p]
    text = " ".join(parts)
    return text[:1].upper() + text[1:]


def capitals(word: str) -> str:
    """An abbreviation in capitals, with or without a number: ``bn0`` is BN0."""
    return word.upper() if word.lower().rstrip("0123456789") in CAPITALS else word


def op_words(op: Op) -> str:
    """An operator's usual name."""
    if op.components:
        return " + ".join(NAMES.get(part.name, part.name) for part in op.components)
    return NAMES[op.name] if op.name in NAMES else words(op.name)


def is_generated(node: Node) -> bool:
    """Is the node named after its operator, because the model gives it no id?"""
    last = node.name.rpartition(".")[2]
    head, _, number = last.rpartition("_")
    names = {node.op.name, *(part.name for part in node.op.components)}
    return last in names or (head in names and number.isdigit())


def sizes_text(shape: Iterable[Size]) -> str:
    """A shape for figures: ``B × 3 × 224 × 224``."""
    return CEILING.sub(r"⌈\1⌉", " × ".join(map(str, shape)))


def window_text(op: Op, rank: int) -> str | None:
    """The window of an operator that has one: ``3×3``."""
    kernel = getattr(op, "kernel", None)
    if kernel is None:
        return None
    sides = kernel if isinstance(kernel, tuple) else (kernel,) * max(1, rank)
    return "×".join(map(str, sides))


def op_title(node: Node, inputs: Sequence[TensorType]) -> str:
    """Name with its window: ``Conv 3×3``."""
    rank = inputs[0].rank - 2 if inputs else 2
    first, *others = node.op.components or (node.op,)
    window = window_text(first, rank)
    title = f"{op_words(first)} {window}" if window else op_words(first)
    return " + ".join([title, *(NAMES.get(part.name, part.name) for part in others)])


def op_facts(node: Node, inputs: Sequence[TensorType]) -> str:
    """What distinguishes this use of the operator, in a few words: ``768 → 3072``."""
    op = node.op.components[0] if node.op.components else node.op
    if isinstance(op, Input):
        return ""
    facts: list[str] = []
    for attribute in op.attributes:
        value = getattr(op, attribute.name)
        if attribute.name in ("kernel", "pad", "bias") or value == attribute.default:
            continue
        fact = fact_text(node, attribute.name, value, inputs)
        if fact:
            facts.append(fact)
    return ", ".join(facts)


def fact_text(node: Node, name: str, value: object, inputs: Sequence[TensorType]) -> str:
    """One attribute in a few words; what the shape beside the box says is left out."""
    if name in UNSAID:
        return ""
    special = FACTS.get(name)
    if special is not None:
        return special(node, value, inputs)
    if isinstance(value, bool):
        return spaced(name) if value else ""
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return f"{spaced(name)} {'×'.join(map(str, value))}"
    return f"{spaced(name)} {value:g}" if isinstance(value, float) else f"{spaced(name)} {value}"


def spaced(name: str) -> str:
    """An attribute's name as words."""
    return name.replace("_", " ")


def out_fact(node: Node, value: object, inputs: Sequence[TensorType]) -> str:
    """``768 → 3072`` for a linear map; for others the shape says it."""
    return f"{inputs[0].shape[-1]} → {value}" if node.op.category == "linear" and inputs else ""


def heads_fact(node: Node, value: object, inputs: Sequence[TensorType]) -> str:
    """``12 heads, d = 64``; a table of positions alone has no width."""
    if not inputs or not isinstance(value, int):
        return f"{value} heads"
    width = getattr(node.op, "width", None)
    return f"{value} heads, d = {(inputs[0].shape[-1] if width is None else width) // value}"


def groups_fact(node: Node, value: object, inputs: Sequence[TensorType]) -> str:
    """``depthwise`` where every channel is a group of its own."""
    return "depthwise" if inputs and value == inputs[0].shape[1] else f"{value} groups"


def fill_fact(node: Node, value: object, inputs: Sequence[TensorType]) -> str:
    """``fill −∞``."""
    return f"fill {value}".replace("-inf", "−∞").replace("inf", "∞")


FACTS: dict[str, Callable[[Node, object, Sequence[TensorType]], str]] = {
    "out": out_fact,
    "heads": heads_fact,
    "groups": groups_fact,
    "value": fill_fact,
    "count": lambda node, value, inputs: f"{value} → {node.outputs[0].shape[-1]}",
    "by": lambda node, value, inputs: f"× {value:.4g}",
}
"""Attributes that are said in other words than their own name."""

UNSAID = ("eps", "axis", "shape", "perm", "length", "size", "axes", "width", "p")
"""Attributes that a figure does not show."""


def summary(nodes: Iterable[tuple[Node, Sequence[TensorType]]]) -> str:
    """What a closed block holds: ``2 × Conv 3×3``; empty where that would be long."""
    counts = Counter(op_title(node, inputs) for node, inputs in nodes if node.op.category in HEAVY)
    if not 0 < len(counts) <= LONGEST_SUMMARY:
        return ""
    return " + ".join(
        title if count == 1 else f"{count} × {title}" for title, count in counts.items()
    )
