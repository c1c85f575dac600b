"""Random numbers.

All come from NumPy's `RandomState`, whose numbers for a seed are the same in every version.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from framework.errors import Mistake
from framework.ir.attributes import ShapeAttr, SizeAttr
from framework.ir.dims import product
from framework.ir.op import Array, Cost, Match, Op
from framework.ops.constant import Dtype

Float = Literal["float32", "float64", "float16"]


class Random(Op):
    """Family: depends on a random generator; without a ``seed`` each run is another."""

    category = "arithmetic"
    random = True

    def check(self) -> None:
        """A seed is a whole number of 32 bits."""
        seed = self.values["seed"]
        if seed is not None and not 0 <= seed < 1 << 32:
            raise Mistake(f"seed is {seed}; it must be at least 0 and below 2^32")

    @property
    def generator(self) -> np.random.RandomState:
        """A generator in its first state."""
        return np.random.RandomState(self.values["seed"])


class Drawn(Random):
    """Family: a tensor of independent random numbers."""

    signature = "-> y<@dtype>: *shape"
    category = "constant"

    def cost(self, d: Match) -> Cost:
        """One operation for each element."""
        return Cost(0, product(d.shape))


class RandomUniform(Drawn, name="random_uniform"):
    """Random numbers between two limits, all equally likely.

    y = low + (high - low) * u, u uniform in [0, 1)
    Source: ONNX RandomUniform-22.
    """

    main = "shape"

    shape: ShapeAttr
    low: float = 0.0
    high: float = 1.0
    seed: int | None = None
    dtype: Float = "float32"

    def compute(self, *arrays: Array) -> Array:
        """Drawn in float64."""
        size: Any = self.shape
        return np.asarray(self.generator.uniform(self.low, self.high, size), self.dtype)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """A table, a vector within limits."""
        yield (cls((2, 3), seed=1),)
        yield (cls((5,), low=-2.0, high=3.0, seed=2, dtype="float16"),)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """The first numbers of the Mersenne twister with the seed 0; limits without a width."""
        yield cls((2,), seed=0, dtype="float64"), (), [0.5488135039273248, 0.7151893663724195]
        yield cls((1, 2), low=3.0, high=3.0), (), [[3, 3]]


class RandomNormal(Drawn, name="random_normal"):
    """Random numbers of a normal distribution.

    y = mean + scale * n, n normal with mean 0 and variance 1
    Source: ONNX RandomNormal-22.
    """

    main = "shape"

    shape: ShapeAttr
    mean: float = 0.0
    scale: float = 1.0
    seed: int | None = None
    dtype: Float = "float32"

    def check(self) -> None:
        """A standard deviation is not negative."""
        super().check()
        if not self.scale >= 0:
            raise Mistake(f"scale is {self.scale}; it must not be negative")

    def compute(self, *arrays: Array) -> Array:
        """Drawn in float64."""
        size: Any = self.shape
        return np.asarray(self.generator.normal(self.mean, self.scale, size), self.dtype)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """A table, a vector around another mean."""
        yield (cls((2, 3), seed=1),)
        yield (cls((5,), mean=-2.0, scale=3.0, seed=2, dtype="float16"),)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """The first numbers with the seed 0; no width."""
        yield cls((2,), seed=0, dtype="float64"), (), [1.764052345967664, 0.4001572083672233]
        yield cls((1, 2), mean=3.0, scale=0.0), (), [[3, 3]]


class Bernoulli(Random, name="bernoulli"):
    """One with the probability that the input says, zero otherwise.

    y = 1 where u < x, 0 elsewhere, u uniform in [0, 1)
    Source: ONNX Bernoulli-22.
    """

    signature = "x: *shape -> y<@dtype>: *shape"
    main = None

    seed: int | None = None
    dtype: Dtype = "float32"

    def compute(self, x: Array) -> Array:
        """Compared with uniform numbers."""
        return np.asarray(self.generator.uniform(size=x.shape) < x).astype(self.dtype)

    def cost(self, d: Match) -> Cost:
        """A number and a comparison for each element."""
        return Cost(0, 2 * product(d.shape))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Numbers, truth values."""
        yield cls(seed=1), (2, 3)
        yield cls(seed=2, dtype="bool"), (5,)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """What is certain; u is 0.549 and 0.715 for the seed 0."""
        yield cls(), (np.array([0.0, 1.0]),), [0, 1]
        yield cls(seed=0), (np.array([0.6, 0.6]),), [1, 0]


class Multinomial(Random, name="multinomial"):
    """Classes drawn at random, each row with its own logarithms of probabilities.

    y = k with the probability softmax(x)[k], ``count`` times for each row
    Source: ONNX Multinomial-22.
    """

    signature = "x: b c -> y<@dtype>: b count"
    main = "count"

    count: SizeAttr = 1
    seed: int | None = None
    dtype: Literal["int32", "int64"] = "int32"

    def derive(self, d: Match) -> dict[str, Any]:
        """There is a class to draw."""
        d.require("<=", 1, d.c, "1 and the number of classes")
        return {}

    def compute(self, x: Array) -> Array:
        """The place of a uniform number among the sums of the probabilities."""
        wide = x.astype(np.float64)
        shares = np.exp(wide - wide.max(1, keepdims=True)).cumsum(1)
        size: Any = (len(x), self.count)
        drawn = self.generator.uniform(size=size) * shares[:, -1:]
        return np.asarray((drawn[:, :, None] >= shares[:, None]).sum(2), self.dtype)

    def cost(self, d: Match) -> Cost:
        """Three operations for each probability, one for each class and draw."""
        return Cost(0, d.b * d.c * (3 + d.count))

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """One class, several."""
        yield cls(seed=1), (2, 3)
        yield cls(5, seed=2, dtype="int64"), (3, 4)

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """A certain class; u is 0.549 and 0.715 for the seed 0."""
        yield cls(3), (np.array([[-np.inf, 0.0, -np.inf]]),), [[1, 1, 1]]
        yield cls(2, seed=0), (np.log([[0.6, 0.4]]),), [[0, 1]]
