"""What PyTorch's pickles may build: storages, tensors over them, and containers; nothing else.

A `Storage` says which bytes outside of the pickle are meant, a `Tensor` how they are laid out.
Both are plain records; arrays appear when the bytes are known (`array_of`).
Source: torch/_utils.py and torch/serialization.py of PyTorch 2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from framework.errors import Mistake
from framework.limits import PICKLE_DEPTH, PICKLE_ENTRIES, REPEATED_ELEMENTS, WEIGHT_NAME
from framework.runtime.files import (
    AGAIN,
    ELEMENTS,
    Array,
    brief,
    checked_shape,
    naturals,
    read_only,
)
from framework.runtime.pickle_reader import Builder

__all__ = ["KNOWN", "Storage", "StorageKind", "Tensor", "array_of", "flatten"]


@dataclass(frozen=True)
class StorageKind:
    """The type word of a storage, and the kind of its elements."""

    elements: str

    @property
    def width(self) -> int:
        """Bytes of one element in the file."""
        return np.dtype(ELEMENTS[self.elements]).itemsize


@dataclass(frozen=True)
class ElementKind:
    """A dtype word such as torch.uint16."""

    elements: str


@dataclass(frozen=True)
class Storage:
    """``count`` elements from element ``start`` on, in the bytes that are filed under ``key``."""

    key: str
    kind: StorageKind
    count: int
    start: int = 0


@dataclass(frozen=True)
class Tensor:
    """Sizes and strides over a storage, in elements, from element ``offset`` of it."""

    storage: Storage
    offset: int
    sizes: tuple[int, ...]
    strides: tuple[int, ...]


def rebuild_tensor(arguments: tuple[object, ...]) -> Tensor:
    """(storage, offset, sizes, strides, ...): torch._utils._rebuild_tensor and _v2."""
    if len(arguments) < 4:
        raise Mistake(f"a tensor in its pickle has {len(arguments)} arguments", hint=AGAIN)
    storage, offset, sizes, strides = arguments[:4]
    if not isinstance(storage, Storage) or type(offset) is not int or offset < 0:
        raise Mistake(
            f"a tensor in its pickle begins at {brief(offset)} of {brief(storage)}", hint=AGAIN
        )
    tensor = Tensor(storage, offset, checked_shape(sizes), naturals(strides))
    check_bounds(tensor)
    return tensor


def rebuild_tensor_of_kind(arguments: tuple[object, ...]) -> Tensor:
    """(untyped storage, offset, sizes, strides, gradient, hooks, dtype): _rebuild_tensor_v3."""
    storage, kind = arguments[0] if arguments else None, arguments[6:7]
    if not isinstance(storage, Storage) or not kind or not isinstance(kind[0], ElementKind):
        raise Mistake(f"a tensor in its pickle has no dtype, in {brief(storage)}", hint=AGAIN)
    if storage.start:
        raise Mistake(f"a tensor lies in a part of the untyped {storage.key!r}", hint=AGAIN)
    typed = StorageKind(kind[0].elements)
    count = storage.count * storage.kind.width // typed.width
    return rebuild_tensor((replace(storage, kind=typed, count=count), *arguments[1:4]))


def check_bounds(tensor: Tensor) -> None:
    """Every element must lie in the storage.

    The last one is at offset + sum of (size - 1) * stride; strides are not negative.
    """
    if len(tensor.sizes) != len(tensor.strides):
        raise Mistake(f"a tensor has {len(tensor.sizes)} sizes, {len(tensor.strides)} strides")
    if 0 in tensor.sizes:
        return
    steps = zip(tensor.sizes, tensor.strides, strict=True)
    last = tensor.offset + sum((size - 1) * stride for size, stride in steps)
    if last >= tensor.storage.count:
        raise Mistake(
            f"a tensor of shape {list(tensor.sizes)} needs element {last} of storage "
            f"{tensor.storage.key!r}, which has {tensor.storage.count}",
            hint=AGAIN,
        )
    if math.prod(tensor.sizes) > max(tensor.storage.count, REPEATED_ELEMENTS):
        raise Mistake(
            f"a tensor repeats {tensor.storage.count} stored elements to {list(tensor.sizes)}",
            hint="save it before it is expanded",
        )


def rebuild_parameter(arguments: tuple[object, ...]) -> Tensor:
    """(tensor, gradient, hooks): a torch.nn.Parameter is its tensor."""
    if not arguments or not isinstance(arguments[0], Tensor):
        raise Mistake(f"a parameter in its pickle has {len(arguments)} arguments", hint=AGAIN)
    return arguments[0]


def ordered_dict(arguments: tuple[object, ...]) -> dict[object, object]:
    """An empty mapping, to be filled by the pickle; an older form lists the pairs."""
    pairs = arguments[0] if arguments else []
    found: dict[object, object] = {}
    for pair in pairs if isinstance(pairs, list) else [None]:
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not isinstance(pair[0], str):
            raise Mistake(f"an OrderedDict in its pickle holds {brief(pair)}", hint=AGAIN)
        found[pair[0]] = pair[1]
    return found


def size_tuple(arguments: tuple[object, ...]) -> tuple[int, ...]:
    """torch.Size is a tuple of sizes."""
    return checked_shape(arguments[0] if arguments else ())


STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}
BUILDERS: dict[str, Callable[[tuple[object, ...]], object]] = {
    "collections.OrderedDict": ordered_dict,
    "torch.Size": size_tuple,
    "torch._utils._rebuild_tensor": rebuild_tensor,
    "torch._utils._rebuild_tensor_v2": rebuild_tensor,
    "torch._utils._rebuild_tensor_v3": rebuild_tensor_of_kind,
    "torch._utils._rebuild_parameter": rebuild_parameter,
}
# every name that a pickle may use, and what it yields
KNOWN: Mapping[str, object] = {
    **{name: Builder(name, build) for name, build in BUILDERS.items()},
    **{f"torch.{word}": StorageKind(kind) for word, kind in STORAGES.items()},
    **{f"torch.cuda.{word}": StorageKind(kind) for word, kind in STORAGES.items()},
    **{f"torch.{kind}": ElementKind(kind) for kind in ELEMENTS},
    "torch.storage.UntypedStorage": StorageKind("uint8"),
}


def array_of(tensor: Tensor, elements: Array) -> Array:
    """The tensor as a read-only view of its storage's elements, with the strides of the file."""
    if 0 in tensor.sizes:
        return read_only(np.zeros(tensor.sizes, elements.dtype))
    width = elements.dtype.itemsize
    strides = [stride * width for stride in tensor.strides]
    begin = (tensor.storage.start + tensor.offset) * width
    return read_only(np.ndarray(tensor.sizes, elements.dtype, elements, begin, strides))


def flatten(content: object) -> dict[str, Tensor]:
    """Tensors by name; names of nested containers are joined with dots.

    What is no tensor (a number of epochs, a text) carries no weights and is left out.
    """
    found: dict[str, Tensor] = {}
    rest: list[tuple[str, int, object]] = [("", 0, content)]
    steps = 0
    while rest:
        name, depth, value = rest.pop()
        steps += 1
        # one container may stand in many places, so visits are counted, not what the file holds
        if depth > PICKLE_DEPTH or steps + len(rest) > PICKLE_ENTRIES or len(name) > WEIGHT_NAME:
            raise Mistake(
                f"its containers are nested without end or too deeply, at {brief(name)}",
                hint=AGAIN,
            )
        if isinstance(value, Tensor):
            add(found, name, value)
        else:
            rest += [(f"{name}{key}", depth + 1, inner) for key, inner in inside(value, name)]
    if not found:
        raise Mistake(
            "holds no tensors", hint="save the weights: torch.save(model.state_dict(), path)"
        )
    return found


def inside(value: object, name: str) -> list[tuple[str, object]]:
    """The entries of a container, last first, with a dot before each key that needs one."""
    dot = "." if name else ""
    entries: list[tuple[object, object]] = []
    if isinstance(value, dict):
        entries = list(value.items())
    elif isinstance(value, list | tuple):
        entries = list(enumerate(value))
    return [(f"{dot}{key}", inner) for key, inner in reversed(entries)]


def add(found: dict[str, Tensor], name: str, tensor: Tensor) -> None:
    """File a tensor under its name; a single tensor has none."""
    if not name:
        raise Mistake("holds one tensor without a name", hint='save {"name": tensor}')
    if name in found:
        raise Mistake(f"holds two tensors named {name!r}", hint="rename one of them")
    found[name] = tensor
