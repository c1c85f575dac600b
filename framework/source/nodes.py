"""The tree that a YAML text becomes: immutable, and every node knows its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from framework.errors import Place


@dataclass(frozen=True, slots=True)
class Scalar:
    """One word, number, truth value, text, or nothing (None).

    ``raw`` is the text as written, without quotes; ``plain`` is false for quoted text, which is
    never read as a number. ``broken``: a mistake here has been reported, so ``value`` is None
    and nothing more should be said about it.
    """

    value: str | int | float | bool | None
    raw: str
    plain: bool
    place: Place
    broken: bool = False


@dataclass(frozen=True, slots=True)
class ListNode:
    """A list; ``flow`` when written with ``[ ]``."""

    items: tuple[YamlNode, ...]
    place: Place
    flow: bool

    def __iter__(self) -> Iterator[YamlNode]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True, slots=True)
class MapNode:
    """A mapping with text keys, all different; ``flow`` when written with ``{ }``."""

    entries: tuple[tuple[Scalar, YamlNode], ...]
    place: Place
    flow: bool

    def get(self, key: str) -> YamlNode | None:
        """The value under ``key``, if there is one."""
        return next((value for name, value in self.entries if name.value == key), None)

    def key(self, key: str) -> Scalar | None:
        """The key itself, which knows its place."""
        return next((name for name, _ in self.entries if name.value == key), None)

    def keys(self) -> tuple[str, ...]:
        """All keys, in the order of the file."""
        return tuple(str(name.value) for name, _ in self.entries)

    def __contains__(self, key: object) -> bool:
        return any(name.value == key for name, _ in self.entries)

    def __iter__(self) -> Iterator[tuple[Scalar, YamlNode]]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


YamlNode = Scalar | ListNode | MapNode
