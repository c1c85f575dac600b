"""ONNX rules of Fourier transforms, windows and the mel filter bank."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.exchange.rules.registry import Call, Out, Refused, Sent, Wire, reads, writes
from framework.ir.dims import Size, product

WINDOWS = {
    "hann_window": "HannWindow",
    "hamming_window": "HammingWindow",
    "blackman_window": "BlackmanWindow",
}
OURS = {theirs: ours for ours, theirs in WINDOWS.items()}

HAMMING = 25 / 46
"""ONNX's alpha; torch and NumPy have 0.54."""


# ------------------------------------------------------------------ reading


@reads("DFT")
def read_dft(n: Call) -> Wire:
    """Since opset 20 the axis is an input."""
    axis = n.int("axis", 1) if n.opset < 20 else n.scalar(2, -2)
    return n.add(
        "dft", n[0], axis=axis, length=one_size(n, 1), inverse=n.flag("inverse"),
        onesided=n.flag("onesided"),
    )  # fmt: skip


@reads("STFT")
def read_stft(n: Call) -> Wire:
    """Step and length must be known; the window may be any tensor."""
    return n.add(
        "stft", n[0], n[2], frame_step=n.scalar(1), frame_length=one_size(n, 3),
        onesided=n.flag("onesided", True),
    )  # fmt: skip


@reads(*WINDOWS.values())
def read_window(n: Call) -> Wire:
    """A constant, or a table of a symbolic size."""
    options = {"alpha": HAMMING} if n.op_type == "HammingWindow" else {}
    periodic = n.flag("periodic", True)
    return table(n, OURS[n.op_type], size=one_size(n, 0), periodic=periodic, **options)


@reads("MelWeightMatrix")
def read_mel_weights(n: Call) -> Wire:
    """A constant."""
    return table(
        n, "mel_weight_matrix", num_mel_bins=n.scalar(0), dft_length=n.scalar(1),
        sample_rate=n.scalar(2), lower_edge_hertz=n.scalar(3), upper_edge_hertz=n.scalar(4),
    )  # fmt: skip


def table(n: Call, name: str, **attributes: Any) -> Wire:
    """A table in the dtype that is asked for; ours come in floats."""
    dtype = n.dtype("output_datatype", "float32")
    own = dtype if dtype.startswith("float") else "float64"
    return n.cast(n.add(name, dtype=own, **attributes), dtype)


def one_size(n: Call, index: int) -> Size | None:
    """A length that may be symbolic; None where it is left out."""
    sizes = n.sizes(index)
    if sizes is None:
        return None
    if len(sizes) != 1:
        raise Refused(f"input {index} has {len(sizes)} elements; expected one")
    size: Size = sizes[0]
    return size


# ------------------------------------------------------------------ writing


@writes("dft")
def write_dft(w: Out, op: Any, x: Sent) -> Sent:
    """Since opset 20 the axis is an input."""
    length = None if op.length is None else w.size(op.length)
    options: dict[str, Any] = {"inverse": int(op.inverse), "onesided": int(op.onesided)}
    if w.opset < 20:
        old: Sent = w.add("DFT", x, length, axis=op.axis % x.rank, **options)
        return old
    axis = w.constant(np.asarray(op.axis, np.int64))
    y: Sent = w.add("DFT", x, length, axis, **options)
    return y


@writes("stft")
def write_stft(w: Out, op: Any, signal: Sent, window: Sent | None) -> Sent:
    """ONNX has one batch axis and always wants a window or a length."""
    lead = signal.shape[:-2]
    step = w.constant(np.asarray(op.frame_step, np.int64))
    length = None
    if op.frame_length is not None:
        length = w.size(op.frame_length)
    elif window is None:
        length = w.size(signal.shape[-2])
    if len(lead) != 1:
        signal = w.add("Reshape", signal, w.sizes((product(lead), *signal.shape[-2:])))
    y = w.add("STFT", signal, step, window, length, onesided=int(op.onesided))
    (wanted,) = w.types
    return y if len(lead) == 1 else w.add("Reshape", y, w.sizes(wanted.shape))


@writes("hann_window", "hamming_window", "blackman_window")
def write_window(w: Out, op: Any) -> Sent:
    """A constant where the size is known; else ONNX's window, or its cosines where ONNX has none.

    ONNX divides by zero where a symmetric window has one point.
    """
    if isinstance(op.size, int):
        return w.constant(op.compute())
    usual = op.name != "hamming_window" or op.alpha == HAMMING
    if not (usual and op.periodic and w.opset >= 17):
        return w.cast(cosines(w, op), op.dtype)
    return w.add(WINDOWS[op.name], w.size(op.size), periodic=1, output_datatype=op.dtype)


def cosines(w: Out, op: Any) -> Sent:
    """a0 - a1 cos(angle) + a2 cos(2 angle), in float32 as all that runs ONNX has it."""
    size = w.size(op.size)
    period = size if op.periodic else w.size(op.size - 1)
    index = w.add("Range", w.scalar(0, "int64"), size, w.scalar(1, "int64"))
    divisor = w.cast(w.add("Max", period, w.scalar(1, "int64")), "float32")
    turns = w.add("Div", w.cast(index, "float32"), divisor)
    a0, a1, a2 = op.weights
    y = w.scalar(a0, "float32")
    for factor, times in ((-a1, 2 * np.pi), (a2, 4 * np.pi)):
        wave = w.add("Cos", w.add("Mul", turns, w.scalar(times, "float32")))
        y = w.add("Add", y, w.add("Mul", wave, w.scalar(factor, "float32")))
    if op.periodic:
        return y
    single = w.add("Equal", size, w.scalar(1, "int64"))
    return w.add("Where", single, w.scalar(1, "float32"), y, dtype="float32")


@writes("mel_weight_matrix")
def write_mel_weights(w: Out, op: Any) -> Sent:
    """A constant."""
    return w.constant(op.compute())
