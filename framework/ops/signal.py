"""Discrete Fourier transforms, of a whole axis and of sliding frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from framework.errors import Mistake, ShapeError
from framework.ir.attributes import SizeAttr
from framework.ir.dims import Size, format_shape, product
from framework.ir.op import Array, Cost, Match, Op
from framework.ir.types import axis_index, fixed_size
from framework.numerics.convolution import widened


class DFT(Op, name="dft"):
    """The discrete Fourier transform along one axis; the last axis holds real and imaginary part.

    forward: y[k] = sum over n below N of x[n] * e^(-2 pi i k n / N)
    inverse: y[n] = 1/N * sum over k below N of x[k] * e^(2 pi i k n / N)

    x has 1 (real) or 2 (real, imaginary) on its last axis, y has 2.  N is ``length``, to which
    x is cut or filled with zeros; by default it is the size of the axis.
    ``onesided`` keeps k = 0 … N//2 of a real signal, whose other half mirrors it; inverse, it
    takes these and gives the real signal, 1 on the last axis, N = 2 (size - 1) by default.
    Source: ONNX DFT-20; Cooley and Tukey 1965.
    """

    signature = "x: *x -> y: *y"
    category = "linear"
    main = "axis"

    axis: int = -2
    length: SizeAttr | None = None
    inverse: bool = False
    onesided: bool = False

    def check(self) -> None:
        """The length is that of a signal."""
        if isinstance(self.length, int) and self.length < 1:
            raise Mistake(f"length is {self.length}; it must be at least 1")

    def derive(self, d: Match) -> dict[str, Any]:
        """The transformed axis gets N, or N//2 + 1 if that half is enough."""
        axis = axis_index(self.axis, len(d.x), "x")
        if axis == len(d.x) - 1:
            raise ShapeError(
                f"axis {self.axis} of x {format_shape(d.x)} holds real and imaginary part",
                hint="the transformed axis is another one",
            )
        require_parts(d, d.x[-1], self.onesided, self.inverse)
        n = self._length(d.x[axis])
        d.require("<=", 1, n, "1 and the length of the transform")
        bins = n // 2 + 1 if self.onesided and not self.inverse else n
        parts = 1 if self.onesided and self.inverse else 2
        return {"y": (*d.x[:axis], bins, *d.x[axis + 1 : -1], parts), "n": n}

    def _length(self, size: Size) -> Size:
        """N for an axis of ``size``."""
        if self.length is not None:
            return self.length
        return 2 * (size - 1) if self.onesided and self.inverse else size

    def compute(self, x: Array) -> Array:
        """NumPy's fast transforms."""
        z = as_complex(widened(x))
        axis = self.axis % x.ndim
        length = fixed_size(self._length(x.shape[axis]), "length")
        if self.onesided and self.inverse:
            real = np.asarray(np.fft.irfft(z, length, axis))
            return real[..., None].astype(x.dtype)
        if self.onesided:
            return parts_of(np.fft.rfft(z, length, axis), x)
        transform = np.fft.ifft if self.inverse else np.fft.fft
        return parts_of(transform(z, length, axis), x)

    def cost(self, d: Match) -> Cost:
        """As defined: 2 products for each real number and each result; fast ones need fewer."""
        return Cost(product(d.y[:-1]) * d.n * 2 * d.x[-1])

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Real and complex, forward and inverse, half and whole, cut and filled."""
        yield cls(), (2, 3, 6, 1)
        yield cls(axis=1, length=7), (3, 5, 2)
        yield cls(axis=1, inverse=True, length=4), (3, 5, 6, 2)
        yield cls(onesided=True), (3, 7, 1)
        yield cls(axis=0, onesided=True, inverse=True), (5, 3, 2)
        yield cls(onesided=True, inverse=True, length=7), (3, 4, 2)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """An impulse one step late: powers of -i; the sign of the exponent; 1/N; halves."""
        late = np.array([[0.0], [1.0], [0.0], [0.0]])
        powers = [[1, 0], [0, -1], [-1, 0], [0, 1]]
        yield cls(), (late,), powers
        yield cls(onesided=True), (late,), powers[:3]
        whole = np.array(powers, np.float64)
        yield cls(inverse=True), (whole,), [[0, 0], [1, 0], [0, 0], [0, 0]]
        yield cls(inverse=True, onesided=True), (whole[:3],), [[0], [1], [0], [0]]
        yield cls(length=2), (late,), [[1, 0], [-1, 0]]
        yield cls(length=4), (late[:2],), powers
        turned = np.array([[0.0, 1.0], [0.0, 0.0]])  # i at time 0
        yield cls(), (turned,), [[0, 1], [0, 1]]


class STFT(Op, name="stft"):
    """The Fourier transform of frames that slide over a signal.

    y[..., f, k, :] = sum over n below N of window[n] * signal[..., f*frame_step + n]
                      * e^(-2 pi i k n / N), as real and imaginary part

    The signal is [..., t, 1] (real) or [..., t, 2] (complex).  N is ``frame_length``, else the
    length of the window, else t; there are (t - N)//frame_step + 1 frames, nothing is padded.
    ``onesided`` keeps k = 0 … N//2, which is all that a real signal has to say.
    Source: ONNX STFT-17; torch.stft with center false.
    """

    signature = "signal: *lead t parts, window?: points -> y: *lead frames bins 2"
    category = "linear"
    main = "frame_step"

    frame_step: int
    frame_length: SizeAttr | None = None
    onesided: bool = True

    def check(self) -> None:
        """The frames move, and are not empty."""
        if self.frame_step < 1:
            raise Mistake(f"frame_step is {self.frame_step}; it must be at least 1")
        if isinstance(self.frame_length, int) and self.frame_length < 1:
            raise Mistake(f"frame_length is {self.frame_length}; it must be at least 1")

    def derive(self, d: Match) -> dict[str, Any]:
        """How many frames fit, and how many frequencies they have."""
        require_parts(d, d.parts, self.onesided, False)
        n = self._length(d.t, d.points if "window" in d else None)
        if "window" in d:
            d.require("==", d.points, n, "points of the window and frame_length")
        d.require("<=", 1, n, "1 and the length of a frame")
        d.require("<=", n, d.t, "frame and signal length", hint="pad fills a signal up")
        frames = (d.t - n) // self.frame_step + 1
        return {"frames": frames, "bins": n // 2 + 1 if self.onesided else n, "n": n}

    def _length(self, signal: Size, window: Size | None) -> Size:
        """N."""
        if self.frame_length is not None:
            return self.frame_length
        return signal if window is None else window

    def compute(self, signal: Array, window: Array | None = None) -> Array:
        """A view of all frames, weighted, transformed at once."""
        z = as_complex(widened(signal))
        points = None if window is None else len(window)
        length = fixed_size(self._length(z.shape[-1], points), "frame_length")
        frames = np.lib.stride_tricks.sliding_window_view(z, length, -1)
        frames = frames[..., :: self.frame_step, :]
        if window is not None:
            frames = frames * widened(window)
        transform = np.fft.rfft if self.onesided else np.fft.fft
        return parts_of(transform(frames), signal)

    def cost(self, d: Match) -> Cost:
        """The window, and the transforms as they are defined; fast ones need fewer."""
        count = product(d.lead) * d.frames
        window = count * d.n * d.parts if "window" in d else 0
        return Cost(count * d.bins * d.n * 2 * d.parts, window)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """With a window, with a length, with both, with neither; real and complex."""
        yield cls(frame_step=3), (2, 17, 1), (6,)
        yield cls(frame_step=2, frame_length=5), (2, 3, 11, 1)
        yield cls(frame_step=4, frame_length=7, onesided=False), (3, 16, 2), (7,)
        yield cls(frame_step=2, onesided=False), (9, 1)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Two frames and a rest that no frame reaches; the window is a factor."""
        signal, window = np.array([[1.0], [2.0], [3.0], [5.0], [9.0]]), np.array([1.0, 10.0])
        yield (
            cls(frame_step=2, frame_length=2),
            (signal, None),
            [[[3, 0], [-1, 0]], [[8, 0], [-2, 0]]],
        )
        yield cls(frame_step=3), (signal, window), [[[21, 0], [-19, 0]], [[95, 0], [-85, 0]]]
        turned = np.array([[0.0, 1.0], [0.0, 2.0]])
        yield cls(frame_step=1, onesided=False), (turned, None), [[[0, 3], [0, -1]]]


def require_parts(d: Match, parts: Size, onesided: bool, inverse: bool) -> None:
    """The last axis holds one part or two; half a spectrum is that of a real signal."""
    if onesided:
        what = "a half spectrum" if inverse else "the real signal that a half spectrum is of"
        d.require("==", parts, 2 if inverse else 1, f"last axis of {what}")
        return
    d.require("<=", 1, parts, "1 (real) and the last axis of x")
    d.require("<=", parts, 2, "the last axis of x and 2 (real, imaginary)")


def as_complex(x: Array) -> Array:
    """[..., 1] as a real array without that axis, [..., 2] as a complex one."""
    return x[..., 0] if x.shape[-1] == 1 else np.asarray(x[..., 0] + 1j * x[..., 1])


def parts_of(z: Any, like: Array) -> Array:
    """Real and imaginary part on a new last axis, in the dtype of ``like``."""
    y = np.empty((*z.shape, 2), like.dtype)
    y[..., 0], y[..., 1] = z.real, z.imag
    return y
