"""Read what stands under an operator: its attributes, each by its kind."""

from __future__ import annotations

from collections.abc import Iterator

from framework.errors import did_you_mean, nearest
from framework.ir.attributes import Attribute, Kind
from framework.ir.op import Op
from framework.source import MapNode, Scalar, YamlNode
from framework.spec.read_beside import NODE_KEYS
from framework.spec.read_parts import IDENTIFIER
from framework.spec.report import Report
from framework.spec.values import Pending, described, read_value


class AttributeReader:
    """Reads the attributes of operators."""

    def __init__(self, report: Report) -> None:
        self.report = report

    def read(self, op: type[Op], word: Scalar, value: YamlNode | None) -> dict[str, Pending]:
        """The attributes of an operator by name."""
        declared = {attribute.name: attribute for attribute in op.attributes}
        found: dict[str, Pending] = {}
        for key, item in self.given(op, value):
            attribute = declared.get(str(key.value))
            if attribute is None and not self.misspelt(op, key, value):
                attribute = open_entry(op, key)
            if attribute is None:
                self.unknown(op, key, item, isinstance(value, MapNode) and value.flow)
                continue
            read = self.report.attempt(
                item.place, read_value, item, attribute.kind, attribute.optional
            )
            if read is not None:
                found[str(key.value)] = read
        self.check_required(op, word, value)
        return found

    def given(self, op: type[Op], value: YamlNode | None) -> Iterator[tuple[Scalar, YamlNode]]:
        """The attributes as the user gave them; a bare value is the main attribute's."""
        if value is None or is_empty(value):
            return
        if isinstance(value, MapNode):
            yield from value
        elif op.main is not None:
            yield Scalar(op.main, op.main, True, value.place), value
        elif not (isinstance(value, Scalar) and value.broken):
            example = f"{op.name}: {{{', '.join(a.name + ': …' for a in op.attributes[:2])}}}"
            hint = f"write {example}" if op.attributes else f"write - {op.name}"
            takes = "named attributes" if op.attributes else "no attributes"
            fact = f"{op.name} takes {takes}, found {described(value)}"
            self.report.add("value", fact, value.place, hint)
        else:
            self.report.marks += 1

    def misspelt(self, op: type[Op], key: Scalar, value: YamlNode | None) -> bool:
        """Is this like a required attribute that is missing?"""
        given = given_names(op, value)
        missing = [a.name for a in op.attributes if a.required and a.name not in given]
        return nearest(key.raw, missing) is not None

    def check_required(self, op: type[Op], word: Scalar, value: YamlNode | None) -> None:
        """Report required attributes that are missing, unless one is there misspelt."""
        declared = [attribute.name for attribute in op.attributes]
        given = given_names(op, value)
        meant = {nearest(name, declared) for name in given if name not in declared}
        missing = [a.name for a in op.attributes if a.required and a.name not in {*given, *meant}]
        if missing:
            fact = f"{op.name} needs {' and '.join(repr(name) for name in missing)}"
            self.report.add("missing-attribute", fact, word.place)

    def unknown(self, op: type[Op], key: Scalar, item: YamlNode, flow: bool) -> None:
        """An attribute that the operator does not have, and what was probably meant."""
        names = [attribute.name for attribute in op.attributes]
        hint = did_you_mean(key.raw, names)
        if key.value in NODE_KEYS:
            hint = f"'{key.raw}' belongs to the node: align it with '{op.name}'"
        elif flow and is_empty(item) and hint is None:
            hint = "a comma inside { } starts a new key: quote the text"
        listed = ", ".join(map(str, op.attributes))
        notes = [f"{op.name} takes: {listed}" if listed else f"{op.name} takes no attributes"]
        fact = f"{op.name} has no attribute '{key.raw}'"
        self.report.add("unknown-attribute", fact, key.place, hint, notes)


def given_names(op: type[Op], value: YamlNode | None) -> tuple[str, ...]:
    """Names of the attributes that the user gave."""
    if isinstance(value, MapNode):
        return value.keys()
    if value is None or is_empty(value):
        return ()
    return tuple(a.name for a in op.attributes if a.required) if op.main is None else (op.main,)


def open_entry(op: type[Op], key: Scalar) -> Attribute | None:
    """A further key of an operator with an open mapping (``rearrange: {…, h: heads}``)."""
    is_open = any(attribute.kind.name == "named" for attribute in op.attributes)
    if is_open and IDENTIFIER.fullmatch(key.raw) and key.value not in NODE_KEYS:
        return Attribute(key.raw, Kind("named"), required=False)
    return None


def is_empty(node: YamlNode) -> bool:
    """Nothing was written after the colon."""
    return isinstance(node, Scalar) and node.value is None and not node.broken
