"""Reads the data in a pickle without being able to execute it.

A pickle is a program for a stack machine, and Python's own reader imports and calls whatever the
program names. This one has no import and no call in it: a name yields only what the caller has
put in a table, REDUCE only builds with a `Builder` of that table, and every other name or
instruction is refused by name. Nothing is allocated that the bytes of the file do not pay for.
Source: the comments of CPython's Lib/pickletools.py, protocols 2 to 5.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable, Mapping

from framework.runtime.pickle_machine import Builder, Machine, refuse

__all__ = ["Builder", "read_pickle"]


def read_pickle(
    data: bytes | mmap.mmap,
    start: int,
    known: Mapping[str, object],
    persistent: Callable[[object], object],
) -> tuple[object, int]:
    """The value of the pickle at byte ``start``, and the byte after it.

    ``known`` maps "module.name" to what that name yields; ``persistent`` resolves the pickle's
    references to things outside of it. Raises Mistake for anything else.
    """
    machine = Machine(data, start, known, persistent)
    while (code := machine.take(1)) != b".":
        if code in PUSHES:
            value = PUSHES[code](machine)  # may exchange the stack, so it goes first
            machine.stack.append(value)
        elif code in STEPS:
            STEPS[code](machine)
        else:
            refuse(code)
    return machine.pop(), machine.position


def void(value: object) -> None:
    """Drop a value, such as the length of a frame, which only readers from a stream need."""


# instructions that push one value
PUSHES: dict[bytes, Callable[[Machine], object]] = {
    b"N": lambda m: None,
    b"\x88": lambda m: True,
    b"\x89": lambda m: False,
    b"K": lambda m: m.number(1),
    b"M": lambda m: m.number(2),
    b"J": lambda m: m.signed(4),
    b"\x8a": lambda m: m.signed(m.number(1)),
    b"G": lambda m: struct.unpack(">d", m.take(8))[0],
    b"X": lambda m: m.text(4),
    b"\x8c": lambda m: m.text(1),
    b"\x8d": lambda m: m.text(8),
    b"U": lambda m: m.text(1, "latin-1"),
    b"T": lambda m: m.text(4, "latin-1"),
    b"C": lambda m: m.take(m.number(1)),
    b"B": lambda m: m.take(m.number(4)),
    b"\x8e": lambda m: m.take(m.number(8)),
    b"]": lambda m: [],
    b"}": lambda m: {},
    b")": lambda m: (),
    b"t": lambda m: tuple(m.pop_marked()),
    b"h": lambda m: m.get(m.number(1)),
    b"j": lambda m: m.get(m.number(4)),
    b"c": lambda m: m.name(m.line(), m.line()),
    b"\x93": Machine.stack_name,
    b"R": Machine.reduce,
    b"Q": lambda m: m.persistent(m.pop()),
}

# instructions that do something else to the stack
STEPS: dict[bytes, Callable[[Machine], None]] = {
    b"\x80": Machine.check_protocol,
    b"\x95": lambda m: void(m.take(8)),
    b"(": Machine.mark,
    b"\x85": lambda m: m.tuple_of(1),
    b"\x86": lambda m: m.tuple_of(2),
    b"\x87": lambda m: m.tuple_of(3),
    b"q": lambda m: m.put(m.number(1)),
    b"r": lambda m: m.put(m.number(4)),
    b"\x94": lambda m: m.put(len(m.memo)),
    b"a": lambda m: m.extend([m.pop()]),
    b"e": lambda m: m.extend(m.pop_marked()),
    b"s": lambda m: m.update([m.pop(), m.pop()][::-1]),
    b"u": lambda m: m.update(m.pop_marked()),
    b"b": Machine.drop_state,
    b"i": Machine.instance,
}
