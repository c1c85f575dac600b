"""Where each copy of a node is put: its name, its stored weights, what it reads first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from framework.errors import Mistake, did_you_mean
from framework.limits import REPEATS
from framework.source import Scalar
from framework.spec.document import NodeSpec
from framework.spec.frames import Frame, Result, Stored, join
from framework.spec.values import PlacedMistake, Reported
from framework.spec.wiring import resolve

COPIES = "copies"


@dataclass
class Site:
    """One copy of a node: ``name`` in its frame, ``stored`` the path of its weights.

    ``carried`` is the previous copy's result, which replaces the first input.
    """

    spec: NodeSpec
    frame: Frame
    name: str
    stored: str
    previous: Result | None
    carried: Result | None = None
    number: int = 0
    count: int | None = None

    @property
    def path(self) -> str:
        """Name of the node in the graph, or of the scope."""
        return join(self.frame.path, self.name)

    @property
    def inner(self) -> Frame:
        """The frame of the lists inside a structure: its own when it is repeated."""
        if self.count is None:
            return self.frame
        return self.frame.copy(self.name, self.stored, self.borrowed)

    @property
    def borrowed(self) -> Scalar | None:
        """The ``share:`` that gives this node its weights; the first of tied copies has its own."""
        share = self.spec.share
        own = share is None or (share.raw == COPIES and self.number == 0)
        return self.frame.borrowed if own else share

    def begin(self) -> Result | None:
        """What a structure starts with; also a node's result where the node vanishes."""
        if self.carried is not None:
            return self.carried
        if self.spec.of is not None or self.spec.wiring is not None:
            return single(resolve_first(self.spec, self.previous, self.frame))
        return self.previous


def taken(site: Site) -> PlacedMistake:
    """The node's name is that of another one; the same id twice has been reported there."""
    word = site.spec.id if site.spec.id is not None else site.spec.word
    return PlacedMistake(word.place, f"'{site.path}' is already taken", code="duplicate-id")


def single(result: Result | None) -> Result:
    """The result, which must not be broken."""
    if result is None:
        raise Reported
    return result


def resolve_first(spec: NodeSpec, previous: Result | None, frame: Frame) -> Result | None:
    """The first value that a node names."""
    reference = spec.of
    if reference is None and spec.wiring is not None:
        reference = next(spec.wiring.references(), None)
    if reference is None:
        return previous
    return Result({"": resolve(reference, previous, frame)})


def sites(spec: NodeSpec, name: str, previous: Result | None, frame: Frame) -> Iterator[Site]:
    """The copies of a node in order; the caller sets ``carried`` on all but the first."""
    if spec.repeat is None:
        stored = stored_path(spec, name, frame)
        if name:
            frame.stored[name] = Stored(stored)
        yield Site(spec, frame, name, stored, previous)
        return
    count = spec.repeat.evaluate(frame.scope)
    if not 0 <= count <= REPEATS:
        raise PlacedMistake(
            spec.repeat.place, f"repeat must be from 0 to {REPEATS:,}, not {count:,}", code="repeat"
        )
    for number in range(count):
        copy = frame.at_copy(number)
        stored = stored_path(spec, name, frame, number, count)
        yield Site(spec, copy, f"{name}.{number}", stored, previous, None, number, count)
    frame.stored[name] = Stored(shared_path(spec, name, frame), count)


def stored_path(
    spec: NodeSpec, name: str, frame: Frame, number: int | None = None, count: int = 1
) -> str:
    """Path of a node's stored weights: its own, or those of the node that it shares."""
    own = join(frame.weights, name)
    if spec.share is None:
        return own if number is None else f"{own}.{number}"
    if spec.share.raw == COPIES:
        if spec.repeat is None:
            fact, hint = "share: copies needs repeat:", "write repeat: with the number of copies"
            raise PlacedMistake(spec.share.place, fact, hint=hint, code="share")
        return own if number is None else f"{own}.0"
    other = frame.stored.get(spec.share.raw)
    if other is None:
        raise unknown_share(spec, frame)
    if other.copies is None:
        return other.path
    if number is None or count > other.copies:
        own_count = "is not repeated" if number is None else f"has {count}"
        fact = f"'{spec.share.raw}' has {other.copies} copies, this node {own_count}"
        raise PlacedMistake(
            spec.share.place, fact, hint=f"at most repeat: {other.copies} fits", code="share"
        )
    return f"{other.path}.{number}"


def shared_path(spec: NodeSpec, name: str, frame: Frame) -> str:
    """Path of what all copies of a node store, without their numbers."""
    if spec.share is None or spec.share.raw == COPIES:
        return join(frame.weights, name)
    other = frame.stored.get(spec.share.raw)
    if other is None:
        raise unknown_share(spec, frame)
    return other.path


def unknown_share(spec: NodeSpec, frame: Frame) -> Mistake:
    """``share`` names nothing that came before."""
    word = spec.share if spec.share is not None else spec.word
    if word.raw in frame.results and frame.results[word.raw] is None:
        raise Reported
    nodes = ", ".join(frame.stored) or "none"
    hint = did_you_mean(word.raw, frame.stored) or f"nodes here: {nodes}"
    fact = f"no earlier node is called '{word.raw}'"
    return PlacedMistake(word.place, fact, hint=hint, code="unknown-reference")
