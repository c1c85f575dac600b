"""The other end of `bench_worker`: starts one process for an engine and asks it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any

import framework
from framework.errors import RunError

THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
PATIENCE = 10.0
"""Seconds that a process has to end after the last request."""


class EngineProcess:
    """One engine in its own process; use with ``with``."""

    def __init__(self, engine: str, threads: int) -> None:
        self.engine = engine
        self.said = TemporaryFile()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "framework.tools.bench_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.said,
            env=environment(threads),
            encoding="utf-8",
        )

    def __enter__(self) -> EngineProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.said.close()

    def ask(self, do: str, **request: object) -> dict[str, Any]:
        """The answer to a request; RunError with the reason if the process ended over it."""
        into, out = self.process.stdin, self.process.stdout
        if into is None or out is None:
            raise RunError(f"{self.engine}: the process has no pipes")
        try:
            print(json.dumps({"do": do, **request}), file=into, flush=True)
            answer = out.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise RunError(self.reason())
        found = json.loads(answer)
        return dict(found)

    def reason(self) -> str:
        """Why the process ended."""
        code = self.process.wait()
        self.said.seek(0)
        text = self.said.read().decode("utf-8", "replace")
        return last_error(text) or f"its process ended with code {code}"


def environment(threads: int) -> dict[str, str]:
    """This process' environment, with so many threads for each library that multiplies."""
    root = str(Path(framework.__file__).resolve().parent.parent)
    path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    limits = dict.fromkeys(THREAD_VARIABLES, str(threads))
    return {**os.environ, **limits, "PYTHONPATH": path}


def last_error(text: str) -> str:
    """The first line of the error that a process ended with.

    >>> last_error("Traceback (most recent call last):\\n  File …\\nValueError: no\\n  hint: …")
    'ValueError: no'
    """
    _, found, rest = text.rpartition("Traceback (most recent call last):\n")
    if found:
        return next((line for line in rest.splitlines() if line[:1].strip()), "")
    return next((line for line in reversed(text.splitlines()) if line.strip()), "")
