"""Reading attention: ONNX's own operators of the family, packed heads unpacked."""

from __future__ import annotations

from typing import Any

from framework.exchange.rules.registry import Call, Result, Wire, reads
from framework.ir.dims import Size

STAGES = ("scores", "capped", "masked", "weights")
"""What qk_matmul_output_mode 0 to 3 shows."""


@reads("Attention")
def read_attention(n: Call) -> Result:
    """Heads are unpacked where they are packed; a short mask is padded with what is hidden.

    softmax_precision is left out: the softmax is computed in float32 at least.
    """
    q, k, v = n[0], n[1], n.cast(n[2], n[0].dtype)
    packed = q.rank == 3
    if packed:
        groups = n.int("kv_num_heads")
        q, k, v = heads(n, q, n.int("q_num_heads")), heads(n, k, groups), heads(n, v, groups)
    past, lengths = (n[4], n[5]), n[6]
    keys = k.shape[2] + (past[0].shape[2] if past[0] is not None else 0)
    y, shown, *present = n.add_all(
        "attention", q, k, v, mask(n, q, keys), *past, lengths,
        causal=n.flag("is_causal"), align="top_left" if lengths is None else "bottom_right",
        scale=n.real("scale"), softcap=n.real("softcap", 0.0) or None,
        left_window=window(n, "left_window_size"), right_window=window(n, "right_window_size"),
        grouped=q.shape[1] != k.shape[1], stage=STAGES[n.int("qk_matmul_output_mode", 0)],
    )  # fmt: skip
    if packed:
        y = n.add("rearrange", y, pattern="b h t d -> b t (h d)")
    return y, *(present if present else (k, v)), shown


def heads(n: Call, x: Wire, count: int) -> Wire:
    """[b, t, h*d] as [b, h, t, d]."""
    return n.add("rearrange", x, pattern="b t (h d) -> b h t d", sizes=(("h", count),))


def window(n: Call, name: str) -> int | None:
    """-1 is no bound."""
    width: int = n.int(name, -1)
    return None if width < 0 else width


def mask(n: Call, q: Wire, keys: Size) -> Wire | None:
    """The mask in the dtype of q or as bool; from version 24 on it may end early."""
    given: Wire | None = n[3]
    if given is None:
        return None
    if given.dtype != "bool":
        given = n.cast(given, q.dtype)
    if n.opset < 24 or given.shape[-1] == keys:
        return given
    hidden = 0.0 if given.dtype == "bool" else float("-inf")
    return n.add("pad", given, pads=((0, keys - given.shape[-1]),), value=hidden)


@reads("ai.onnx.preview.FlexAttention")
def read_flex_attention(n: Call) -> Any:
    """Plain attention; with graphs that change scores or weights, ONNX's own definition."""
    if n.has("score_mod") or n.has("prob_mod"):
        return NotImplemented
    q, k, v = n[0], n[1], n[2]
    return n.add("attention", q, k, v, scale=n.real("scale"), grouped=q.shape[1] != k.shape[1])


@reads("RotaryEmbedding")
def read_rotary(n: Call) -> Result:
    """The axis of heads is put into positions and tables, which ONNX has without it."""
    x, cos, sin, positions = n[0], n[1], n[2], n[3]
    packed = x.rank == 3
    if packed:
        x = heads(n, x, n.int("num_heads"))
    if positions is None:
        cos, sin = n.add("unsqueeze", cos, axes=(1,)), n.add("unsqueeze", sin, axes=(1,))
    else:
        positions = n.add("unsqueeze", positions, axes=(1,))
    pairing = "interleaved" if n.flag("interleaved") else "halves"
    width = n.int("rotary_embedding_dim", 0) or None
    y = n.add("rotary", x, positions, cos, sin, pairing=pairing, width=width)
    return n.add("rearrange", y, pattern="b h t d -> b t (h d)") if packed else y


@reads("LinearAttention")
def read_linear_attention(n: Call) -> Result:
    """Which of decay and beta are given says the update rule; chunk_size is a hint."""
    groups, dtype = n.int("kv_num_heads"), n[0].dtype
    q, k, v = heads(n, n[0], n.int("q_num_heads")), heads(n, n[1], groups), heads(n, n[2], groups)
    rule = n.text("update_rule", "gated_delta")
    decay = unpacked(n, n[4], groups) if rule.startswith("gated") else None
    beta = rates(n, n[5], groups) if rule.endswith("delta") else None
    state = n[3] if n[3] is None else n.cast(n[3], dtype)
    y, last = n.add_all(
        "linear_attention", q, k, v, state, decay, beta,
        scale=n.real("scale", 0.0) or None, grouped=q.shape[1] != k.shape[1],
    )  # fmt: skip
    y = n.add("rearrange", y, pattern="b h t d -> b t (h d)")
    return y, last if n[3] is None else n.cast(last, n[3].dtype)


def unpacked(n: Call, decay: Wire, groups: int) -> Wire:
    """One number for each head, or for each element of its keys."""
    if decay.shape[-1] == groups:
        return n.add("rearrange", decay, pattern="b t h -> b h t 1")
    return heads(n, decay, groups)


def rates(n: Call, beta: Wire, groups: int) -> Wire:
    """One number for each head; one for all heads is repeated."""
    beta = n.add("rearrange", beta, pattern="b t h -> b h t 1")
    shape = beta.shape
    if shape[1] != 1:
        return beta
    return n.add("expand", beta, shape=(shape[0], groups, *shape[2:]))
