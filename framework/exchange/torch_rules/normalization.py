"""Normalisation and dropout."""

from __future__ import annotations

from framework.exchange.torch_rules.registry import Answer, Site, emits, helper

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
