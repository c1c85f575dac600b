"""Constants of a plan: results that no input reaches, and weights laid out; made once.

What only other constants are made of is dropped as soon as these are made, so that a weight
that passes scaled and joined is held once, as kernels want it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from framework.ir.op import Array
from framework.runtime.execute import Store, fetched, run_call
from framework.runtime.plan import Call, LaidOut, Plan, flat_slots, read_in_runs

Known = dict[object, Array]
"""Constants by what they are known by in all plans of a session."""


def fill(plan: Plan, known: Known, store: Store) -> None:
    """Put the constants that runs read into their slots; ``known`` learns those that are new."""
    laying = defaultdict[int, list[tuple[int, LaidOut]]](list)
    for slot, laid in plan.laid.items():
        if laid.key in known:
            store[slot] = known[laid.key]
        else:
            laying[laid.source].append((slot, laid))
    read = read_in_runs(plan)
    for slot in read & {slot for call in plan.prologue for slot in call.outputs}:
        store[slot] = known.get(plan.contents[slot])
    calls = due(plan, {*read, *laying}, store)
    for source in laying.keys() & {*plan.weights.values()}:
        lay_out(laying[source], source, known, store)
    for call, last in zip(calls, last_read(calls), strict=True):
        arguments = [fetched(store, source) for source in call.inputs]
        for slot, array in zip(call.outputs, run_call(call, arguments), strict=True):
            store[slot] = array
            lay_out(laying[slot], slot, known, store)
            if slot in read:
                known[plan.contents[slot]] = array
        for slot in last - read:
            store[slot] = None


def due(plan: Plan, wanted: set[int], store: Store) -> list[Call]:
    """The calls that make what is wanted and not there, in order."""
    found: list[Call] = []
    for call in reversed(plan.prologue):
        if any(slot in wanted and store[slot] is None for slot in call.outputs):
            found.append(call)
            wanted.update(flat_slots(call.inputs))
    return found[::-1]


def last_read(calls: Sequence[Call]) -> list[set[int]]:
    """For each call the slots, made by one of them, that no later one reads."""
    left = Counter(slot for call in calls for slot in flat_slots(call.inputs))
    made, found = set[int](), list[set[int]]()
    for call in calls:
        left.subtract(flat_slots(call.inputs))
        made.update(call.outputs)
        found.append({s for s in (*flat_slots(call.inputs), *call.outputs) if not left[s]} & made)
    return found


def lay_out(laying: Sequence[tuple[int, LaidOut]], source: int, known: Known, store: Store) -> None:
    """Lay a constant out in each way that a kernel wants."""
    for slot, laid in laying:
        store[slot] = known[laid.key] = laid.function(store[source])
