"""Normalisation and dropout."""

from __future__ import annotations

from framework.exchange.torch_rules.registry import Answer, Site, emits, helper
from framework.ir.types import axis_index

BATCH_NORM = helper('''
class BatchNorm(nn.Module):
    """Batch norm for any number of axes; unlike torch's, it stores no count of batches."""

    def __init__(
        self, channels: int, eps: float = 1e-5, affine: bool = True, momentum: float = 0.1
    ) -> None:
        super().__init__()
        self.eps = eps
        self.momentum = momentum
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        stats = self.running_mean, self.running_var
        affine = self.weight, self.bias
        return F.batch_norm(x, *stats, *affine, self.training, self.momentum, self.eps)
''')


@emits("batch_norm")
def batch_norm(n: Site) -> Answer:
    """A module of our own: the count of batches in torch's is no weight of ours."""
    if n.own and n.type("running_mean").dtype == "float32":
        eps, affine = (n.op.eps, 1e-5), (n.op.affine, True)
        return n.module(BATCH_NORM, ("channels", n.shape("x")[1]), eps=eps, affine=affine)
    tensors = n.rest("x", "running_mean", "running_var", "weight", "bias")
    return f"F.batch_norm({tensors}, eps={n.number(n.op.eps, 'eps')})"


@emits("layer_norm")
def layer_norm(n: Site) -> Answer:
    """``nn.LayerNorm``."""
    last = n.shape("x")[-n.op.axes :]
    if n.own or not ("weight" in n or "bias" in n):
        if any(not isinstance(size, int) for size in last):
            return None
        shape = last[0] if len(last) == 1 else last
        return n.module(
            "nn.LayerNorm",
            ("normalized_shape", shape),
            eps=(n.op.eps, 1e-5),
            elementwise_affine=(n.op.affine, True),
            bias=("bias" in n or not n.op.affine, True),
        )
    tensors = n.rest("weight", "bias")
    tensors = f", {tensors}" if tensors else ""
    eps = n.number(n.op.eps, "eps")
    return f"F.layer_norm({n['x']}, {n.shape_text(last)}{tensors}, eps={eps})"


@emits("dropout")
def dropout(n: Site) -> Answer:
    """``nn.Dropout``: a module, because it must know whether the model trains."""
    return n.module("nn.Dropout", ("p", n.op.p))


@emits("group_norm", "instance_norm")
def group_norm(n: Site) -> Answer:
    """``nn.GroupNorm``; an instance norm has as many groups as channels."""
    channels = n.shape("x")[1]
    if not isinstance(channels, int):
        return None
    groups = n.op.groups if n.op.name == "group_norm" else channels
    if n.own or not n.op.affine:
        return n.module(
            "nn.GroupNorm",
            ("num_groups", groups),
            ("num_channels", channels),
            eps=(n.op.eps, 1e-5),
            affine=(n.op.affine, True),
        )
    eps = n.number(n.op.eps, "eps")
    given = n.rest("weight", "bias")
    return f"F.group_norm({n['x']}, {n.number(groups, 'groups')}, {given}, {eps})"


@emits("rms_norm")
def rms_norm(n: Site) -> Answer:
    """``nn.RMSNorm``."""
    last = n.shape("x")[-n.op.axes :]
    if any(not isinstance(size, int) for size in last):
        return None
    if n.own or not n.op.affine:
        shape = last[0] if len(last) == 1 else last
        return n.module(
            "nn.RMSNorm",
            ("normalized_shape", shape),
            eps=(n.op.eps, None),
            elementwise_affine=(n.op.affine, True),
        )
    eps = n.number(n.op.eps, "eps")
    return f"F.rms_norm({n['x']}, {n.shape_text(last)}, {n['weight']}, {eps})"


@emits("local_response_norm")
def local_response_norm(n: Site) -> Answer:
    """``F.local_response_norm``."""
    if n.op.extra == "after" and n.op.size % 2 == 0:
        return None
    if n.rank() < 3:
        return None
    return n.call(
        "F.local_response_norm",
        n["x"],
        n.number(n.op.size, "size"),
        alpha=(n.op.alpha, 1e-4),
        beta=(n.op.beta, 0.75),
        k=(n.op.k, 1.0),
    )


@emits("lp_norm")
def lp_norm(n: Site) -> Answer:
    """``F.normalize``; the least number in place of 0 keeps vectors of zeros."""
    eps = n.op.eps if n.op.eps > 0 else 1e-38
    if n.type("x").dtype == "float16" and n.op.eps == 0:
        return None
    return n.call(
        "F.normalize",
        n["x"],
        p=(n.op.p, 2.0),
        dim=(axis_index(n.op.axis, n.rank(), "x"), 1),
        eps=(eps, 1e-12),
    )
