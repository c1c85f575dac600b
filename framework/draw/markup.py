"""Tags of XML and HTML, in which no text can break out of its place."""

from __future__ import annotations

import html
import re

__all__ = ["escaped", "tag"]

# What XML cannot hold, or may hold but readers refuse.
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def tag(name: str, end: str = "", **attributes: object) -> str:
    """A start tag; attributes that are None are left out, ``data_id`` becomes ``data-id``."""
    known = ((key, value) for key, value in attributes.items() if value is not None)
    written = (f' {attribute(key)}="{escaped(str(value))}"' for key, value in known)
    return f"<{name}{''.join(written)}{end}>"


def attribute(key: str) -> str:
    """The name of an attribute from its Python name."""
    return "xml:space" if key == "xml_space" else key.rstrip("_").replace("_", "-")


def escaped(string: str) -> str:
    """Text that is only text in XML, within an attribute too."""
    safe = html.escape(FORBIDDEN.sub("\ufffd", string), quote=True)
    return safe.replace("\n", "&#10;").replace("\r", "&#13;").replace("\t", "&#9;")
