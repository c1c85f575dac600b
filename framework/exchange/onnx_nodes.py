"""One ONNX node while a model is written: its schema, its attributes, the types of its results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from onnx import AttributeProto, NodeProto, TensorProto, defs, helper, numpy_helper
from onnx.checker import ValidationError
from onnx.shape_inference import InferenceError, infer_node_outputs

from framework.errors import Mistake
from framework.exchange.onnx_types import CODES, NAMES, SizeTexts
from framework.exchange.rules.registry import Refused
from framework.exchange.rules.sending import Sent
from framework.ir.dims import Dim, Shape, Size, symbols_of

Schema = defs.OpSchema

MOST_KNOWN = 1024
"""Elements of a constant that ONNX looks at to infer a shape."""


class Unavailable(Refused):
    """The opset has no such operator or attribute; a composite is then decomposed."""

    code = "opset"


@dataclass(eq=False)
class Made:
    """A node of the ONNX model: ``scope`` says whose, ``title`` is its name once it has one."""

    op_type: str
    domain: str
    inputs: tuple[Sent | None, ...]
    outputs: tuple[Sent, ...]
    attributes: tuple[AttributeProto, ...]
    scope: str
    number: int
    title: str | None = None
    doc: str | None = None

    def proto(self, title: str) -> NodeProto:
        """The node as ONNX stores it; all tensors have their final names."""
        inputs = ["" if given is None else given.name for given in self.inputs]
        node = helper.make_node(
            self.op_type, inputs, [out.name for out in self.outputs], title, self.doc, self.domain
        )
        node.attribute.extend(self.attributes)
        return node


# ------------------------------------------------------------------ schemas and attributes


@cache
def schema_of(op_type: str, domain: str, opset: int) -> Schema | None:
    """What ONNX says about an operator; None for domains that ONNX knows nothing of."""
    if domain not in ("", "ai.onnx.ml"):
        return None
    try:
        version = opset if domain == "" else defs.onnx_ml_opset_version()
        return defs.get_schema(op_type, version, domain)
    except defs.SchemaError:
        raise Unavailable(
            f"opset {opset} has no operator {op_type}", hint=newer(op_type, domain, opset)
        ) from None


def newer(op_type: str, domain: str, opset: int) -> str | None:
    """The first later opset that has an operator, as a hint."""
    for version in range(opset + 1, defs.onnx_opset_version() + 1):
        if defs.has(op_type, version, domain):
            return f"opset {version} has it: --opset {version}"
    return None


def attribute_protos(
    op_type: str, schema: Schema | None, given: Mapping[str, Any]
) -> tuple[AttributeProto, ...]:
    """The attributes that are not None, in the kinds that the schema names."""
    found: list[AttributeProto] = []
    for name, value in sorted(given.items()):
        if value is None:
            continue
        kind: int | None = None
        if schema is not None:
            if name not in schema.attributes:
                raise Unavailable(
                    f"{op_type} has no attribute '{name}' in version {schema.since_version}"
                )
            declared: Any = schema.attributes[name].type  # an enum that onnx leaves untyped
            kind = int(declared.value)
        found.append(attribute_proto(name, value, kind))
    return tuple(found)


def attribute_proto(name: str, value: Any, kind: int | None) -> AttributeProto:
    """One attribute; the name of a dtype where ONNX wants a whole number is its code."""
    check_fixed(name, value)
    if isinstance(value, str) and kind == AttributeProto.INT:
        value = CODES[value]
    elif kind == AttributeProto.FLOAT:
        value = float(value)
    elif kind == AttributeProto.FLOATS:
        value = [float(item) for item in value]
    elif isinstance(value, np.ndarray):
        value = numpy_helper.from_array(value, name)
    elif isinstance(value, tuple | list):
        value = [plain(item) for item in value]
    else:
        value = plain(value)
    return helper.make_attribute(name, value, attr_type=kind)


def check_fixed(name: str, value: Any) -> None:
    """Refuse a symbolic size where ONNX has an attribute, which is a number."""
    several = isinstance(value, tuple | list)
    names = symbols_of(*(v for v in (value if several else (value,)) if isinstance(v, Dim)))
    if names:
        fact = f"ONNX's {name} is {value}, which depends on {' and '.join(names)}; it must be fixed"
        raise Refused(fact, hint=f"give it a number: --dims {names[0]}=...")


def plain(value: Any) -> Any:
    """Whole numbers for truth values, Python's numbers for NumPy's."""
    if isinstance(value, np.generic):
        value = value.item()
    return int(value) if isinstance(value, bool) else value


# ------------------------------------------------------------------ types of inputs and results

WORDS = {"float16": "float16", "float32": "float", "float64": "double"}
"""What ONNX's schemas call our dtypes; whole numbers and bool have our names."""


def check_dtypes(op_type: str, schema: Schema | None, inputs: Sequence[Sent | None]) -> None:
    """Refuse dtypes that this version of ONNX's operator does not take."""
    formal = [] if schema is None else schema.inputs
    for number, given in enumerate(inputs):
        if given is None or not formal or schema is None:
            continue
        port = formal[min(number, len(formal) - 1)]
        if f"tensor({WORDS.get(given.dtype, given.dtype)})" not in port.types:
            version = f"{op_type}-{schema.since_version}"
            raise Unavailable(f"ONNX's {version} takes no {given.dtype} as {port.name}")


def result_types(
    node: Made, schema: Schema | None, count: int, texts: SizeTexts, opset: int
) -> list[tuple[str, Shape | None]]:
    """Dtype and shape of each result as ONNX infers them; the first input's dtype at a loss."""
    dtype = next((given.dtype for given in node.inputs if given is not None), "float32")
    unknown: list[tuple[str, Shape | None]] = [(dtype, None)] * count
    if schema is None:
        return unknown
    inferred = inferred_protos(node, schema, count, texts, opset)
    found: list[tuple[str, Shape | None]] = []
    for number, default in enumerate(unknown):
        proto = inferred.get(f"y{number}")
        if proto is None or proto.tensor_type.elem_type not in NAMES:
            found.append(default)
        else:
            found.append((NAMES[proto.tensor_type.elem_type], texts.shape(proto)))
    return found


def inferred_protos(
    node: Made, schema: Schema, count: int, texts: SizeTexts, opset: int
) -> Mapping[str, Any]:
    """ONNX's own inference of one node."""
    names = {given: f"x{i}" for i, given in enumerate(node.inputs) if given is not None}
    inputs = ["" if given is None else names[given] for given in node.inputs]
    twin = helper.make_node(node.op_type, inputs, [f"y{i}" for i in range(count)])
    twin.attribute.extend(node.attributes)
    types = {name: texts.proto(given.dtype, given.known) for given, name in names.items()}
    data = {name: contents for given, name in names.items() if (contents := constant_of(given))}
    imports = [helper.make_opsetid("", opset)]
    try:
        return infer_node_outputs(schema, twin, types, data, opset_imports=imports)
    except (InferenceError, ValidationError, RuntimeError, ValueError) as error:
        # ONNX puts "(op_type:Conv, node name: ): " before what it has to say
        raise Mistake(f"{node.op_type}: {str(error).splitlines()[0]}") from None


def constant_of(given: Sent) -> TensorProto | None:
    """The contents of a short constant."""
    if given.array is None or given.array.size > MOST_KNOWN:
        return None
    return numpy_helper.from_array(given.array)


def shape_by_elements(op_type: str, inputs: Sequence[Sent | None]) -> Shape | None:
    """The shape of a result that a tensor of symbolic sizes decides; ONNX cannot tell it."""
    place = {"Reshape": 1, "ConstantOfShape": 0}.get(op_type)
    given = None if place is None or len(inputs) <= place else inputs[place]
    if given is None or given.elements is None or given.array is not None:
        return None
    elements: tuple[Size, ...] = given.elements
    return elements if all(is_size(size) for size in elements) else None


def is_size(size: Size) -> bool:
    """Is it a size, and not one of Reshape's special numbers 0 and -1?"""
    return not isinstance(size, int) or size > 0
