"""Activations with attributes, and softmax."""

from __future__ import annotations

from framework.exchange.torch_rules.registry import Answer, Site, emits


@emits("leaky_relu")
def leaky_relu(n: Site) -> Answer:
    """``F.leaky_relu``; torch agrees with us for slopes above 1 too."""
    return n.call("F.leaky_relu", n["x"], negative_slope=(n.op.slope, 0.01))


@emits("elu")
def elu(n: Site) -> Answer:
    """``F.elu``."""
    return n.call("F.elu", n["x"], alpha=(n.op.alpha, 1.0))


@emits("gelu")
def gelu(n: Site) -> Answer:
    """``F.gelu``."""
    return n.call("F.gelu", n["x"], approximate=(n.op.approximate, "none"))


@emits("softmax")
def softmax(n: Site) -> Answer:
    """``softmax``; rows that are hidden throughout become zeros where asked."""
    text = f"{n['x']}.softmax(dim={n.number(n.op.axis, 'dim')})"
    return f"{text}.nan_to_num(0.0)" if n.op.masked else text
