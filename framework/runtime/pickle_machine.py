"""The stack machine that a pickle is a program for, without imports and without calls.

It holds bytes, a stack and a memo, and does what `pickle_reader` has an instruction for.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from framework.errors import Mistake
from framework.limits import PICKLE_LINE
from framework.runtime.files import AGAIN

__all__ = ["Builder", "Machine", "refuse"]

NEWEST_PROTOCOL = 5
ALONE = "save the tensors alone: torch.save(model.state_dict(), path)"

# instructions that are not carried out, by their names for the message
REFUSED = {
    b"i": "INST",
    b"o": "OBJ",
    b"\x81": "NEWOBJ",
    b"\x92": "NEWOBJ_EX",
    b"\x82": "EXT1",
    b"\x83": "EXT2",
    b"\x84": "EXT4",
    b"P": "PERSID",
    b"2": "DUP",
    b"0": "POP",
    b"1": "POP_MARK",
    b"\x8b": "LONG4",
    b"\x8f": "EMPTY_SET",
    b"\x90": "ADDITEMS",
    b"\x91": "FROZENSET",
    b"\x96": "BYTEARRAY8",
    b"\x97": "NEXT_BUFFER",
    b"\x98": "READONLY_BUFFER",
    b"F": "FLOAT of the text protocol",
    b"I": "INT of the text protocol",
    b"L": "LONG of the text protocol",
    b"S": "STRING of the text protocol",
    b"V": "UNICODE of the text protocol",
    b"d": "DICT of the text protocol",
    b"g": "GET of the text protocol",
    b"l": "LIST of the text protocol",
    b"p": "PUT of the text protocol",
}


@dataclass(frozen=True)
class Builder:
    """A name that may build something: ``build`` is our code and checks its arguments itself."""

    name: str
    build: Callable[[tuple[object, ...]], object] = field(repr=False)


def refuse(code: bytes) -> NoReturn:
    """Say which instruction is not carried out."""
    name = REFUSED.get(code, "an unknown one")
    raise Mistake(
        f"its pickle has instruction 0x{code[0]:02x} ({name}), which no tensor needs; "
        "nothing was executed",
        hint=ALONE,
    )


class Machine:
    """The stack machine: bytes in, plain values on a stack."""

    def __init__(
        self,
        data: bytes | mmap.mmap,
        position: int,
        known: Mapping[str, object],
        persistent: Callable[[object], object],
    ) -> None:
        self.data = data
        self.position = position
        self.known = known
        self.persistent = persistent
        self.stack: list[object] = []
        self.marked: list[list[object]] = []
        self.memo: dict[int, object] = {}

    # bytes

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes."""
        found = self.data[self.position : self.position + count]
        if len(found) < count:
            raise Mistake(f"its pickle is cut off at byte {len(self.data)}", hint=AGAIN)
        self.position += count
        return found

    def number(self, size: int) -> int:
        """The next ``size`` bytes as a natural number."""
        return int.from_bytes(self.take(size), "little")

    def signed(self, size: int) -> int:
        """The next ``size`` bytes as a number with a sign."""
        return int.from_bytes(self.take(size), "little", signed=True)

    def text(self, size: int, encoding: str = "utf-8") -> str:
        """A text behind its length, which takes ``size`` bytes."""
        at = self.position
        try:
            return self.take(self.number(size)).decode(encoding)
        except UnicodeDecodeError:
            raise Mistake(f"its pickle has broken text at byte {at}", hint=AGAIN) from None

    def line(self) -> str:
        """Text up to the end of the line."""
        end = self.data.find(b"\n", self.position, self.position + PICKLE_LINE)
        if end < 0:
            raise Mistake(f"its pickle has no name at byte {self.position}", hint=AGAIN)
        return self.take(end + 1 - self.position)[:-1].decode("latin-1")

    # stack

    def pop(self) -> object:
        """The value on top."""
        if not self.stack:
            self.damaged()
        return self.stack.pop()

    def pop_marked(self) -> list[object]:
        """The values above the last mark."""
        if not self.marked:
            self.damaged()
        items, self.stack = self.stack, self.marked.pop()
        return items

    def damaged(self) -> NoReturn:
        """Say that the instructions do not fit together."""
        raise Mistake(f"its pickle is damaged before byte {self.position}", hint=AGAIN)

    def mark(self) -> None:
        """Begin a group of values."""
        self.marked.append(self.stack)
        self.stack = []

    def tuple_of(self, count: int) -> None:
        """Replace the last ``count`` values by a tuple of them."""
        items = [self.pop() for _ in range(count)]
        self.stack.append(tuple(reversed(items)))

    def put(self, index: int) -> None:
        """Remember the value on top."""
        value = self.pop()
        self.memo[index] = value
        self.stack.append(value)

    def get(self, index: int) -> object:
        """A value that was remembered."""
        if index not in self.memo:
            self.damaged()
        return self.memo[index]

    # containers

    def extend(self, items: list[object]) -> None:
        """Append to the list on top."""
        target = self.pop()
        if not isinstance(target, list):
            self.damaged()
        target.extend(items)
        self.stack.append(target)

    def update(self, items: list[object]) -> None:
        """Put keys and values, one after another, into the mapping on top."""
        target = self.pop()
        keys = items[::2]
        # only texts and numbers: other keys might not be hashable
        if not isinstance(target, dict) or not all(isinstance(k, str | int) for k in keys):
            self.damaged()
        if len(items) % 2:
            self.damaged()
        target.update(zip(keys, items[1::2], strict=True))
        self.stack.append(target)

    # names

    def name(self, module: object, name: object) -> object:
        """What a global name stands for; a name outside the table is refused."""
        dotted = f"{module}.{name}" if isinstance(module, str) and isinstance(name, str) else ""
        if dotted not in self.known:
            raise Mistake(
                f"its pickle names {dotted!r}, which is no part of a tensor; nothing was executed",
                hint=ALONE,
            )
        return self.known[dotted]

    def stack_name(self) -> object:
        """The same with module and name from the stack."""
        name = self.pop()
        return self.name(self.pop(), name)

    def reduce(self) -> object:
        """Build a value, if a builder of the table is asked for it."""
        arguments, builder = self.pop(), self.pop()
        if not isinstance(builder, Builder) or not isinstance(arguments, tuple):
            self.damaged()
        return builder.build(arguments)

    def instance(self) -> NoReturn:
        """INST, which calls what it names: the name is refused first, then the instruction."""
        self.name(self.line(), self.line())
        refuse(b"i")

    def drop_state(self) -> None:
        """Ignore the attributes of a mapping: PyTorch keeps `_metadata` there, no tensors."""
        self.pop()
        if not self.stack or not isinstance(self.stack[-1], dict):
            self.damaged()

    def check_protocol(self) -> None:
        """The protocol that the pickle says it is written in."""
        if (protocol := self.number(1)) > NEWEST_PROTOCOL:
            raise Mistake(f"its pickle has protocol {protocol}; 5 is the newest known", hint=AGAIN)
