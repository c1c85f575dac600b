"""What a plan runs in place of an operator's definition: a function prepared for known types."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from framework.ir.types import TensorType
from framework.numerics.team import SOLO, Team

Array = NDArray[Any]
Precision = Literal["strict", "fast"]

ALIGNMENT = 64
"""Bytes; buffers start at cache lines."""


@dataclass(frozen=True)
class How:
    """What a kernel may assume: how exact it must be, and the threads that it has.

    ``strict`` never uses an algorithm that loses digits against the plain definition.
    ``blas`` is the number of threads that BLAS has meanwhile: ours and its do not work at once.
    ``wanted`` says which results anybody reads (None: all); the others get None in ``out``.
    """

    precision: Precision = "strict"
    team: Team = SOLO
    blas: int = 1
    wanted: tuple[bool, ...] | None = None


@dataclass(frozen=True)
class Kernel:
    """A prepared function.

    ``function(*arrays, out=…, scratch=…)`` takes the arrays in the order of the signature,
    writes its result into ``out`` (a tuple of arrays for several results) and may use the
    ``scratch`` bytes as it likes.  ``layouts`` say how arguments are laid out beforehand, once
    where they are weights.  ``overwrites`` are the arguments whose memory may be ``out``.
    """

    function: Callable[..., Any]
    outputs: tuple[TensorType, ...]
    scratch: int = 0
    overwrites: tuple[int, ...] = ()
    layouts: Mapping[int, Callable[[Array], Array]] = field(default_factory=dict)
    algorithm: str = ""
    binds: bool = False
    """``function(out, scratch)`` makes its views of the memory, and gives the function of the
    arrays."""

    def __call__(self, *arrays: Any) -> Any:
        """Run on fresh memory, without warnings: NaN and inf are results like others."""
        laid = [
            self.layouts[i](array) if i in self.layouts and array is not None else array
            for i, array in enumerate(arrays)
        ]
        out = tuple(empty(type_) for type_ in self.outputs)
        with np.errstate(all="ignore"):
            self.run(laid, out, np.empty(self.scratch, np.uint8))
        return out if len(out) > 1 else out[0]

    def run(self, arrays: Sequence[Any], out: tuple[Any, ...], scratch: Any) -> None:
        """Run on given memory; the arguments are laid out already.

        Who calls sees to it that NumPy does not warn, once for all kernels of a run.
        """
        self.bound(out, scratch)(*arrays)

    def bound(self, out: tuple[Any, ...], scratch: Any) -> Callable[..., None]:
        """`run` on this memory, for many runs: a function of the arguments alone."""
        target = out if len(out) > 1 else out[0]
        if self.binds:
            found: Callable[..., None] = self.function(target, scratch)
            return found
        return partial(self.function, out=target, scratch=scratch)


def empty(type_: TensorType) -> Array:
    """Fresh memory for a tensor of a known type."""
    shape = tuple(int(str(size)) for size in type_.shape)
    return np.empty(shape, type_.dtype)
