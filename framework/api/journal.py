"""What of a long run is done already: one line for each input, beside the results.

    results.csv          the results
    results.csv.journal  {"journal": 1, "run": {"model": "resnet18", …}}
                         {"file": "a.jpg", "signature": "9f…", "end": 120, "check": 1293, …}

A line is written once its results are on the disk, and says how far they reach.  Whatever moment
an interruption comes at, results without a line are thrown away and made again: nothing is lost,
and nothing is there twice.  A run holds its journal, so that no other one adds to it meanwhile.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from framework.errors import InputError, RunError
from framework.runtime.files import placing, write_atomically

VERSION = 1
SIGNATURE_BYTES = 16


@dataclass(frozen=True)
class Entry:
    """One input that is done.

    ``end`` is where its results end in the file of all results and ``check`` their checksum;
    in a folder of results, ``end`` is the length of its own file.
    """

    file: str
    signature: str
    end: int
    check: int


class Journal:
    """The journal of one file or folder of results."""

    def __init__(self, output: Path, run: Mapping[str, object]) -> None:
        self.path = output.with_name(f"{output.name}.journal")
        self.output = output
        self.run = dict(run)
        self._held: BinaryIO | None = None

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *failure: object) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None

    def hold(self) -> None:
        """Keep the journal to this run, until it ends however it may, or it is written anew."""
        self.__exit__()
        try:
            self._held = locked(self.path)
        except BlockingIOError:
            hint = "hint: wait for it, or name another --output"
            raise InputError(f"{self.output}: another run is writing it now\n  {hint}") from None

    def read(self) -> list[Entry]:
        """The inputs that are done; a last line that was cut off does not count.

        Raises `InputError` for results of another model, other weights or other options, and
        while another run adds to them.
        """
        if not self.path.is_file():
            return []
        self.hold()
        first, *lines = self.path.read_text("utf-8", "replace").split("\n")[:-1] or [""]
        self.check_run(self.parsed(first))
        return [self.entry(line) for line in lines]

    def parsed(self, line: str) -> dict[str, object]:
        """One line as data."""
        try:
            found = json.loads(line)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise self.damaged(line)
        return found

    def entry(self, line: str) -> Entry:
        """One line as an entry."""
        found = self.parsed(line)
        file, signature = found.get("file"), found.get("signature")
        end, check = found.get("end"), found.get("check")
        if isinstance(file, str) and isinstance(signature, str):
            if isinstance(end, int) and isinstance(check, int):
                return Entry(file, signature, end, check)
        raise self.damaged(line)

    def damaged(self, line: str) -> InputError:
        """A line that this program has not written."""
        return InputError(f"{self.path}: is damaged: '{line:.60}' is no entry\n  {self.cure}")

    def check_run(self, head: Mapping[str, object]) -> None:
        """Refuse to mix results of different runs."""
        began = head.get("run")
        if head.get("journal") != VERSION or not isinstance(began, dict):
            raise InputError(f"{self.path}: is not a journal of this program\n  {self.cure}")
        names = [name for name in self.run if began.get(name) != self.run[name]]
        if names:
            was, now = told(began, names), told(self.run, names)
            fact = f"{self.output}: was begun with another run ({was}; now {now})"
            raise InputError(f"{fact}\n  {self.cure}")

    @property
    def cure(self) -> str:
        """What to do about results that cannot be continued."""
        return f"hint: name another --output, or remove {self.output} and {self.path}"

    def write(self, entries: Iterable[Entry]) -> None:
        """The whole journal anew, whole or not at all."""
        head = json.dumps({"journal": VERSION, "run": self.run}, ensure_ascii=False)
        text = "".join(f"{line}\n" for line in (head, *map(line_of, entries)))

        def put(file: BinaryIO) -> None:
            file.write(text.encode())

        with placing(self.path, RunError):
            write_atomically(self.path, put)
        self.hold()

    def append(self, entries: Iterable[Entry]) -> None:
        """Some more inputs are done; their results must be on the disk already."""
        text = "".join(f"{line_of(entry)}\n" for entry in entries)
        with placing(self.path, RunError), self.path.open("ab") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())


def locked(path: Path) -> BinaryIO | None:
    """A file, open, whose lock ends when it is closed; None where the system has no such locks.

    Raises BlockingIOError while somebody else has it.
    """
    try:
        import fcntl
    except ImportError:
        return None
    file = path.open("rb")
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        if isinstance(error, BlockingIOError):
            raise
        return None
    return file


def told(run: Mapping[str, object], names: Iterable[str]) -> str:
    """Some of what a run was begun with."""
    return ", ".join(f"{name} {run.get(name)}" for name in names)


def line_of(entry: Entry) -> str:
    """An entry as JSON; names that are no Unicode survive as escapes."""
    return json.dumps(asdict(entry))


def signature_of(paths: Iterable[str]) -> str:
    """What is in some files, in 32 characters; OSError for one that cannot be read."""
    digests = hashlib.blake2b(digest_size=SIGNATURE_BYTES)
    for path in paths:
        with open(path, "rb") as file:
            digests.update(hashlib.file_digest(file, "sha256").digest())
    return digests.hexdigest()
