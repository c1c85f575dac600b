"""Sums of products over named axes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from framework.errors import ShapeError
from framework.ir.dims import Shape, Size, format_shape, product
from framework.ir.kernel import How, Kernel
from framework.ir.op import PLAIN, Array, Cost, Match, Op, Sample
from framework.ir.types import TensorType, broadcast
from framework.numerics.convolution import widened
from framework.numerics.products import multiply
from framework.numerics.sweep import carved, padded_bytes
from framework.numerics.team import Team
from framework.ops.equations import DOTS, Equation, Term
from framework.ops.kernels import all_fast, kernel_of, sizes


class Einsum(Op, name="einsum"):
    """Multiply tensors along named axes and sum over the names that the result lacks.

    y[output names] = sum over all other names of xs[0][its names] * xs[1][its names] * ...
    Source: NumPy einsum; ONNX Einsum-12.  Names may be words, separated by blanks.
    A name that stands twice in one tensor takes its diagonal.
    """

    signature = "xs+: *x -> y: *y"
    category = "product"
    accepts = "number"

    equation: str

    def check(self) -> None:
        """The equation can be read."""
        Equation.parse(self.equation)

    def derive(self, d: Match) -> dict[str, Any]:
        """One size for each name."""
        equation = Equation.parse(self.equation)
        if len(d.x) != len(equation.inputs):
            raise ShapeError(
                f"'{self.equation}' is for {len(equation.inputs)} tensors, got {len(d.x)}"
            )
        sizes: dict[str, tuple[Size, str]] = {}
        dots = [
            bind(d, term, shape, f"xs.{number}", sizes)
            for number, (term, shape) in enumerate(zip(equation.inputs, d.x, strict=True))
        ]
        extra, conditions = broadcast(dots, "... of xs")
        d.conditions += conditions
        known = {name: size for name, (size, _) in sizes.items()}
        parts = (extra if name == DOTS else (known[name],) for name in equation.output)
        loops = product(extra) * product(known.values())
        return {"y": tuple(size for part in parts for size in part), "loops": loops}

    def compute(self, xs: tuple[Array, ...]) -> Array:
        """``numpy.einsum``; float16 is summed in float32."""
        wide = [widened(x) for x in xs]
        y = np.einsum(Equation.parse(self.equation).spelled(), *wide, optimize=len(xs) > 2)
        with np.errstate(over="ignore"):  # a float16 sum may still be too large: inf
            return np.array(y, dtype=xs[0].dtype)

    def prepare(self, types: Sequence[TensorType | None], how: How = PLAIN) -> Kernel | None:
        """A matrix product, where the equation is one."""
        roles = Roles.of(Equation.parse(self.equation))
        if roles is None or not all_fast(types):
            return None
        known = dict(zip(roles.left, sizes(types[0]), strict=True))
        known |= dict(zip(roles.right, sizes(types[1]), strict=True))
        direct, team = roles.direct(known), how.team
        room = math.prod(known[name] for name in roles.equation.output)
        itemsize = np.dtype(types[0].dtype if types[0] else "float32").itemsize

        def run(xs: tuple[Array, ...], out: Array, scratch: Array) -> None:
            a, b = xs
            roles.product_into(a, b, out, known, direct, team, scratch)

        spare = 0 if direct else padded_bytes(room * itemsize)
        return kernel_of(self, types, run, scratch=spare, algorithm="matrix product")

    def cost(self, d: Match) -> Cost:
        """One multiply-accumulate for each combination of all names."""
        return Cost(d.loops)

    @classmethod
    def examples(cls) -> Iterator[tuple[Any, ...]]:
        """Attention both ways, words, dots, no arrow, a diagonal, several sums, integers."""
        yield cls("b h i d, b h j d -> b h i j"), [(2, 3, 4, 6), (2, 3, 5, 6)]
        yield cls("b h i j, b h j d -> b i h d"), [(2, 3, 4, 5), (2, 3, 5, 6)]
        yield cls("bhid,bhjd->bhij"), [(2, 3, 4, 6), (2, 3, 5, 6)]
        yield cls("batch time width, width out -> batch time out"), [(2, 3, 4), (4, 5)]
        yield cls("...ij,...jk->...ik"), [(2, 1, 3, 4), (5, 4, 6)]
        yield cls("ij,jk"), [(2, 3), (3, 4)]
        yield cls("i i -> i"), [(3, 3)]
        yield cls("ij,ik,il->jkl"), [(2, 3), (2, 4), (2, 5)]
        yield cls("i, j -> j i"), [(2,), (3,)]
        yield cls("ijk,jl->li"), [(2, 3, 4), (3, 5)]
        yield cls("b i j k, k b j l -> i b l"), [(2, 3, 4, 5), (5, 2, 4, 6)]
        yield cls("i,i->"), [Sample((4,), "int32", high=9), Sample((4,), "int32", high=9)]

    @classmethod
    def goldens(cls) -> Iterator[tuple[Op, tuple[Any, ...], Any]]:
        """Trace, diagonal, an implicit transpose, an outer product."""
        x = np.array([[1.0, 2.0], [3.0, 5.0]])
        yield cls("ii->"), ((x,),), 6
        yield cls("i i -> i"), ((x,),), [1, 5]
        yield cls("ba"), ((x,),), [[1, 3], [2, 5]]
        yield cls("i, j -> i j"), ((x[0], x[1]),), [[3, 5], [6, 10]]
        yield cls("ij,j->i"), ((x, np.array([1.0, 10.0])),), [21, 53]


def bind(
    d: Match, term: Term, shape: Shape, label: str, sizes: dict[str, tuple[Size, str]]
) -> Shape:
    """Give the names of one tensor their sizes; returns the sizes of its dots."""
    spare = len(shape) - len(term) + (DOTS in term)
    if spare < 0 or (spare > 0 and DOTS not in term):
        raise ShapeError(
            f"{label} {format_shape(shape)} has {len(shape)} axes where the equation has "
            f"'{' '.join(term)}'"
        )
    at = term.index(DOTS) if DOTS in term else len(term)
    rest = (*shape[:at], *shape[at + spare :]) if DOTS in term else shape
    for name, size in zip((name for name in term if name != DOTS), rest, strict=True):
        first, origin = sizes.setdefault(name, (size, label))
        d.require("==", first, size, f"axis {name} of {origin} and {label}")
    return tuple(shape[at : at + spare]) if DOTS in term else ()


class Roles:
    """An equation of two tensors as one batched matrix product.

    Names in both tensors and the result are a batch, names in both only are summed,
    names in one and the result are rows or columns.
    """

    def __init__(self, equation: Equation, left: Term, right: Term) -> None:
        self.equation, self.left, self.right = equation, left, right
        both = [name for name in left if name in right]
        self.batch = [name for name in both if name in equation.output]
        self.inner = [name for name in both if name not in equation.output]
        self.rows = [name for name in left if name not in right]
        self.columns = [name for name in right if name not in left]

    @classmethod
    def of(cls, equation: Equation) -> Roles | None:
        """None where the equation is no matrix product."""
        if len(equation.inputs) != 2:
            return None
        left, right = equation.inputs
        repeated = any(len(set(term)) < len(term) for term in (left, right))
        alone = [name for name in {*left} ^ {*right} if name not in equation.output]
        if repeated or alone or DOTS in (*left, *right):
            return None
        return cls(equation, left, right)

    def direct(self, known: dict[str, int]) -> bool:
        """Can the product be written where the result is, without a copy?

        Then rows and columns are one axis each, and one of them is the last of the result.
        """
        groups = [[n for n in group if known[n] != 1] for group in (self.rows, self.columns)]
        last = [name for name in self.equation.output if known[name] != 1][-1:]
        return all(len(group) <= 1 for group in groups) and last in groups

    def product_into(
        self, a: Array, b: Array, out: Array, known: dict[str, int],
        direct: bool, team: Team, scratch: Array,
    ) -> None:  # fmt: skip
        """Lay both out as [*batch, rows, inner] and [*batch, inner, columns], and multiply."""
        x = arranged(a, self.left, self.batch, (self.rows, self.inner), known)
        y = arranged(b, self.right, self.batch, (self.inner, self.columns), known)
        shape = (*x.shape[:-1], y.shape[-1])
        names = [*self.batch, *self.rows, *self.columns]
        turned = out.transpose([self.equation.output.index(name) for name in names])
        if not direct:
            z = carved(scratch, shape, out.dtype)[0]
            multiply(x, y, z, team)
            np.copyto(turned, z.reshape(turned.shape))
            return
        target = turned.reshape(shape)
        if target.shape[-1] > 1 and target.strides[-1] != target.itemsize:
            x, y, target = y.swapaxes(-1, -2), x.swapaxes(-1, -2), target.swapaxes(-1, -2)
        multiply(x, y, target, team)


def arranged(
    x: Array,
    names: Term,
    batch: Sequence[str],
    groups: Sequence[Sequence[str]],
    sizes: dict[str, int],
) -> Array:
    """Transpose to the order of the names, the batch first; merge each group into one axis."""
    order = [names.index(name) for group in (batch, *groups) for name in group]
    merged = [math.prod(sizes[name] for name in group) for group in groups]
    return x.transpose(order).reshape([*(sizes[name] for name in batch), *merged])
