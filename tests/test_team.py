"""Teams of threads: who does what, what goes wrong, and when threads end."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
import warnings
import weakref
from collections import Counter

import numpy as np
import pytest
from test_threads import numbers, two_threads  # noqa: F401  (a fixture)

from framework.numerics import team as teams
from framework.numerics.team import SOLO, Team, cores, limit_blas

PATIENCE = 10
"""Seconds after which something that should have ended counts as stuck."""


def done_by(team, count):
    """The thread that did each task; each is done once."""
    found = [[] for _ in range(count)]
    team.each(lambda number: found[number].append(threading.get_ident()), count)
    assert [len(who) for who in found] == [1] * count
    return [who[0] for who in found]


def together(function, count):
    """Run in several threads of a program; what any of them raised."""
    failures = []

    def attempt(number):
        try:
            function(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=attempt, args=(n,), daemon=True) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
    return failures


def ended(threads):
    """Have these threads ended?"""
    for thread in threads:
        thread.join(PATIENCE)
    return not any(thread.is_alive() for thread in threads)


# ------------------------------------------------------------------ who does what


@pytest.mark.parametrize("threads", [0, 1, 2, 3, 5, 4 * cores() + 1])
def test_each_task_is_done_once(threads):
    team = Team(threads)
    for count in (0, 1, 2, 3, 7, 20):
        found = done_by(team, count)
        workers = min(team.threads, count)
        assert len(set(found)) == workers
        assert found[:1] == [threading.get_ident()][:count]  # the caller works as well
        # memory is given to workers by this rule (`bench_of`)
        assert all(who == found[number % workers] for number, who in enumerate(found))


def test_threads_come_when_they_are_needed():
    team = Team(3)
    done_by(team, 1)
    assert team._threads == []
    done_by(team, 2)
    mine = list(team._threads)
    done_by(team, 9)
    assert team._threads == mine
    assert len(mine) == 2


def test_nobody_is_hired_by_one_alone():
    assert set(done_by(SOLO, 5)) == {threading.get_ident()}


def test_all_workers_work_at_once():
    barrier = threading.Barrier(4)
    Team(4).each(lambda number: barrier.wait(PATIENCE), 4)


def test_a_task_may_use_another_team():
    outer, inner, found = Team(2), Team(2), Counter()
    outer.each(lambda a: inner.each(lambda b: found.update([(a, b)]), 3), 3)
    assert found == Counter((a, b) for a in range(3) for b in range(3))


# ------------------------------------------------------------------ several users


def test_several_threads_may_use_a_team_at_once():
    team = Team(3)
    results = [np.zeros(7) for _ in range(6)]

    def use(user):
        for turn in range(50):

            def task(number, turn=turn):
                results[user][number] += turn * (number + user)

            team.each(task, 7)

    assert together(use, 6) == []
    for user, found in enumerate(results):
        np.testing.assert_array_equal(found, sum(range(50)) * (np.arange(7) + user))


def test_each_user_sees_the_own_failure():
    team = Team(2)

    def fail(user):
        for _ in range(20):
            with pytest.raises(RuntimeError, match=f"^user {user}$"):
                team.each(raising(1, RuntimeError(f"user {user}")), 2)

    assert together(fail, 4) == []


# ------------------------------------------------------------------ what goes wrong


def raising(which, error):
    """A task that fails for one number."""

    def task(number):
        if number == which:
            raise error

    return task


@pytest.mark.parametrize("which", range(5))
@pytest.mark.parametrize("kind", [ValueError, MemoryError, KeyboardInterrupt, SystemExit])
def test_what_a_worker_raises_reaches_the_caller(which, kind):
    team = Team(3)
    error = kind("no")
    with pytest.raises(kind) as found:
        team.each(raising(which, error), 5)
    assert found.value is error
    assert teams.GATE.limits == []
    done_by(team, 5)


def test_the_callers_failure_comes_first():
    def task(number):
        raise ValueError(number)

    for _ in range(20):
        with pytest.raises(ValueError, match=r"^0$"):
            Team(3).each(task, 3)


@pytest.mark.parametrize("which", [0, 1])
def test_nobody_works_on_after_a_failure_was_raised(which):
    team, finished = Team(2), []

    def task(number):
        if number == which:
            raise ValueError
        time.sleep(0.05)
        finished.append(number)

    with pytest.raises(ValueError):  # noqa: PT011
        team.each(task, 2)
    assert finished == [1 - which]


def test_other_workers_warn_no_more_than_the_caller():
    zero = np.zeros(3, "float32")
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("error")
        Team(2).each(lambda number: np.log(zero - 1) + zero / zero, 4)


# ------------------------------------------------------------------ when threads end


def test_threads_end_after_their_team():
    team = Team(4)
    done_by(team, 4)
    workers = [t for t in threading.enumerate() if t.name.startswith("framework_")]
    mine = [t for t in workers if t in team._threads]
    assert len(mine) == 3
    assert all(thread.daemon for thread in mine)
    del team
    gc.collect()
    assert ended(mine)


def test_threads_end_after_a_failure_too():
    team = Team(3)
    with pytest.raises(ValueError, match="no"):
        team.each(raising(1, ValueError("no")), 3)
    workers = list(team._threads)
    del team
    gc.collect()
    assert ended(workers)


class Heavy:
    """Something that a task holds."""

    def task(self, number):
        pass


def test_workers_hold_nothing_while_they_wait():
    team, heavy = Team(3), Heavy()
    team.each(heavy.task, 3)
    held = weakref.ref(heavy)
    del heavy
    until = time.monotonic() + PATIENCE
    while held() is not None and time.monotonic() < until:
        time.sleep(0.001)
    assert held() is None


def script(text):
    """Run a program; its output."""
    head = "import os, sys, signal\nfrom framework.numerics.team import Team\n"
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", head + text],
        capture_output=True, text=True, timeout=6 * PATIENCE, check=False,
    )  # fmt: skip


def test_a_program_ends_while_workers_wait():
    found = script("team = Team(4)\nteam.each(lambda n: None, 4)\nprint('end')\n")
    assert (found.returncode, found.stdout, found.stderr) == (0, "end\n", "")


FORK = """\
team, found = Team(3), []
team.each(found.append, 3)
child = os.fork()
signal.alarm(5)
found.clear()
for _ in range(3):
    team.each(found.append, 3)
assert sorted(found) == [0, 0, 0, 1, 1, 1, 2, 2, 2]
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_team_works_in_a_forked_process():
    found = script(FORK)
    assert (found.returncode, found.stderr) == (0, "")


# ------------------------------------------------------------------ cores

SYSTEMS = {
    "nothing is known": {"core_function": lambda: None},
    "no core is known": {"current_core": lambda: -1},
    "a core of another machine": {"current_core": lambda: 100_000},
}


@pytest.mark.parametrize("case", SYSTEMS)
def test_a_team_works_wherever_it_runs(case, monkeypatch):
    for name, function in SYSTEMS[case].items():
        monkeypatch.setattr(teams, name, function)
    team = Team(3)
    for _ in range(3):
        done_by(team, 5)


@pytest.fixture
def forgotten():
    """The C library is asked again, before and after."""
    teams.core_function.cache_clear()
    yield
    teams.core_function.cache_clear()


@pytest.mark.usefixtures("forgotten")
@pytest.mark.parametrize("missing", ["library", "affinity"])
def test_a_team_works_where_cores_cannot_be_chosen(missing, monkeypatch):
    if missing == "affinity":
        for name in ("sched_setaffinity", "sched_getaffinity"):
            monkeypatch.delattr(os, name, raising=False)
        assert cores() == (os.cpu_count() or 1)
    else:
        monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    assert teams.core_function() is None
    assert teams.current_core() == -1
    done_by(Team(3), 5)


@pytest.mark.skipif(cores() < 2 or teams.core_function() is None, reason="no other core to go to")
def test_workers_keep_off_the_core_of_the_caller():
    team, before = Team(2), os.sched_getaffinity(0)
    done_by(team, 2)
    (worker,) = team._threads
    assert os.sched_getaffinity(worker.native_id) == before - {team._core}
    assert os.sched_getaffinity(0) == before


def test_a_system_without_more_threads_is_told_of_and_nobody_waits(monkeypatch):
    start, started = threading.Thread.start, []

    def limited(thread):
        if started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    team = Team(3)
    with monkeypatch.context() as scarce:
        scarce.setattr(threading.Thread, "start", limited)
        with pytest.raises(RuntimeError, match="new thread"):
            team.each(lambda number: None, 3)
    assert ended(started)
    done_by(team, 3)


@pytest.mark.skipif(teams.core_function() is None, reason="threads go where they like")
def test_more_workers_than_other_cores_go_anywhere():
    team, before = Team(cores() + 1), os.sched_getaffinity(0)
    done_by(team, cores() + 1)
    assert all(os.sched_getaffinity(worker.native_id) == before for worker in team._threads)


@pytest.mark.skipif(teams.core_function() is None, reason="threads go where they like")
def test_a_system_that_forbids_it_is_no_failure(monkeypatch):
    def forbidden(thread, allowed):
        raise PermissionError

    monkeypatch.setattr(os, "sched_setaffinity", forbidden)
    done_by(Team(2), 4)


@pytest.mark.skipif(teams.core_function() is None, reason="threads go where they like")
def test_workers_follow_where_there_is_one_core():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        done_by(Team(2), 4)
    finally:
        os.sched_setaffinity(0, before)


# ------------------------------------------------------------------ threads of BLAS


def test_limits_of_several_threads_end_all(two_threads):  # noqa: F811
    team = Team(2)

    def use(user):
        for turn in range(30):
            with limit_blas(1 + (user + turn) % 2):
                with limit_blas(1):
                    assert max(numbers()) == 1
                team.each(lambda number: None, 2)

    assert together(use, 5) == []
    assert numbers() == two_threads
    assert teams.GATE.limits == []


def test_a_limit_holds_in_any_thread_of_a_program(two_threads):  # noqa: F811
    def use(user):
        with limit_blas(1):
            assert max(numbers()) == 1
        assert numbers() == two_threads

    assert together(use, 1) == []
    assert numbers() == two_threads


def limiting_thread():
    """A thread that limits BLAS once started: when it does, and what lets it end."""
    inside, leave = threading.Event(), threading.Event()

    def hold():
        with limit_blas(1):
            inside.set()
            leave.wait(PATIENCE)

    return threading.Thread(target=hold), inside, leave


@pytest.mark.parametrize("first", ["holder", "caller"])
def test_the_last_thread_to_leave_lifts_a_limit(first, two_threads):  # noqa: F811
    holder, inside, leave = limiting_thread()
    try:
        with limit_blas(1):
            holder.start()
            assert inside.wait(PATIENCE)
            if first == "holder":
                leave.set()
                assert ended([holder])
            assert max(numbers()) == 1
        assert (max(numbers()) == 1) == (first == "caller")
    finally:
        leave.set()
        assert ended([holder])
    assert numbers() == two_threads
    with limit_blas(1):
        pass
    assert numbers() == two_threads


def test_the_least_limit_of_all_threads_holds(two_threads):  # noqa: F811
    holder, inside, leave = limiting_thread()
    holder.start()
    try:
        assert inside.wait(PATIENCE)
        with limit_blas(2):
            assert max(numbers()) == 1
            leave.set()
            assert ended([holder])
            assert numbers() == two_threads
            assert teams.GATE.limits == [2]
    finally:
        leave.set()
        assert ended([holder])
    assert numbers() == two_threads


def test_the_same_limit_again_and_a_higher_one_change_nothing(two_threads):  # noqa: F811
    with limit_blas(1):
        for further in (1, 2, 5):
            with limit_blas(further):
                assert teams.GATE.limits == [1]
        with pytest.raises(RuntimeError), limit_blas(1):
            raise RuntimeError
        assert max(numbers()) == 1
    assert numbers() == two_threads


def test_a_limit_inside_a_task_ends_with_it(two_threads):  # noqa: F811
    seen = []

    def task(number):
        with limit_blas(1):
            seen.append(max(numbers()))
        seen.append(max(numbers()))

    Team(3).each(task, 6)
    assert seen == [1] * 12
    assert numbers() == two_threads
