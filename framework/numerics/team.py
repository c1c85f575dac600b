"""A few threads that share the work on one tensor.

NumPy's functions release the interpreter while they work, so that blocks of rows run on
several cores.  BLAS has threads of its own; while the team works on products, BLAS is told to
use one thread for each, so that cores are never asked for twice.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from threading import Lock
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

    def alone(self) -> AbstractContextManager[None]:
        """BLAS uses one thread inside, so that the team's tasks may call products.

        A whole run is such a stretch: BLAS's own threads go on spinning after a product, and
        would take the cores from what the team does next.
        """
        return GATE.limited(1)


class Gate:
    """The number of threads that BLAS may use: one number for the whole process.

    Stretches with a limit may lie in each other and, in several threads of a program, beside
    each other; the first sets the limit, the last one to end takes it back.
    """

    def __init__(self) -> None:
        self.inside = 0
        self._lock = Lock()
        self._before: list[int] = []

    @contextmanager
    def limited(self, threads: int) -> Iterator[None]:
        """BLAS uses at most so many threads inside, unless a stretch around it says less."""
        self._enter(threads)
        try:
            yield
        finally:
            self._leave()

    def _enter(self, threads: int) -> None:
        with self._lock:
            self.inside += 1
            if self.inside == 1:
                self._before = [library.num_threads for library in blas()]
                for library, count in zip(blas(), self._before, strict=True):
                    library.set_num_threads(min(threads, count))

    def _leave(self) -> None:
        with self._lock:
            self.inside -= 1
            if self.inside == 0:
                for library, count in zip(blas(), self._before, strict=True):
                    library.set_num_threads(count)


GATE = Gate()


def limit_blas(threads: int) -> AbstractContextManager[None]:
    """BLAS uses at most so many threads inside."""
    return GATE.limited(threads)


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
