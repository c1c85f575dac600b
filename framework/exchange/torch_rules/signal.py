"""Fourier transforms, windows, frames, and windows of images as columns."""

from __future__ import annotations

from typing import Any

from framework.exchange.torch_rules.registry import Answer, Site, dtype_text, emits, helper
from framework.ir.dims import Size
from framework.ir.op import spread
from framework.ir.types import axis_index
from framework.ops.window import axis_pads

MEL = helper('''
def mel_weights(
    bands: int, length: int, rate: int, low: float, high: float, device: torch.device
) -> Tensor:
    """Triangles that sum half a spectrum into bands that are evenly wide on the mel scale."""
    begin, end = (2595 * math.log10(1 + hertz / 700) for hertz in (low, high))
    mel = begin + torch.arange(bands + 2, dtype=torch.float64, device=device) * (
        (end - begin) / (bands + 2)
    )
    corners = ((length + 1) * 700 * (10 ** (mel / 2595) - 1) / rate).floor()
    left, peak, right = corners[:-2], corners[1:-1], corners[2:]
    j = torch.arange(length // 2 + 1, device=device)[:, None]
    rising = (j - left) / (peak - left).clamp(min=1) * (j >= left)
    falling = (right - j) / (right - peak).clamp(min=1) * (j < right)
    return torch.where(j == peak, 1.0, torch.where(j < peak, rising, falling))
''')

COLUMNS = helper('''
def window_columns(
    x: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]
) -> Tensor:
    """Each window of an image as a column, for any number of axes."""
    axes = len(kernel)
    for axis, (k, s, d) in enumerate(zip(kernel, stride, dilation, strict=True), 2):
        x = x.unfold(axis, d * (k - 1) + 1, s)[..., ::d]
    order = [0, 1, *range(2 + axes, 2 + 2 * axes), *range(2, 2 + axes)]
    x = x.permute(order)
    return x.reshape(x.shape[0], -1, math.prod(x.shape[2 + axes :]))
''')


def spectrum(n: Site, port: str) -> str | None:
    """The signal as a real or complex tensor without its last axis."""
    if n.type(port).dtype == "float16" or not isinstance(n.shape(port)[-1], int):
        return None
    if n.shape(port)[-1] == 1:
        return f"{n[port]}[..., 0]"
    return f"torch.view_as_complex({n[port]}.contiguous())"


@emits("dft")
def dft(n: Site) -> Answer:
    """``torch.fft``."""
    axis = axis_index(n.op.axis, n.rank(), "x")
    length: Size = n.shape("x")[axis] if n.op.length is None else n.op.length
    if n.op.length is None and n.op.onesided and n.op.inverse:
        length = 2 * (length - 1)
    z = spectrum(n, "x")
    if z is None:
        return None
    given = f"{z}, {n.size(length, 'length')}, {axis}"
    if n.op.onesided and n.op.inverse:
        return f"torch.fft.irfft({given}).unsqueeze(-1)"
    name = "rfft" if n.op.onesided else "ifft" if n.op.inverse else "fft"
    return f"torch.view_as_real(torch.fft.{name}({given}))"


@emits("stft")
def stft(n: Site) -> Answer:
    """Frames, a window, ``torch.fft``; ``torch.stft`` pads and normalises differently."""
    z = spectrum(n, "signal")
    if z is None:
        return None
    length = n.op.frame_length
    if length is None:
        length = n.shape("window")[0] if "window" in n else n.shape("signal")[-2]
    step = n.number(n.op.frame_step, "frame_step")
    frames = f"{z}.unfold(-1, {n.size(length, 'length')}, {step})"
    if "window" in n:
        frames = f"{frames} * {n['window']}"
    name = "rfft" if n.op.onesided else "fft"
    return f"torch.view_as_real(torch.fft.{name}({frames}))"


@emits("hann_window", "hamming_window", "blackman_window")
def window(n: Site) -> Answer:
    """``torch.hann_window``."""
    if n.op.periodic and n.op.size == 1:
        return None
    alpha = ""
    if n.op.name == "hamming_window":
        pair = (n.number(n.op.alpha, "alpha"), n.number(1 - n.op.alpha, "beta"))
        alpha = f", alpha={pair[0]}, beta={pair[1]}"
    size = n.size(n.op.size, "size")
    made = f"dtype=torch.float64, device={n.device()}"
    text = f"torch.{n.op.name}({size}, periodic={n.op.periodic}{alpha}, {made})"
    return text if n.op.dtype == "float64" else f"{text}.to({dtype_text(n.op.dtype)})"


@emits("mel_weight_matrix")
def mel_weight_matrix(n: Site) -> Answer:
    """Both sides of all triangles at once."""
    op = n.op
    high = op.sample_rate / 2 if op.upper_edge_hertz is None else op.upper_edge_hertz
    given = (op.num_mel_bins, op.dft_length, op.sample_rate, op.lower_edge_hertz, high)
    listed = ", ".join(n.number(value, "value") for value in given)
    return f"{MEL}({listed}, {n.device()}).to({dtype_text(op.dtype)})"


@emits("frame")
def frame(n: Site) -> Answer:
    """``unfold`` of a tensor."""
    axis = axis_index(n.op.axis, n.rank(), "x")
    length, step = n.number(n.op.length, "length"), n.number(n.op.step, "step")
    return f"{n['x']}.unfold({axis}, {length}, {step})"


def geometry(n: Site, rank: int) -> dict[str, Any]:
    """Kernel, stride, dilation and pads for each axis."""
    found: dict[str, Any] = {
        name: spread(getattr(n.op, name), rank, name) for name in ("kernel", "stride", "dilation")
    }
    return found | {"pads": axis_pads(n.op.pad, rank)}


@emits("unfold")
def unfold(n: Site) -> Answer:
    """``F.unfold`` for images."""
    rank = n.rank() - 2
    given = geometry(n, rank)
    pads = given.pop("pads")
    listed = ", ".join(n.number(value, name) for name, value in given.items())
    words = {pair for pair in pads if isinstance(pair, str)}
    if words:
        if len(set(pads)) > 1:
            return None
        pad = f'window_pads({n["x"]}.shape[2:], {listed}, "{words.pop()}", False)[0]'
        return f"{COLUMNS}(F.pad({n['x']}, {pad}), {listed})"
    even = all(before == after for before, after in pads)
    if rank == 2 and even and "float" in n.type("x").dtype:
        padding = tuple(before for before, _ in pads)
        return n.call(
            "F.unfold",
            n["x"],
            n.number(given["kernel"], "kernel"),
            dilation=(given["dilation"], (1, 1)),
            padding=(padding, (0, 0)),
            stride=(given["stride"], (1, 1)),
        )
    flat = tuple(size for pair in reversed(pads) for size in pair)
    text = f"F.pad({n['x']}, {n.number(flat, 'pads')})" if any(flat) else n["x"]
    return f"{COLUMNS}({text}, {listed})"


@emits("fold")
def fold(n: Site) -> Answer:
    """``F.fold``; a signal is an image of one row, uneven pads are cut off afterwards."""
    rank = len(n.op.output_size)
    given = geometry(n, rank)
    pads = given["pads"]
    if rank > 2 or any(isinstance(pair, str) for pair in pads):
        return None
    lead = (1,) * (2 - rank)
    whole = [size + sum(pair) for size, pair in zip(n.op.output_size, pads, strict=True)]
    names = {"dilation": "dilation", "stride": "stride"}
    options = {k: (lead + given[name], (1, 1)) for k, name in names.items()}
    text = n.call(
        "F.fold",
        n["x"],
        n.shape_text((*lead, *whole)),
        n.number(lead + given["kernel"], "kernel"),
        **options,
    )
    if rank == 1:
        text += ".squeeze(2)"
    flat = tuple(-size for pair in reversed(pads) for size in pair)
    return f"F.pad({text}, {n.number(flat, 'pads')})" if any(flat) else text
