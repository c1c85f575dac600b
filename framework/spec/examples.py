"""The size that each dim has when nobody gives one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice, product

from framework.errors import Mistake
from framework.ir.conditions import Condition
from framework.ir.facts import Bounds, Facts

PLAIN_EXAMPLE = 2
"""Size used for a dim without ``example``, where its bounds allow it."""

CANDIDATES = 12
MOST_TRIALS = 4000


def legal_sizes(bounds: Bounds) -> list[int]:
    """A few small legal sizes, the most harmless one first."""
    least = -(-max(bounds.minimum, PLAIN_EXAMPLE) // bounds.multiple_of) * bounds.multiple_of
    if bounds.maximum is not None:
        least = min(least, bounds.maximum // bounds.multiple_of * bounds.multiple_of)
    found = [least + step * bounds.multiple_of for step in range(CANDIDATES)]
    return [size for size in found if bounds.maximum is None or size <= bounds.maximum]


def nearest_size(size: int, bounds: Bounds) -> int:
    """A legal size near one that is not."""
    top = size if bounds.maximum is None else min(size, bounds.maximum)
    least = -(-bounds.minimum // bounds.multiple_of) * bounds.multiple_of
    return max(least, top // bounds.multiple_of * bounds.multiple_of)


def choose_examples(
    given: Mapping[str, int | None], conditions: Sequence[Condition], facts: Facts
) -> dict[str, int]:
    """A size for each dim: the one given, else a small one that meets the requirements.

    Raises a `Mistake` where no such sizes are found.
    """
    choices = {
        name: [size] if size is not None else legal_sizes(facts.bounds(name))
        for name, size in given.items()
    }
    concerned = {name for condition in conditions for name in condition.symbols}
    names = [name for name in given if name in concerned]
    first = {name: sizes[0] for name, sizes in choices.items()}
    for sizes in islice(product(*(choices[name] for name in names)), MOST_TRIALS):
        found = first | dict(zip(names, sizes, strict=True))
        if all(condition.broken(found) is None for condition in conditions):
            return found
    raise no_examples(names, first, conditions)


def no_examples(
    names: Sequence[str], first: Mapping[str, int], conditions: Sequence[Condition]
) -> Mistake:
    """The example sizes contradict the requirements."""
    facts = (condition.broken(first) for condition in conditions)
    fact = next((fact for fact in facts if fact is not None), "no small sizes meet require:")
    return Mistake(
        f"the example sizes do not fit: {fact}",
        hint=f"give {' and '.join(names)} an example: that meets all conditions",
        code="require",
    )
