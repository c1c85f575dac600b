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
        self, q: Tensor, k: Tensor | None = None, v: Tensor | None = None, *,
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
