"""What a writing rule sees of the ONNX model that is being written: `Out` and `Sent`.

@writes("gemm")
def write_gemm(w: Out, op: Gemm, a: Sent, b: Sent) -> Sent:
    flat = w.add("Reshape", a, w.sizes((product(a.shape[:-1]), a.shape[-1])))
    return w.add("Gemm", flat, b, alpha=op.alpha, transB=1)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, overload

from framework.ir.dims import Shape, Size
from framework.ir.op import Array
from framework.ir.types import TensorType


@dataclass(eq=False)
class Sent:
    """One tensor of the ONNX model; ``name`` is final only when the model is complete.

    ``array`` is there for constants and weights.  ``elements`` are the whole numbers of a shape
    tensor, as far as they are known when the model is written.
    """

    dtype: str
    known: Shape | None = None
    name: str = ""
    array: Array | None = None
    elements: tuple[Size, ...] | None = None

    @property
    def shape(self) -> Shape:
        """Sizes along the axes; a size that nobody knows is a symbol of its own."""
        if self.known is None:
            raise TypeError(f"the shape of {self.name} is not known; write w.add(..., shape=...)")
        return self.known

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def type(self) -> TensorType:
        """Shape and dtype."""
        return TensorType(self.shape, self.dtype)


class Out(Protocol):
    """Writes the ONNX nodes that do what one operator of ours does.

    An ONNX operator or an attribute that ``opset`` does not have ends the rule; a composite is
    then written as its decomposition, and any other operator is reported.
    """

    @property
    def opset(self) -> int:
        """Version of ONNX's own operators, 13 or more."""

    @property
    def types(self) -> tuple[TensorType, ...]:
        """Types of the operator's results: what the rule has to return."""

    def wants(self, output: int) -> bool:
        """Does anything use this result?  Where not, the rule may return None for it."""

    @overload
    def add(
        self,
        op_type: str,
        *inputs: Sent | None,
        outputs: Literal[1] = 1,
        domain: str = "",
        shape: Sequence[Size] | None = None,
        dtype: str | None = None,
        **attributes: Any,
    ) -> Sent: ...

    @overload
    def add(
        self,
        op_type: str,
        *inputs: Sent | None,
        outputs: int,
        domain: str = "",
        shape: Sequence[Size] | None = None,
        dtype: str | None = None,
        **attributes: Any,
    ) -> Any: ...

    def add(
        self,
        op_type: str,
        *inputs: Sent | None,
        outputs: int = 1,
        domain: str = "",
        shape: Sequence[Size] | None = None,
        dtype: str | None = None,
        **attributes: Any,
    ) -> Any:
        """Add a node; its result, or a tuple where ``outputs`` is more than 1.

        Attributes: numbers, text, lists, arrays; None leaves one out.  The name of a dtype is
        understood where ONNX has a code: ``to="float32"``.  ``shape`` and ``dtype`` say what
        the result is where ONNX cannot tell; where its operator has attributes of these names
        they get them too.
        """

    def call(self, op_name: str, *values: Any, **attributes: Any) -> Any:
        """One of our operators by its own rule, as in `Op.decompose`: results in ONNX."""

    def ints(self, values: Sequence[int]) -> Sent:
        """A constant int64 tensor with one axis."""

    def scalar(self, value: Size | float, dtype: str) -> Sent:
        """A number without axes: a constant, or a symbolic size."""

    def constant(self, array: Array) -> Sent:
        """A constant; equal ones are stored once."""

    def sizes(self, shape: Sequence[Size]) -> Sent:
        """Sizes, symbolic ones too, as an int64 tensor with one axis: what Reshape wants."""

    def size(self, size: Size) -> Sent:
        """One size, symbolic or not, as an int64 tensor without axes: what Range wants."""

    def cast(self, value: Sent, dtype: str) -> Sent:
        """The value in another dtype, or itself."""
