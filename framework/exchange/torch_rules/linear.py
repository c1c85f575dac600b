"""Linear maps, products, embeddings."""

from __future__ import annotations

from framework.exchange.torch_rules.registry import Answer, Site, emits
from framework.ops.equations import Equation


@emits("linear")
def linear(n: Site) -> Answer:
    """``nn.Linear``."""
    if not n.own:
        return f"F.linear({n.rest('x', 'weight', 'bias')})"
    width, out = n.shape("x")[-1], n.op.out
    return n.module(
        "nn.Linear", ("in_features", width), ("out_features", out), bias=(n.op.bias, True)
    )


@emits("matmul")
def matmul(n: Site) -> Answer:
    """``a @ b``."""
    return f"{n['a']} @ {n['b']}"


@emits("einsum")
def einsum(n: Site) -> Answer:
    """``torch.einsum``, names as letters."""
    equation = Equation.parse(n.op.equation).spelled()
    return f"torch.einsum({n.number(equation, 'equation')}, {', '.join(n.every('xs'))})"


@emits("embedding")
def embedding(n: Site) -> Answer:
    """``nn.Embedding``."""
    ids = n["ids"] if n.type("ids").dtype in ("int32", "int64") else f"{n['ids']}.long()"
    if not n.own:
        return f"F.embedding({ids}, {n['weight']})"
    size = ("num_embeddings", n.op.count), ("embedding_dim", n.op.width)
    return n.module("nn.Embedding", *size, call=ids)
