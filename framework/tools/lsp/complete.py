"""Words that fit at the cursor."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from framework.draw.hints import KEYS as DRAW_KEYS
from framework.ir.attributes import PAD_WORDS, Attribute
from framework.ir.op import REGISTRY
from framework.ir.types import DTYPES
from framework.runtime.initialisers import RULES
from framework.spec.document import ARG_TYPES
from framework.spec.read import BLOCK_KEYS, TOP_KEYS, WEIGHTS_KEYS
from framework.spec.read_beside import NODE_KEYS
from framework.spec.read_parts import ARG_KEYS, DIM_KEYS, INPUT_KEYS, OUTPUT_KEYS
from framework.spec.syntax import ARGUMENTS
from framework.tools.lsp.context import Context
from framework.tools.lsp.outline import blocks_of, names_of
from framework.tools.lsp.words import KEYS, attribute_text, default_text, op_text, op_title

STRUCTURE = ("use", "residual", "sequence")
FIXED: dict[str, tuple[str, ...]] = {
    "top": TOP_KEYS,
    "block": BLOCK_KEYS,
    "arg": ARG_KEYS,
    "dim": DIM_KEYS,
    "input": INPUT_KEYS,
    "output": OUTPUT_KEYS,
    "stored": WEIGHTS_KEYS,
    "draw": DRAW_KEYS,
    "residual": ("of", "body", "skip"),
}


@dataclass(frozen=True)
class Choice:
    """One word: ``kind`` is operator, key, attribute, word, name, block or function."""

    label: str
    kind: str
    detail: str = ""
    doc: str = ""
    text: str = ""
    """What is put in, where that is not the label."""


def choices(place: Context) -> list[Choice]:
    """The words that fit, those that are there already left out."""
    listed = place.role[1] == "-" and place.role[0] not in ("node", "nodes")
    if place.key is None and not listed and place.role[0] != "attribute":
        found = keys(place)
    else:
        found = values(place)
    given = set(place.given) if place.key is None else set()
    return list({c.label: c for c in found if c.label not in given}.values())


# ---------------------------------------------------------------- keys


def keys(place: Context) -> list[Choice]:
    """Words where a key stands."""
    match place.role[0]:
        case "node":
            return node_words(place)
        case "attributes":
            return [attribute_choice(a) for a in REGISTRY[place.role[1]].attributes]
        case "with" if place.use is not None:
            return [key(name, "argument") for name in names_of(place.lines, place.use).args]
        case "in":
            return [key(name, "input") for name in ports(place)]
        case "expression":
            return []
    return [key(name, "") for name in FIXED.get(place.role[0], ())]


def node_words(place: Context) -> list[Choice]:
    """Operators where a node begins, keys beside them."""
    heads = [word for word in place.given if word in REGISTRY or word in STRUCTURE]
    found = [] if heads else [*map(operator, sorted(REGISTRY)), *(key(w, "") for w in STRUCTURE)]
    if heads or not place.first:
        found += [key(name, "") for name in NODE_KEYS if name != "with" or "use" in heads]
    return found


def operator(name: str) -> Choice:
    """An operator, with a colon where attributes must follow."""
    op = REGISTRY[name]
    needs = any(attribute.required for attribute in op.attributes)
    return Choice(name, "operator", op_title(op), op_text(op), f"{name}: " if needs else name)


def key(name: str, what: str) -> Choice:
    """A key and what it means."""
    return Choice(name, "key", what if what else KEYS.get(name, ""), text=f"{name}: ")


def attribute_choice(attribute: Attribute) -> Choice:
    """An attribute with its default."""
    detail, doc = default_text(attribute), attribute_text(attribute)
    return Choice(attribute.name, "attribute", detail, doc, f"{attribute.name}: ")


def ports(place: Context) -> list[str]:
    """The inputs of the operator or block of a node."""
    if place.op is not None:
        return [port.name for port in REGISTRY[place.op].ports.inputs]
    return [] if place.use is None else names_of(place.lines, place.use).inputs


# ---------------------------------------------------------------- values


def values(place: Context) -> list[Choice]:
    """Words where a value stands."""
    role = place.role if place.key is None else place.value
    name, about = role
    if name in ("attributes", "attribute"):
        return attribute_values(place, about)
    read = VALUES.get(name)
    return [] if read is None else read(place)


def attribute_values(place: Context, about: str) -> list[Choice]:
    """Words for an attribute: its own, true and false, or names of numbers."""
    op, _, name = about.partition(".")
    declared = {a.name: a for a in REGISTRY[op].attributes}
    attribute = declared.get(name if name else str(REGISTRY[op].main))
    if attribute is None:
        return expression(place)
    own = {"bool": ("true", "false"), "pad": PAD_WORDS}.get(attribute.kind.name, ())
    detail = default_text(attribute)
    found = words((*attribute.kind.words, *own), detail)
    return (
        found
        if attribute.kind.words or attribute.kind.name == "bool"
        else [
            *found,
            *expression(place),
        ]
    )


def words(options: Iterable[str], detail: str = "") -> list[Choice]:
    """Plain words."""
    return [Choice(word, "word", detail) for word in options]


def expression(place: Context) -> list[Choice]:
    """Names of arguments and sizes, and functions."""
    names = names_of(place.lines, place.scope).values
    found = [Choice(name, "name", text) for name, text in names.items()]
    return [*found, *(Choice(name, "function", "function") for name in ARGUMENTS)]


def references(place: Context) -> list[Choice]:
    """Nodes and inputs of the scope."""
    names = names_of(place.lines, place.scope)
    found = [Choice(name, "name", "node") for name in names.ids]
    return [*found, *(Choice(name, "name", "input") for name in names.inputs)]


def read_by_node(place: Context) -> list[Choice]:
    """What ``in:`` may name."""
    return [Choice("prev", "word", "the node before"), *references(place)]


def shared(place: Context) -> list[Choice]:
    """What ``share:`` may name."""
    names = names_of(place.lines, place.scope).ids
    return [*(Choice(name, "name", "node") for name in names), *words(("copies",))]


def usable(place: Context) -> list[Choice]:
    """What ``use:`` may name: blocks, and arguments that hold one."""
    names = names_of(place.lines, place.scope).values
    found = [Choice(name, "block", "block") for name in blocks_of(place.lines)]
    return [*found, *(Choice(n, "name", text) for n, text in names.items() if "block" in text)]


def arguments(place: Context) -> list[Choice]:
    """Defaults of arguments: types, and blocks."""
    return [*words(ARG_TYPES, "a type: the argument is required"), *usable(place)]


VALUES: dict[str, Callable[[Context], list[Choice]]] = {
    "expression": lambda place: (
        [*expression(place), *usable(place)] if place.role[0] == "with" else expression(place)
    ),
    "in": read_by_node,
    "reference": read_by_node,
    "output": references,
    "tied": references,
    "share": shared,
    "use": usable,
    "arg": arguments,
    "type": lambda place: words(ARG_TYPES),
    "dtype": lambda place: words(DTYPES),
    "init": lambda place: words(RULES),
}
"""What fits where a value of a role stands."""
