"""Where a name is declared, and what a new name changes."""

from __future__ import annotations

from pathlib import Path

from framework.errors import InputError, Place, Source
from framework.source import load_source, read_yaml
from framework.spec.read_parts import IDENTIFIER, LETTERS
from framework.tools.lsp.analysis import Analysis
from framework.tools.lsp.occurrences import Occurrence, index


def definition(found: Analysis, path: Path | None, line: int, column: int) -> Place | None:
    """The declaration of the name at a place (counted from 1), in another file for an import."""
    one = found.names.at(line, column)
    if one is None:
        return None
    if one.kind == "block" and one.name in found.names.imports and path is not None:
        return imported(path.parent / found.names.imports[one.name], one)
    declared = found.names.declaration(one)
    return None if declared is None else declared.place


def imported(file: Path, one: Occurrence) -> Place | None:
    """The declaration of a block in another file."""
    try:
        source = load_source(file)
    except InputError:
        return None
    there = index(read_yaml(source, []))
    declared = there.declaration(one)
    return Place(Source(str(file), ""), 1, 1) if declared is None else declared.place


def renamed(found: Analysis, line: int, column: int, name: str) -> list[Occurrence]:
    """All occurrences of the id at a place, which is to get a new name; raises `InputError`."""
    one = target(found, line, column)
    if not IDENTIFIER.fullmatch(name) or name in ("prev", "copies"):
        raise InputError(f"'{name}' cannot be an id: {LETTERS}; prev and copies are taken")
    taken = {o.name for o in found.names.found if o.kind == "id" and o.scope == one.scope}
    if name in taken and name != one.name:
        raise InputError(f"'{name}' is the name of another node")
    return found.names.all(one)


def target(found: Analysis, line: int, column: int) -> Occurrence:
    """The id at a place; raises `InputError` where there is none."""
    if not found.readable:
        raise InputError("the text is not YAML at the moment: names are not known")
    one = found.names.at(line, column)
    if one is None or one.kind != "id":
        raise InputError("only ids of nodes and names of inputs can be renamed here")
    return one
