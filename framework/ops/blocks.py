"""Blocks of the image moved into channels, and back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from framework.errors import Mistake
from framework.ir.op import Array, Match, Op, Sample
from framework.ops.layout import Layout


class Blocks(Layout):
    """Family: channels and square blocks of the image; sizes must be divisible."""

    views = False
    main = "block"

    block: int
    mode: Literal["dcr", "crd"]

    def check(self) -> None:
        """A positive block."""
        if self.block < 1:
            raise Mistake(f"block is {self.block}; it must be at least 1")

    def derive(self, d: Match) -> dict[str, Any]:
        """The signature divides by the block, which must not be 0."""
        self.check()
        return {}


class DepthToSpace(Blocks, name="depth_to_space"):
    """Channels become blocks of the image: [b, c*block², h, w] to [b, c, h*block, w*block].

    y[b, c, h*block + p, w*block + q] = x[b, k, h, w] with, for C = c/block² channels,
        dcr: k = (p*block + q)*C + c        crd: k = (c*block + p)*block + q
    Source: ONNX DepthToSpace-13; Shi et al. 2016, section 3.2; torch.nn.PixelShuffle (crd).
    """

    signature = "x: b c h w -> y: b c/(block*block) h*block w*block"

    block: int
    mode: Literal["dcr", "crd"] = "dcr"

    def compute(self, x: Array) -> Array:
        """Split, transpose, merge."""
        n, (b, c, h, w) = self.block, x.shape
        rest = c // (n * n)
        if self.mode == "dcr":
            split = x.reshape(b, n, n, rest, h, w).transpose(0, 3, 4, 1, 5, 2)
        else:
            split = x.reshape(b, rest, n, n, h, w).transpose(0, 1, 4, 2, 5, 3)
        return np.array(split.reshape(b, rest, h * n, w * n))

    def decompose(self, g: Any, x: Any) -> Any:
        """The same as a pattern of axes."""
        pattern = f"b ({DEPTHS[self.mode]}) h w -> b c (h p) (w q)"
        return g.rearrange(x, pattern=pattern, sizes=(("p", self.block), ("q", self.block)))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Both orders of channels, two sizes of blocks."""
        yield cls(block=2), (3, 8, 4, 5)
        yield cls(block=3, mode="crd"), Sample((2, 18, 4, 5), "int64", high=99)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """One pixel of 8 channels becomes two images."""
        x = np.arange(8).reshape(1, 8, 1, 1)
        yield cls(block=2), (x,), [[[[0, 2], [4, 6]], [[1, 3], [5, 7]]]]
        yield cls(block=2, mode="crd"), (x,), [[[[0, 1], [2, 3]], [[4, 5], [6, 7]]]]


class SpaceToDepth(Blocks, name="space_to_depth"):
    """Blocks of the image become channels: [b, c, h*block, w*block] to [b, c*block², h, w].

    y[b, k, h, w] = x[b, c, h*block + p, w*block + q] with, for C channels,
        dcr: k = (p*block + q)*C + c        crd: k = (c*block + p)*block + q
    Source: ONNX SpaceToDepth-13 (dcr), -28 (both); torch.nn.PixelUnshuffle (crd).
    """

    signature = "x: b c h w -> y: b c*block*block h/block w/block"

    block: int
    mode: Literal["dcr", "crd"] = "dcr"

    def compute(self, x: Array) -> Array:
        """Split, transpose, merge."""
        n, (b, c, h, w) = self.block, x.shape
        split = x.reshape(b, c, h // n, n, w // n, n)
        order = (0, 3, 5, 1, 2, 4) if self.mode == "dcr" else (0, 1, 3, 5, 2, 4)
        return np.array(split.transpose(order).reshape(b, c * n * n, h // n, w // n))

    def decompose(self, g: Any, x: Any) -> Any:
        """The same as a pattern of axes."""
        pattern = f"b c (h p) (w q) -> b ({DEPTHS[self.mode]}) h w"
        return g.rearrange(x, pattern=pattern, sizes=(("p", self.block), ("q", self.block)))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Both orders of channels, two sizes of blocks."""
        yield cls(block=2), (2, 3, 8, 10)
        yield cls(block=3, mode="crd"), Sample((2, 5, 9, 12), "int64", high=99)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Two images of one block each become one pixel."""
        x = np.arange(8).reshape(1, 2, 2, 2)
        yield cls(block=2), (x,), np.array([0, 4, 1, 5, 2, 6, 3, 7]).reshape(1, 8, 1, 1)
        yield cls(block=2, mode="crd"), (x,), np.arange(8).reshape(1, 8, 1, 1)


DEPTHS = {"dcr": "p q c", "crd": "c p q"}
"""What a channel consists of; the last name runs fastest."""
