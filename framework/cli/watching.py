"""Run something again whenever a model file, or a file that it imports, is saved."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from framework.api.bundled import find_model
from framework.cli.output import on_terminal
from framework.errors import FrameworkError
from framework.source import MapNode, load_source, read_yaml

INTERVAL = 0.05
"""Seconds between two looks at the files: saving and the answer should feel like one."""

CLEAR = "\x1b[2J\x1b[3J\x1b[H"

Stamp = tuple[int, int] | None
"""Time of the last change and size; None for a file that is not there."""


def watch(files: Iterable[str], check: Callable[[], object]) -> None:
    """Check now and at every save, until Ctrl-C; other errors of the check end it."""
    named = list(files)
    while True:
        before = stamps(sources(named))
        if on_terminal():
            sys.stdout.write(CLEAR)
        check()
        sys.stdout.flush()
        while stamps(before) == before:
            time.sleep(INTERVAL)


def stamps(files: Iterable[Path]) -> dict[Path, Stamp]:
    """The state of every file."""
    return {path: stamp(path) for path in files}


def sources(names: Iterable[str]) -> Iterator[Path]:
    """The files of models, and all that they import."""
    for name in names:
        try:
            path = find_model(name)
        except FrameworkError:
            path = Path(name)
        yield path
        yield from imported(path, set())


def stamp(path: Path) -> Stamp:
    """When a file was changed, and how long it is."""
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size


def imported(path: Path, seen: set[Path]) -> Iterator[Path]:
    """The files under ``import:``, theirs included; none of what cannot be read."""
    if path in seen:
        return
    seen.add(path)
    try:
        tree = read_yaml(load_source(path), [])
    except FrameworkError:
        return
    listed = tree.get("import") if isinstance(tree, MapNode) else None
    for key, _ in listed if isinstance(listed, MapNode) else ():
        other = path.parent / key.raw
        yield other
        yield from imported(other, seen)
