"""ONNX rules of random numbers and dropout."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.exchange.rules.registry import Call, Out, Sent, Wire, reads, writes
from framework.ir.dims import Dim

DRAWN = {
    "random_uniform": ("RandomUniform", {"low": 0.0, "high": 1.0}),
    "random_normal": ("RandomNormal", {"mean": 0.0, "scale": 1.0}),
}
"""ONNX names, and attributes with their defaults."""

READ = {theirs: (ours, words) for ours, (theirs, words) in DRAWN.items()}


def seed_of(n: Call) -> int | None:
    """ONNX keeps seeds as floats."""
    seed = n.attributes.get("seed")
    return None if seed is None else int(abs(seed)) % (1 << 32)


@reads("RandomUniform", "RandomNormal", "RandomUniformLike", "RandomNormalLike")
def read_drawn(n: Call) -> Wire:
    """Shape and dtype as written, or those of the input."""
    like = n[0]
    ours, words = READ[n.op_type.removesuffix("Like")]
    shape = n.ints("shape", ()) if like is None else like.shape
    dtype = n.dtype("dtype", "float32" if like is None else like.dtype)
    values = {word: n.real(word, default) for word, default in words.items()}
    return n.add(ours, shape=shape, dtype=dtype, seed=seed_of(n), **values)


@writes(*DRAWN)
def write_drawn(w: Out, op: Any) -> Sent:
    """A symbolic shape is that of zeros made for it."""
    theirs, words = DRAWN[op.name]
    given = {word: op.values[word] for word in words} | {"seed": op.seed, "dtype": op.dtype}
    if not any(isinstance(size, Dim) for size in op.shape):
        fixed: Sent = w.add(theirs, shape=op.shape, **given)
        return fixed
    zeros = w.add("ConstantOfShape", w.sizes(op.shape), shape=op.shape)
    drawn: Sent = w.add(f"{theirs}Like", zeros, **given)
    return drawn


@reads("Bernoulli")
def read_bernoulli(n: Call) -> Wire:
    """The dtype of the input unless another is written."""
    return n.add("bernoulli", n[0], seed=seed_of(n), dtype=n.dtype("dtype", n[0].dtype))


@writes("bernoulli")
def write_bernoulli(w: Out, op: Any, x: Sent) -> Sent:
    """Since opset 15."""
    return w.add("Bernoulli", x, seed=op.seed, dtype=op.dtype)


@reads("Multinomial")
def read_multinomial(n: Call) -> Wire:
    """``sample_size`` draws from each row."""
    count, dtype = n.int("sample_size", 1), n.dtype("dtype", "int32")
    return n.add("multinomial", n[0], count=count, seed=seed_of(n), dtype=dtype)


@writes("multinomial")
def write_multinomial(w: Out, op: Any, x: Sent) -> Sent:
    """The number of draws must be fixed."""
    return w.add("Multinomial", x, sample_size=op.count, seed=op.seed, dtype=op.dtype)


# ------------------------------------------------------------------ dropout


@reads("Dropout")
def read_dropout(n: Call) -> tuple[Wire, Wire | None]:
    """Nothing while running; in training mode a seeded mask, written out."""
    x, masked = n[0], n.wants(1)
    if n.opset >= 12 and n.scalar(2, False):
        return trained(n, float(n.scalar(1, 0.5)))
    ratio = n.real("ratio", 0.5) if n[1] is None or n[1].array is None else float(n.scalar(1))
    y = n.add("dropout", x, p=ratio) if 0 <= ratio < 1 else n.add("identity", x)
    keep = n.add("expand", n.constant(np.array(True)), shape=x.shape) if masked else None
    return y, keep if keep is None or n.opset >= 10 else n.cast(keep, x.dtype)


def trained(n: Call, ratio: float) -> tuple[Wire, Wire]:
    """What is kept grows, so that the mean stays."""
    x = n[0]
    drawn = n.add("random_uniform", shape=x.shape, seed=seed_of(n), dtype="float64")
    keep = n.add("greater_or_equal", drawn, n.constant(np.asarray(ratio)))
    grown = n.add("scale", x, by=1 / (1 - ratio) if ratio < 1 else 0.0)
    return n.add("where", keep, grown, n.constant(np.zeros((), x.dtype))), keep


@writes("dropout")
def write_dropout(w: Out, op: Any, x: Sent) -> Sent:
    """Without a training mode it changes nothing."""
    return w.add("Dropout", x, w.scalar(op.p, x.dtype))
