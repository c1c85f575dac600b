"""A few threads that share the work on one tensor.

NumPy's functions release the interpreter while they work, so that blocks of rows run on
several cores.  BLAS has threads of its own; while the team works on products, BLAS is told to
use one thread for each, so that cores are never asked for twice.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any

Task = Callable[[int], object]


class Team:
    """``threads`` workers, the caller among them; results do not depend on who did what."""

    def __init__(self, threads: int = 1) -> None:
        self.threads = max(1, threads)
        self._pool: ThreadPoolExecutor | None = None

    def each(self, task: Task, count: int) -> None:
        """Call ``task(0) … task(count - 1)``, each once, on all workers.

        The tasks must write to places of their own.
        """
        workers = min(self.threads, count)
        if workers <= 1:
            for number in range(count):
                task(number)
            return
        waiting = [self._submit(task, range(first, count, workers)) for first in range(1, workers)]
        run_all(task, range(0, count, workers))
        for future in waiting:
            future.result()

    def _submit(self, task: Task, numbers: Sequence[int]) -> Future[None]:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.threads - 1, "framework")
        return self._pool.submit(run_all, task, numbers)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """BLAS uses one thread inside, so that the team's tasks may call products."""
        if self.threads == 1:
            yield
            return
        libraries = blas()
        before = [library.num_threads for library in libraries]
        for library in libraries:
            library.set_num_threads(1)
        try:
            yield
        finally:
            for library, count in zip(libraries, before, strict=True):
                library.set_num_threads(count)


@contextmanager
def limit_blas(threads: int) -> Iterator[None]:
    """BLAS uses at most so many threads inside."""
    if threads >= cores():
        yield
        return
    libraries = blas()
    before = [library.num_threads for library in libraries]
    for library, count in zip(libraries, before, strict=True):
        if count != threads:
            library.set_num_threads(threads)
    try:
        yield
    finally:
        for library, count in zip(libraries, before, strict=True):
            library.set_num_threads(count)


def run_all(task: Task, numbers: Sequence[int]) -> None:
    """One worker's share."""
    for number in numbers:
        task(number)


@cache
def blas() -> tuple[Any, ...]:
    """Handles of the BLAS libraries of this process."""
    from threadpoolctl import ThreadpoolController

    controller = ThreadpoolController()
    return tuple(lib for lib in controller.lib_controllers if lib.user_api == "blas")


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


SOLO = Team(1)
"""No further threads."""
