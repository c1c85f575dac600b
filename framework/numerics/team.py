"""A few threads that share the work on one tensor.

NumPy's functions release the interpreter while they work, so that blocks of rows run on
several cores.  Waking a thread takes some 50 microseconds, which only large work pays for.
BLAS has threads of its own, which wait awake: a product of middle size is better left to them.
While the team works, BLAS is told to use one thread, so that cores are never asked for twice.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cache
from queue import SimpleQueue
from threading import Lock, Thread, local
from typing import Any
from weakref import finalize

import numpy as np

Task = Callable[[int], object]


class Team:
    """``threads`` workers, the caller among them; results do not depend on who did what."""

    def __init__(self, threads: int = 1) -> None:
        self.threads = max(1, threads)
        self._others: list[Errands] = []
        self._threads: list[Thread] = []
        self._core = -1
        self._process = os.getpid()
        self._lock = Lock()

    def each(self, task: Task, count: int) -> None:
        """Call ``task(0) … task(count - 1)``, each once, on all workers.

        The tasks must write to places of their own.  Raises what the first of them raised.
        """
        workers = min(self.threads, count)
        if workers <= 1:
            for number in range(count):
                task(number)
            return
        if GATE.holds(1):
            self._share(task, count, workers)
        else:
            with GATE.limited(1):
                self._share(task, count, workers)

    def _share(self, task: Task, count: int, workers: int) -> None:
        """Every ``workers``-th task for each."""
        done: Answers = SimpleQueue()
        for first, errands in zip(range(1, workers), self._hired(), strict=False):
            errands.put((task, range(first, count, workers), done))
        mine = attempt(task, range(0, count, workers))
        failures = [mine, *(done.get() for _ in range(1, workers))]
        for failure in failures:
            if failure is not None:
                raise failure

    def _hired(self) -> list[Errands]:
        """The errands of the other workers; they come when they are first needed."""
        if self._process != os.getpid():  # forked: the threads are the parent's
            Team.__init__(self, self.threads)
        with self._lock:
            if not self._others:
                self._hire()
            if (core := current_core()) != self._core:
                self._core = core
                keep_off(core, self._threads)
        return self._others

    def _hire(self) -> None:
        """Start the other workers: all of them, or none if the system has no more threads."""
        others: list[Errands] = [SimpleQueue() for _ in range(1, self.threads)]
        threads = [
            Thread(target=work, args=(errands,), name=f"framework_{number}", daemon=True)
            for number, errands in enumerate(others, 1)
        ]
        try:
            for thread in threads:
                thread.start()
        except RuntimeError:
            dismiss(others)
            raise
        self._others, self._threads = others, threads
        finalize(self, dismiss, others)


Answers = SimpleQueue[BaseException | None]
"""What a worker says when it is done: what went wrong, if anything."""

Errand = tuple[Task, Sequence[int], Answers]
Errands = SimpleQueue[Errand | None]


def work(errands: Errands) -> None:
    """What another worker does, until it is dismissed; NumPy does not warn there."""
    with np.errstate(all="ignore"):  # a setting of each thread
        while (errand := errands.get()) is not None:
            task, numbers, done = errand
            done.put(attempt(task, numbers))
            del errand, task, numbers, done  # they hold arrays


def attempt(task: Task, numbers: Sequence[int]) -> BaseException | None:
    """One worker's share; what went wrong, if anything."""
    try:
        for number in numbers:
            task(number)
    except BaseException as error:  # whoever called the team raises it
        return error
    return None


def dismiss(others: list[Errands]) -> None:
    """Let the other workers of a team that is gone end."""
    for errands in others:
        errands.put(None)


class Gate:
    """The number of threads that BLAS may use: one number for the whole process.

    Stretches with a limit may lie in each other and, in several threads of a program, beside
    each other: the least holds.  After the last one BLAS is as it was before the first.
    """

    def __init__(self) -> None:
        self.limits: list[int] = []
        self._lock = Lock()
        self._own = local()
        self._before: list[int] = []

    def holds(self, threads: int) -> bool:
        """Has the calling thread seen to it that BLAS uses at most so many?"""
        limit: int | None = getattr(self._own, "limit", None)
        return limit is not None and limit <= threads

    @contextmanager
    def limited(self, threads: int) -> Iterator[None]:
        """BLAS uses at most so many threads inside."""
        if self.holds(threads):
            yield
            return
        outer: int | None = getattr(self._own, "limit", None)
        with self._lock:
            if not self.limits:
                self._before = [library.num_threads for library in blas()]
            self.limits.append(threads)
            self._set()
        self._own.limit = threads
        try:
            yield
        finally:
            self._own.limit = outer
            with self._lock:
                self.limits.remove(threads)
                self._set()

    def _set(self) -> None:
        for library, count in zip(blas(), self._before, strict=True):
            wanted = min([count, *self.limits])
            if library.num_threads != wanted:
                release(library)
                library.set_num_threads(wanted)
                release(library)


def release(library: Any) -> None:
    """Let any thread set the number: threadpoolctl 3.8 leaves it to the first that did.

    Threads that set it by a gate wait for each other.
    """
    forget = getattr(library, "clear_controlling_thread", None)
    if forget is not None:
        forget(force=True)


GATE = Gate()


def limit_blas(threads: int) -> AbstractContextManager[None]:
    """BLAS uses at most so many threads inside."""
    return GATE.limited(threads)


def current_core() -> int:
    """The core that the calling thread runs on; -1 where the system does not say."""
    ask = core_function()
    return -1 if ask is None else ask()


@cache
def core_function() -> Callable[[], int] | None:
    """The function of the C library, where threads can be kept off a core as well."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    import ctypes

    found: Callable[[], int] | None = getattr(ctypes.CDLL(None), "sched_getcpu", None)
    return found


def keep_off(core: int, threads: Sequence[Thread]) -> None:
    """Let threads run on any core but this one, if each has one of its own then.

    Linux likes to wake a thread where it was called from: there it waits for the caller, or the
    caller for it.
    """
    if core < 0:
        return
    allowed = os.sched_getaffinity(0)
    others = allowed - {core}
    wanted = others if len(others) >= len(threads) else allowed
    for thread in threads:
        if thread.native_id is not None:
            with suppress(OSError):  # a sandbox may forbid it
                os.sched_setaffinity(thread.native_id, wanted)


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

LEAST_WORK = 20_000_000
"""Multiply-accumulates of a convolution from which waking a second thread pays."""


def worth_waking(team: Team, work: int) -> Team:
    """The team, or nobody else for so few multiply-accumulates."""
    return team if work >= LEAST_WORK else SOLO
