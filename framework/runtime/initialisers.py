"""Seeded first values for weights: rules by name, and one generator for each parameter.

A rule is spelled `he_normal`, or `{normal: 0.02}` if it takes a number.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from framework.errors import InputError, Mistake, did_you_mean
from framework.runtime.files import Array

__all__ = ["RULES", "Rule", "generator", "initialise", "parse_rule"]

Shape = tuple[int, ...]
Fans = tuple[int, int]
Random = np.random.Generator


@dataclass(frozen=True)
class Rule:
    """The name of an initialiser, and its number if it takes one."""

    name: str
    value: float | None = None


def zeros(shape: Shape, fans: Fans, rng: Random, value: float) -> Array:
    """w = 0."""
    return np.zeros(shape)


def ones(shape: Shape, fans: Fans, rng: Random, value: float) -> Array:
    """w = 1."""
    return np.ones(shape)


def constant(shape: Shape, fans: Fans, rng: Random, value: float) -> Array:
    """w = value."""
    return np.full(shape, value)


def uniform(shape: Shape, fans: Fans, rng: Random, value: float) -> Array:
    """w ~ U(-value, value)."""
    return rng.uniform(-value, value, shape)


def normal(shape: Shape, fans: Fans, rng: Random, value: float) -> Array:
    """w ~ N(0, value^2)."""
    return value * rng.standard_normal(shape)


def truncated_normal(shape: Shape, fans: Fans, rng: Random, value: float) -> Array:
    """w ~ N(0, value^2), drawn again while |w| > 2 value; its own deviation is 0.8796 value.

    Source: the cut at two deviations is that of TensorFlow, and of ViT and BERT after it.
    """
    found: Array = rng.standard_normal(shape)
    while (outside := np.abs(found) > 2).any():
        found[outside] = rng.standard_normal(int(outside.sum()))
    return value * found


def he_normal(shape: Shape, fans: Fans, rng: Random, value: float) -> Array:
    """w ~ N(0, 2 / fan_in): keeps the variance through layers with relu.

    Source: He, Zhang, Ren, Sun 2015, Delving Deep into Rectifiers, equation 10.
    """
    return math.sqrt(2 / fans[0]) * rng.standard_normal(shape)


def he_uniform(shape: Shape, fans: Fans, rng: Random, value: float) -> Array:
    """w ~ U(-a, a), a = sqrt(6 / fan_in), so that the variance a^2 / 3 is 2 / fan_in.

    Source: He, Zhang, Ren, Sun 2015, Delving Deep into Rectifiers.
    """
    limit = math.sqrt(6 / fans[0])
    return rng.uniform(-limit, limit, shape)


def xavier_normal(shape: Shape, fans: Fans, rng: Random, value: float) -> Array:
    """w ~ N(0, 2 / (fan_in + fan_out)): a compromise between both directions of a linear layer.

    Source: Glorot, Bengio 2010, Understanding the difficulty of training deep feedforward
    neural networks, equation 12.
    """
    return math.sqrt(2 / sum(fans)) * rng.standard_normal(shape)


def xavier_uniform(shape: Shape, fans: Fans, rng: Random, value: float) -> Array:
    """w ~ U(-a, a), a = sqrt(6 / (fan_in + fan_out)).

    Source: Glorot, Bengio 2010, equation 16.
    """
    limit = math.sqrt(6 / sum(fans))
    return rng.uniform(-limit, limit, shape)


def orthogonal(shape: Shape, fans: Fans, rng: Random, value: float) -> Array:
    """Rows (or columns, if they are fewer) of length 1, perpendicular to each other.

    The first axis counts rows, the others are joined. Q of a normal matrix's QR is uniform over
    all rotations once the signs of R's diagonal are made positive.
    Source: Saxe, McClelland, Ganguli 2014, Exact solutions to the nonlinear dynamics of learning;
    Mezzadri 2007 for the signs.
    """
    if len(shape) < 2:
        raise Mistake(f"orthogonal needs two axes or more, not shape {list(shape)}")
    rows, columns = shape[0], math.prod(shape[1:])
    tall = rng.standard_normal((max(rows, columns), min(rows, columns)))
    basis, upper = np.linalg.qr(tall)
    basis = basis * np.where(np.diag(upper) < 0, -1.0, 1.0)
    return (basis if rows >= columns else basis.T).reshape(shape)


Fill = Callable[[Shape, Fans, Random, float], Array]

# name -> the rule, and what its number means (empty: it takes none)
RULES: dict[str, tuple[Fill, str]] = {
    "zeros": (zeros, ""),
    "ones": (ones, ""),
    "constant": (constant, "the value"),
    "uniform": (uniform, "the limit"),
    "normal": (normal, "the standard deviation"),
    "truncated_normal": (truncated_normal, "the standard deviation"),
    "he_normal": (he_normal, ""),
    "he_uniform": (he_uniform, ""),
    "xavier_normal": (xavier_normal, ""),
    "xavier_uniform": (xavier_uniform, ""),
    "orthogonal": (orthogonal, ""),
}


def parse_rule(value: object) -> Rule:
    """A rule from its spelling; raises Mistake that names the nearest rule.

    >>> parse_rule({"normal": 0.02})
    Rule(name='normal', value=0.02)
    """
    if isinstance(value, Rule):
        return parse_rule((value.name, value.value))
    if isinstance(value, str):
        return checked(value, None)
    if isinstance(value, Mapping) and len(value) == 1:
        return checked(*next(iter(value.items())))
    if isinstance(value, tuple) and len(value) == 2:
        return checked(*value)
    raise Mistake(
        f"{value!r:.60} is no initialiser", hint="write a name, or {normal: 0.02} with a number"
    )


def checked(name: object, value: object) -> Rule:
    """A rule whose name is known and whose number is there exactly if the rule takes one."""
    if not isinstance(name, str) or name not in RULES:
        hint = did_you_mean(name, RULES) or f"initialisers: {', '.join(RULES)}"
        raise Mistake(f"there is no initialiser {name!r:.60}", hint=hint)
    meaning = RULES[name][1]
    if value is None:
        if meaning:
            raise Mistake(f"{name} needs {meaning}", hint=f"write {{{name}: 0.02}}")
        return Rule(name)
    if not meaning:
        raise Mistake(f"{name} takes no number", hint=f"write {name}")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Mistake(f"{meaning} of {name} is a finite number, not {value!r:.60}")
    if value < 0 and name != "constant":
        raise Mistake(f"{meaning} of {name} is not negative, as {value} is")
    return Rule(name, float(value))


def initialise(
    rule: Rule | str | tuple[str, float], shape: Shape, fans: Fans, rng: Random, dtype: DTypeLike
) -> Array:
    """First values by a rule; ``fans`` are the weights per output and per input unit.

    Drawn in float64 and rounded, so that a narrower type gets the same values.
    """
    parsed = parse_rule(rule)
    if 0 in shape:
        return np.zeros(shape, dtype)
    if min(fans) < 1 and parsed.name.startswith(("he_", "xavier_")):
        raise Mistake(f"{parsed.name} needs fan_in and fan_out of at least 1, not {fans}")
    fill = RULES[parsed.name][0]
    return fill(shape, fans, rng, 0.0 if parsed.value is None else parsed.value).astype(dtype)


def generator(seed: int, name: str) -> Random:
    """Random numbers for one parameter, which depend on the seed and its name alone.

    So a new node, or another order, leaves the other weights as they were. The name goes through
    SHA-256, because Python's own hash differs from run to run.
    """
    if seed < 0:
        raise InputError(f"seed {seed} is negative\n  hint: write a natural number")
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
    words = tuple(int.from_bytes(digest[at : at + 4], "little") for at in range(0, 32, 4))
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=words))
