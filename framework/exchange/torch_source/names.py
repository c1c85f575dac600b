"""Names and texts of models as identifiers, comments and docstrings that cannot break out."""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from collections.abc import Iterable

__all__ = ["Names", "camel", "identifier", "is_plain", "own_name", "prose"]

UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
IMPORTED = ("self", "super", "torch", "nn", "F", "Tensor", "math")
HARD_TO_READ = ("l", "O", "I")
TAKEN = frozenset((*dir(builtins), *keyword.kwlist, *IMPORTED, *HARD_TO_READ))


def is_plain(name: str) -> bool:
    """Can it stand after a dot as it is?  Python normalises other letters, so ASCII only."""
    return name.isascii() and name.isidentifier() and not keyword.iskeyword(name)


def identifier(text: str, otherwise: str = "value") -> str:
    """A variable's name: ASCII letters, digits and _, neither a keyword nor a builtin.

    >>> identifier("from"), identifier("2nd layer"), identifier("größe")
    ('from_', 'value_2nd_layer', 'grosse')
    """
    folded = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    ascii_only = folded.encode("ascii", "ignore").decode("ascii")
    name = re.sub(r"\W+", "_", ascii_only).strip("_")
    if not name:
        return otherwise
    if name[0].isdigit():
        name = f"{otherwise}_{name}"
    return f"{name}_" if name in TAKEN else name


def camel(text: str, otherwise: str = "Block") -> str:
    """A class's name.

    >>> camel("vit_b_16"), camel("conv_bn"), camel("GRU cell")
    ('VitB16', 'ConvBn', 'GRUCell')
    """
    words = identifier(text, "").strip("_").split("_")
    name = "".join(word[:1].upper() + word[1:] for word in words)
    if not name or name[0].isdigit():
        name = f"{otherwise}{name}"
    return f"{name}_" if name in TAKEN else name


class Names:
    """Names that are given away once."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self.taken = set(taken)

    def new(self, wish: str, join: str = "_") -> str:
        """The wish, or with a number from 2 on where it is taken."""
        name, number = wish, 1
        while name in self.taken:
            number += 1
            name = f"{wish}{join}{number}"
        self.taken.add(name)
        return name


def own_name(label: str, generic: str) -> str | None:
    """The id that a person gave, or None for one made from the operator's or block's name.

    >>> own_name("patches", "rearrange"), own_name("linear_2", "linear")
    ('patches', None)
    """
    made = re.fullmatch(rf"{re.escape(generic)}(_\d+)?", label)
    return None if made or label.isdecimal() else label


def prose(text: str) -> str:
    """One line of plain words: no control characters, nothing that ends a docstring.

    >>> prose('a "quoted" word')
    "a 'quoted' word"
    """
    flat = UNSAFE.sub(" ", text).replace("\\", "\\\\").replace('"', "'")
    return " ".join(flat.encode("utf-8", "replace").decode("utf-8").split())
