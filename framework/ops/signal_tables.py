"""Tables for spectra: window functions and the mel filter bank."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from framework.errors import Mistake
from framework.ir.attributes import SizeAttr
from framework.ir.op import Array, Cost, Match, Op
from framework.ir.types import fixed_size

FloatDtype = Literal["float32", "float64", "float16"]


class CosineWindow(Op):
    """Family: y[n] = a0 - a1 cos(2 pi n / N) + a2 cos(4 pi n / N), n below ``size``.

    N is ``size`` for a ``periodic`` window, as spectra want it, size - 1 for a symmetric one.
    A symmetric window of one point is 1 (with torch a periodic one, too; ONNX follows the formula).
    """

    signature = "-> y<@dtype>: size"
    category = "constant"
    main = "size"

    size: Any
    periodic: bool
    dtype: str

    @property
    def weights(self) -> tuple[float, float, float]:
        """a0, a1, a2."""
        raise NotImplementedError

    def derive(self, d: Match) -> dict[str, Any]:
        """A window has no negative size."""
        d.require("<=", 0, self.size, "0 and the size of the window")
        return {}

    def compute(self, *arrays: Array) -> Array:
        """In float64 until the end."""
        size = fixed_size(self.size, "size")
        period = size if self.periodic else size - 1
        if period == 0:
            return np.ones(size, self.dtype)
        angle = 2 * np.pi * np.arange(size) / period
        a0, a1, a2 = self.weights
        return np.asarray(a0 - a1 * np.cos(angle) + a2 * np.cos(2 * angle)).astype(self.dtype)

    def cost(self, d: Match) -> Cost:
        """Nothing: the table is a constant."""
        return Cost()


class HannWindow(CosineWindow, name="hann_window"):
    """The window of Hann: one arch of a squared sine, 0 at its ends.

    y[n] = 1/2 - 1/2 cos(2 pi n / N), N = size, or size - 1 if not ``periodic``
    Source: ONNX HannWindow-17; torch.hann_window; Blackman and Tukey 1958.
    """

    size: SizeAttr
    periodic: bool = True
    dtype: FloatDtype = "float32"

    @property
    def weights(self) -> tuple[float, float, float]:
        """Halves."""
        return 0.5, 0.5, 0.0

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Both kinds, several dtypes, one point."""
        yield (cls(size=6),)
        yield (cls(size=7, periodic=False, dtype="float64"),)
        yield (cls(size=1, periodic=False, dtype="float16"),)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """The periodic one leaves out the last point; a single point is 1."""
        yield cls(size=4), (), [0, 0.5, 1, 0.5]
        yield cls(size=5, periodic=False), (), [0, 0.5, 1, 0.5, 0]
        yield cls(size=1, periodic=False), (), [1]
        yield cls(size=0), (), []


class HammingWindow(CosineWindow, name="hamming_window"):
    """The window of Hamming: a Hann window on a pedestal, which lowers the first side lobe.

    y[n] = alpha - (1 - alpha) cos(2 pi n / N), N = size, or size - 1 if not ``periodic``
    Source: torch.hamming_window and NumPy (alpha 0.54); ONNX HammingWindow-17 (alpha 25/46,
    which is where the side lobe vanishes exactly); Blackman and Tukey 1958.
    """

    size: SizeAttr
    periodic: bool = True
    alpha: float = 0.54
    dtype: FloatDtype = "float32"

    @property
    def weights(self) -> tuple[float, float, float]:
        """They add up to 1."""
        return self.alpha, 1 - self.alpha, 0.0

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Both kinds, both conventions, several dtypes."""
        yield (cls(size=6),)
        yield (cls(size=7, periodic=False, dtype="float64"),)
        yield (cls(size=5, alpha=25 / 46, dtype="float16"),)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """The pedestal is 2 alpha - 1."""
        yield cls(size=4), (), [0.08, 0.54, 1, 0.54]
        yield cls(size=3, periodic=False, alpha=0.75), (), [0.5, 1, 0.5]


class BlackmanWindow(CosineWindow, name="blackman_window"):
    """The window of Blackman: two cosines, wider and with lower side lobes than Hann's.

    y[n] = 0.42 - 0.5 cos(2 pi n / N) + 0.08 cos(4 pi n / N), N = size, or size - 1 if not
    ``periodic``
    Source: ONNX BlackmanWindow-17; torch.blackman_window; Blackman and Tukey 1958.
    """

    size: SizeAttr
    periodic: bool = True
    dtype: FloatDtype = "float32"

    @property
    def weights(self) -> tuple[float, float, float]:
        """Rounded, so that the ends are 0."""
        return 0.42, 0.5, 0.08

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Both kinds, several dtypes."""
        yield (cls(size=6),)
        yield (cls(size=7, periodic=False, dtype="float64"),)
        yield (cls(size=4, dtype="float16"),)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """At a quarter the second cosine is -1."""
        yield cls(size=4), (), [0, 0.34, 1, 0.34]
        yield cls(size=5, periodic=False), (), [0, 0.34, 1, 0.34, 0]


class MelWeightMatrix(Op, name="mel_weight_matrix"):
    """A bank of triangles, evenly wide to the ear, that sum a half spectrum into mel bands.

    mel(f) = 2595 log10(1 + f/700); num_mel_bins + 2 corners b[0], b[1], … lie at mel distances
    (mel(upper_edge_hertz) - mel(lower_edge_hertz)) / (num_mel_bins + 2) from the lower edge on,
    each rounded down to a bin, b = floor((dft_length + 1) * f / sample_rate);
    y[j, i] rises from 0 at j = b[i] to 1 at b[i+1] and falls to 0 at b[i+2]

    Source: ONNX MelWeightMatrix-17 (its corners do not reach the upper edge); Stevens, Volkmann
    and Newman 1937.  A power spectrum [frames, dft_length//2 + 1] times y is a mel spectrum.
    """

    signature = "-> y<@dtype>: bins num_mel_bins"
    category = "constant"
    main = "num_mel_bins"

    num_mel_bins: int
    dft_length: int
    sample_rate: int
    lower_edge_hertz: float = 0.0
    upper_edge_hertz: float | None = None
    dtype: FloatDtype = "float32"

    def check(self) -> None:
        """There are bands, and they lie between 0 and half the sample rate."""
        for name in ("num_mel_bins", "dft_length", "sample_rate"):
            if getattr(self, name) < 1:
                raise Mistake(f"{name} is {getattr(self, name)}; it must be at least 1")
        if not 0 <= self.lower_edge_hertz < self._upper <= self.sample_rate / 2:
            raise Mistake(
                f"the bands go from {self.lower_edge_hertz} to {self._upper} hertz; they must "
                f"lie between 0 and {self.sample_rate / 2}, half the sample rate"
            )

    @property
    def _upper(self) -> float:
        """The upper edge; by default the highest frequency that there is."""
        return self.sample_rate / 2 if self.upper_edge_hertz is None else self.upper_edge_hertz

    def derive(self, d: Match) -> dict[str, Any]:
        """Half a spectrum has so many frequencies."""
        return {"bins": self.dft_length // 2 + 1}

    def compute(self, *arrays: Array) -> Array:
        """Both sides of all triangles at once; the peak is 1 even where a side has no width."""
        low, high = mel(self.lower_edge_hertz), mel(self._upper)
        corners = self.num_mel_bins + 2
        hertz = 700 * (10 ** ((low + np.arange(corners) * (high - low) / corners) / 2595) - 1)
        bins = np.floor((self.dft_length + 1) * hertz / self.sample_rate)
        left, peak, right = bins[:-2], bins[1:-1], bins[2:]
        j = np.arange(self.dft_length // 2 + 1)[:, None]
        rising = (j - left) / np.maximum(peak - left, 1) * (j >= left)
        falling = (right - j) / np.maximum(right - peak, 1) * (j < right)
        y = np.asarray(np.where(j < peak, rising, falling))
        y[j == peak] = 1
        return y.astype(self.dtype)

    def cost(self, d: Match) -> Cost:
        """Nothing: the table is a constant."""
        return Cost()

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Wide and narrow bands, part of the spectrum, several dtypes."""
        yield (cls(num_mel_bins=8, dft_length=16, sample_rate=8192),)
        yield (cls(5, 65, 16000, 100.0, 7000.0, dtype="float64"),)
        yield (cls(20, 32, 8000, upper_edge_hertz=3000.0, dtype="float16"),)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Corners at bins 0, 1 and 4 of 14; a band without width is a single one."""
        # mel(700 * 26) = 2595 log10(27): thirds of it lie at 700 (3^k - 1) = 0, 1400, 5600
        # hertz, and (26 + 1) / 36400 bins for each of them make that 0, 1.04 and 4.15.
        edge: dict[str, Any] = {"sample_rate": 36400, "upper_edge_hertz": 18200.0}
        yield (
            cls(num_mel_bins=1, dft_length=26, **edge),
            (),
            [[0], [1], [2 / 3], [1 / 3], *[[0]] * 10],
        )
        yield cls(num_mel_bins=1, dft_length=4, **edge), (), [[1], [0], [0]]


def mel(hertz: float) -> Any:
    """A pitch on the mel scale."""
    return 2595 * np.log10(1 + hertz / 700)
