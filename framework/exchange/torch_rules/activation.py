"""Activations with attributes, softmax and its kin."""

from __future__ import annotations

from framework.exchange.torch_rules.registry import Answer, Site, emits
from framework.ir.types import axis_index

SELU = (1.6732632423543772, 1.0507009873554805)


@emits("leaky_relu")
def leaky_relu(n: Site) -> Answer:
    """``F.leaky_relu``; torch agrees with us for slopes above 1 too."""
    return n.call("F.leaky_relu", n["x"], negative_slope=(n.op.slope, 0.01))


@emits("prelu")
def prelu(n: Site) -> Answer:
    """``nn.PReLU`` has another name for its weight, so it is written as a function."""
    if n.op.axis is not None and axis_index(n.op.axis, n.rank(), "x") == 1:
        return f"F.prelu({n['x']}, {n['slope']})"
    if n.op.axis is None:
        slope = f"{n['slope']}.reshape(())"
    else:
        after = n.rank() - 1 - axis_index(n.op.axis, n.rank(), "x")
        slope = f"{n['slope']}.reshape({', '.join(['-1', *['1'] * after])})"
    return f"torch.where({n['x']} >= 0, {n['x']}, {slope} * {n['x']})"


@emits("elu")
def elu(n: Site) -> Answer:
    """``F.elu``."""
    return n.call("F.elu", n["x"], alpha=(n.op.alpha, 1.0))


@emits("celu")
def celu(n: Site) -> Answer:
    """``F.celu``."""
    return n.call("F.celu", n["x"], alpha=(n.op.alpha, 1.0))


@emits("selu")
def selu(n: Site) -> Answer:
    """``F.selu`` for the usual numbers."""
    if (n.op.alpha, n.op.gamma) == SELU:
        return f"F.selu({n['x']})"
    return (
        f"{n.number(n.op.gamma, 'gamma')} * F.elu({n['x']}, alpha={n.number(n.op.alpha, 'alpha')})"
    )


@emits("gelu")
def gelu(n: Site) -> Answer:
    """``F.gelu``."""
    return n.call("F.gelu", n["x"], approximate=(n.op.approximate, "none"))


@emits("glu")
def glu(n: Site) -> Answer:
    """``F.glu``."""
    return n.call("F.glu", n["x"], dim=(n.op.axis, -1))


@emits("swiglu")
def swiglu(n: Site) -> Answer:
    """``F.silu(gate) * value``."""
    if n.op.alpha == 1:
        return f"F.silu({n['gate']}) * {n['value']}"
    alpha = n.number(n.op.alpha, "alpha")
    return f"{n['gate']} * torch.sigmoid({alpha} * {n['gate']}) * {n['value']}"


@emits("swish")
def swish(n: Site) -> Answer:
    """``x * sigmoid(alpha * x)``."""
    if n.op.alpha == 1:
        return f"F.silu({n['x']})"
    return f"{n['x']} * torch.sigmoid({n.number(n.op.alpha, 'alpha')} * {n['x']})"


@emits("hard_sigmoid")
def hard_sigmoid(n: Site) -> Answer:
    """``F.hardsigmoid`` for the usual line."""
    if (n.op.alpha, n.op.beta) == (1 / 6, 0.5):
        return f"F.hardsigmoid({n['x']})"
    alpha, beta = n.number(n.op.alpha, "alpha"), n.number(n.op.beta, "beta")
    return f"({alpha} * {n['x']} + {beta}).clamp(0, 1)"


@emits("softplus")
def softplus(n: Site) -> Answer:
    """``F.softplus``, which takes large elements as they are."""
    return n.call("F.softplus", n["x"], beta=(n.op.beta, 1.0))


@emits("thresholded_relu")
def thresholded_relu(n: Site) -> Answer:
    """``F.threshold``."""
    return f"F.threshold({n['x']}, {n.number(n.op.alpha, 'alpha')}, 0.0)"


@emits("shrink")
def shrink(n: Site) -> Answer:
    """Hard, soft, or anything between."""
    lambd, bias = n.number(n.op.lambd, "lambd"), n.number(n.op.bias, "bias")
    if n.op.bias == 0 and n.op.lambd >= 0:
        return f"F.hardshrink({n['x']}, {lambd})"
    if n.op.bias == n.op.lambd and n.op.lambd >= 0:
        return f"F.softshrink({n['x']}, {lambd})"
    low = f"torch.where({n['x']} < -{lambd}, {n['x']} + {bias}, 0.0)"
    return f"torch.where({n['x']} > {lambd}, {n['x']} - {bias}, {low})"


@emits("softmax")
def softmax(n: Site) -> Answer:
    """``softmax``; rows that are hidden throughout become zeros where asked."""
    text = f"{n['x']}.softmax(dim={n.number(n.op.axis, 'dim')})"
    return f"{text}.nan_to_num(0.0)" if n.op.masked else text


@emits("log_softmax")
def log_softmax(n: Site) -> Answer:
    """``log_softmax``."""
    return f"{n['x']}.log_softmax(dim={n.number(n.op.axis, 'dim')})"


@emits("hardmax")
def hardmax(n: Site) -> Answer:
    """One at the place of the largest."""
    dim = n.number(n.op.axis, "dim")
    return f"torch.zeros_like({n['x']}).scatter({dim}, {n['x']}.argmax({dim}, keepdim=True), 1.0)"
