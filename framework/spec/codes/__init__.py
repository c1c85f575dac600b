"""What every code of a problem means, with a wrong and a right example: the files beside this one.

CODE:
  means: what is wrong, and why the framework cares
  wrong: an example that gets the code
  right: the same, as it should be
  kind: model (default), style (a style file) or command (a command line)
  severity: error (default) or warning
  files: further files that the examples need, by name
  says: what a command prints instead of the code, where it lists several reasons
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from framework.errors import InputError, Problem, SpecError, did_you_mean
from framework.source import MapNode, YamlNode, load_source, read_yaml
from framework.spec.values import plain

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Entry:
    """One code: its meaning and two examples."""

    code: str
    means: str
    wrong: str
    right: str
    kind: str = "model"
    severity: str = "error"
    files: dict[str, str] = field(default_factory=dict)
    says: str | None = None

    @property
    def text(self) -> str:
        """The entry for people."""
        parts = [f"{self.severity}[{self.code}]", self.means, "wrong", indented(self.wrong)]
        return "\n\n".join([*parts, "right", indented(self.right)])

    def as_dict(self) -> dict[str, object]:
        """The entry for editors and scripts."""
        return {
            "code": self.code,
            "severity": self.severity,
            "means": self.means,
            "wrong": self.wrong,
            "right": self.right,
        }


def indented(text: str) -> str:
    """The text four columns further right."""
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())


@cache
def entries() -> dict[str, Entry]:
    """All entries by code, sorted."""
    found = [entry for path in sorted(FOLDER.glob("*.yaml")) for entry in read(path)]
    return {entry.code: entry for entry in sorted(found, key=lambda entry: entry.code)}


def read(path: Path) -> Iterator[Entry]:
    """The entries of one file; raises `SpecError` for a damaged one."""
    problems: list[Problem] = []
    tree = read_yaml(load_source(path), problems)
    if problems or not isinstance(tree, MapNode):
        raise SpecError(problems)
    for key, value in tree:
        yield entry_of(str(key.value), value)


def entry_of(code: str, value: YamlNode) -> Entry:
    """One entry; its texts lose the line break at their end."""
    data = plain(value)
    means = " ".join(str(data["means"]).split())
    wrong, right = (str(data[key]).rstrip("\n") for key in ("wrong", "right"))
    kind, severity = data.get("kind", "model"), data.get("severity", "error")
    files, says = data.get("files", {}), data.get("says")
    return Entry(code, means, wrong, right, kind, severity, files, says)


def find_entry(code: str) -> Entry:
    """The entry of a code; raises `InputError` that names the nearest."""
    known = entries()
    if code not in known:
        hint = did_you_mean(code, known) or "framework explain lists all codes"
        raise InputError(f"there is no code '{code}'\n  hint: {hint}")
    return known[code]
