"""Attention: torch's fused function where it says the same, otherwise its parts."""

from __future__ import annotations

from framework.exchange.torch_rules.registry import Answer, Site, emits, helper

PLAIN = {
    "scale": None,
    "left_window": None,
    "right_window": None,
    "softcap": None,
    "normalizer": "softmax",
    "score": "dot",
    "kv_heads": None,
}
"""Attributes that the fused function has no word for, with the values that it implies."""

MULTI_HEAD_ATTENTION = helper('''
class MultiHeadAttention(nn.Module):
    """Attention in several heads between the linear maps q, k, v and out."""

    def __init__(
        self,
        features: int,
        heads: int,
        width: int | None = None,
        k_features: int | None = None,
        v_features: int | None = None,
        out_features: int | None = None,
        bias: bool = True,
        causal: bool = False,
    ) -> None:
        super().__init__()
        width = features if width is None else width
        self.heads = heads
        self.causal = causal
        self.q = nn.Linear(features, width, bias=bias)
        self.k = nn.Linear(features if k_features is None else k_features, width, bias=bias)
        self.v = nn.Linear(features if v_features is None else v_features, width, bias=bias)
        self.out = nn.Linear(width, features if out_features is None else out_features, bias=bias)

    def forward(
        self,
        q: Tensor,
        k: Tensor | None = None,
        v: Tensor | None = None,
        *,
        keep: Tensor | None = None,
    ) -> Tensor:
        """Keys are the queries and values the keys, unless given; ``keep`` is true where seen."""
        k = q if k is None else k
        v = k if v is None else v
        q, k, v = (
            x.unflatten(2, (self.heads, -1)).transpose(1, 2)
            for x in (self.q(q), self.k(k), self.v(v))
        )
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=keep, is_causal=self.causal)
        return self.out(y.transpose(1, 2).flatten(2))
''')


def fusible(n: Site) -> bool:
    """Does the fused function say the same?"""
    op = n.op.values
    if any(op.get(name, value) != value for name, value in PLAIN.items()):
        return False
    if any(port in n for port in ("past_k", "past_v", "lengths")) or not n.only_first():
        return False
    if op["causal"] and "keep" in n:
        return False
    square = n.shape("q")[-2] == n.shape("k")[-2]
    if op["causal"] and op["align"] != "top_left" and not square:
        return False
    return op["empty"] == "zeros" or "keep" not in n


@emits("attention")
def attention(n: Site) -> Answer:
    """``F.scaled_dot_product_attention``."""
    if not fusible(n) or n.op.grouped or n.rank("q") < 3 or n.op.normalizer != "softmax":
        return None
    return n.answer_first(
        n.call(
            "F.scaled_dot_product_attention",
            n["q"],
            n["k"],
            n["v"],
            *([f"attn_mask={n['keep']}"] if "keep" in n else []),
            is_causal=(n.op.causal, False),
        )
    )


@emits("multi_head_attention")
def multi_head_attention(n: Site) -> Answer:
    """A module of our own, whose weights have our names."""
    if not n.own or not fusible(n) or n.type("q").dtype != "float32":
        return None
    features, width = n.shape("q")[-1], n.shape("q.weight")[0]
    bias = "q.bias" in n
    if any((f"{part}.bias" in n) != bias for part in ("k", "v", "out")):
        return None
    own = {
        "width": width,
        "k_features": n.shape("k")[-1],
        "v_features": n.shape("v")[-1],
        "out_features": n.shape("out.weight")[0],
    }
    options = {name: (None if size == features else size, None) for name, size in own.items()}
    return n.module(
        MULTI_HEAD_ATTENTION,
        ("features", features),
        ("heads", n.op.heads),
        call=operands(n),
        **options,
        bias=(bias, True),
        causal=(n.op.causal, False),
    )


def operands(n: Site) -> str:
    """The tensors that are not what the module takes them for."""
    q, k, v = (n.held[port] for port in "qkv")
    names = ["q"] if k == v == q else ["q", "k"] if k == v else ["q", "k", "v"]
    texts = [n[name] for name in names]
    return ", ".join([*texts, f"keep={n['keep']}"] if "keep" in n else texts)


LINEAR_ATTENTION = helper('''
def linear_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    state: Tensor | None,
    decay: Tensor | None,
    beta: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """One token after another: each adds key times value to a state that queries read."""
    if state is None:
        state = k.new_zeros(*k.shape[:-2], k.shape[-1], v.shape[-1])
    heads = q.shape[-3] // k.shape[-3] if q.dim() > 2 else 1
    outputs = []
    for t in range(q.shape[-2]):
        if decay is not None:
            state = state * decay[..., t, :, None].exp()
        value = v[..., t, :]
        if beta is not None:
            value = beta[..., t, :] * (value - (k[..., t, None, :] @ state).squeeze(-2))
        state = state + k[..., t, :, None] * value[..., None, :]
        each = state.repeat_interleave(heads, dim=-3) if heads > 1 else state
        outputs.append((q[..., t, None, :] @ each).squeeze(-2))
    return torch.stack(outputs, dim=-2), state
''')

LINEAR_SUMS = helper('''
def normalise_linearly(y: Tensor, q: Tensor, k: Tensor, causal: bool) -> Tensor:
    """Results divided by the sum of the weights of the keys that each query sees."""
    seen = k.cumsum(-2) if causal else k.sum(-2, keepdim=True)
    heads = q.shape[-3] // k.shape[-3] if q.dim() > 2 else 1
    each = seen.repeat_interleave(heads, dim=-3) if heads > 1 else seen
    return y / (q * each).sum(-1, keepdim=True)
''')

LINEAR_CALL = helper('''
def attend_linearly(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    state: Tensor | None = None,
    decay: Tensor | None = None,
    beta: Tensor | None = None,
    *,
    scale: float,
    causal: bool = True,
    feature: str = "identity",
    normalize: bool = False,
) -> tuple[Tensor, Tensor]:
    """Linear attention over features of queries and keys; gives the last state as well."""
    if feature != "identity":
        q, k = (F.relu(x) if feature == "relu" else F.elu(x) + 1 for x in (q, k))
    if causal:
        y, last = linear_attention(q, k, v, state, decay, beta)
    else:
        last = k.transpose(-1, -2) @ v
        last = last if state is None else last + state
        heads = q.shape[-3] // k.shape[-3] if q.dim() > 2 else 1
        y = q @ (last.repeat_interleave(heads, dim=-3) if heads > 1 else last)
    return (normalise_linearly(y, q, k, causal) if normalize else y * scale), last
''')


@emits("linear_attention")
def linear_attention(n: Site) -> Answer:
    """A loop over tokens, or two products where every query sees all keys."""
    width = n.shape("q")[-1]
    if n.op.scale is not None:
        scale = n.number(n.op.scale, "scale")
    elif isinstance(width, int):
        scale = n.number(width**-0.5, "scale")
    else:
        scale = f"{n['q']}.shape[-1] ** -0.5"
    given = n.rest("q", "k", "v", "state", "decay", "beta")
    options = {
        "causal": (n.op.causal, True),
        "feature": (n.op.feature, "identity"),
        "normalize": (n.op.normalize, False),
    }
    return n.call(LINEAR_CALL, given, f"scale={scale}", **options)
