"""A few threads that share the work on one tensor.

NumPy's functions release the interpreter while they work, so that blocks of rows run on
several cores.  Waking a thread takes some 50 microseconds, which only large work pays for.
BLAS has threads of its own, which wait awake: a product of middle size is better left to them.
While the team works, BLAS is told to use one thread, so that cores are never asked for twice.
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
        with GATE.limited(1):
            shares = [range(first, count, workers) for first in range(workers)]
            waiting = [self._submit(task, numbers) for numbers in shares[1:]]
            run_all(task, shares[0])
            for future in waiting:
                future.result()

    def _submit(self, task: Task, numbers: Sequence[int]) -> Future[None]:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.threads - 1, "framework")
        return self._pool.submit(run_all, task, numbers)


class Gate:
    """The number of threads that BLAS may use: one number for the whole process.

    Stretches with a limit may lie in each other and, in several threads of a program, beside
    each other: the least holds.  After the last one BLAS is as it was before the first.
    """

    def __init__(self) -> None:
        self.limits: list[int] = []
        self._lock = Lock()
        self._before: list[int] = []

    @contextmanager
    def limited(self, threads: int) -> Iterator[None]:
        """BLAS uses at most so many threads inside."""
        with self._lock:
            if not self.limits:
                self._before = [library.num_threads for library in blas()]
            self.limits.append(threads)
            self._set()
        try:
            yield
        finally:
            with self._lock:
                self.limits.remove(threads)
                self._set()

    def _set(self) -> None:
        for library, count in zip(blas(), self._before, strict=True):
            library.set_num_threads(min([count, *self.limits]))


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
