"""3 x 3 convolutions of stride 1 with fewer multiplications (Winograd; Lavin and Gray 2015).

A tile of m x m results takes (m + 2)^2 products instead of 9 m^2:

    Y = A^T ((G g G^T) * (B^T d B)) A

summed over channels, so that the products at one place of all tiles are one matrix product.
Errors of float32, against the largest result, for 5 to 512 channels of normal numbers:
m = 2 stays below 5e-7 (unfolded windows: 2e-7 to 9e-7), m = 4 below 1.1e-5.

Two threads hold each other up over the interpreter between short calls, so blocks are large.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.numerics.team import Team
from framework.numerics.tiles import Bound, Finish, Grid, bench_of, cut, fetch, room, stage_shape

Array = NDArray[Any]

FILTERS = {
    2: ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1)),
    4: (
        (1 / 4, 0, 0),
        (-1 / 6, -1 / 6, -1 / 6),
        (-1 / 6, 1 / 6, -1 / 6),
        (1 / 24, 1 / 12, 1 / 6),
        (1 / 24, -1 / 12, 1 / 6),
        (0, 0, 1),
    ),
}
"""G for each m."""

"""An image, and the rows and columns of tiles that a task takes."""

BLOCK_BYTES = 1 << 21
"""Bound of a task's transformed tiles and products."""

FEWEST_TILES = 64
"""Products with fewer rows are slower than the cache misses that they avoid."""

WIDEST = 32
"""Tiles side by side; more of them would leave too few rows, whose borders are read twice."""


def transformed(weight: Array, m: int) -> Array:
    """[o, c, 3, 3] -> [(m + 2)^2, c, o]: G g G^T, in double precision."""
    g = np.array(FILTERS[m])
    wide = np.einsum("iu,jv,ocuv->ijco", g, g, weight.astype(np.float64), optimize=True)
    return np.ascontiguousarray(wide.reshape(len(g) ** 2, *wide.shape[2:]), weight.dtype)


def spread_2(lines: list[Array], out: list[Array], tmp: Array) -> None:
    """B^T along one axis, for m = 2."""
    d0, d1, d2, d3 = lines
    np.subtract(d0, d2, out=out[0])
    np.add(d1, d2, out=out[1])
    np.subtract(d2, d1, out=out[2])
    np.subtract(d1, d3, out=out[3])


def gather_2(lines: list[Array], out: list[Array], tmp: Array) -> None:
    """A^T along one axis, for m = 2."""
    m0, m1, m2, m3 = lines
    np.add(m1, m2, out=tmp)
    np.add(m0, tmp, out=out[0])
    np.subtract(m1, m2, out=tmp)
    np.subtract(tmp, m3, out=out[1])


def spread_4(lines: list[Array], out: list[Array], tmp: Array) -> None:
    """B^T along one axis, for m = 4; the last result is a place to work meanwhile."""
    d0, d1, d2, d3, d4, d5 = lines
    last = out[5]
    np.multiply(d2, -4, out=tmp)  # (d4 - 4 d2) +- (d3 - 4 d1)
    np.add(tmp, d4, out=tmp)
    np.multiply(d1, -4, out=last)
    np.add(last, d3, out=last)
    np.add(tmp, last, out=out[1])
    np.subtract(tmp, last, out=out[2])
    np.subtract(d4, d2, out=tmp)  # (d4 - d2) +- 2 (d3 - d1)
    np.subtract(d3, d1, out=last)
    np.add(last, last, out=last)
    np.add(tmp, last, out=out[3])
    np.subtract(tmp, last, out=out[4])
    for first, middle, end, target in ((d0, d2, d4, out[0]), (d1, d3, d5, last)):
        np.multiply(first, 4, out=tmp)
        np.multiply(middle, 5, out=target)
        np.subtract(tmp, target, out=target)
        np.add(target, end, out=target)


def gather_4(lines: list[Array], out: list[Array], tmp: Array) -> None:
    """A^T along one axis, for m = 4."""
    m0, m1, m2, m3, m4, m5 = lines
    np.add(m1, m2, out=tmp)  # sums: y0 = m0 + s + t, y2 = s + 4 t
    np.add(m3, m4, out=out[1])
    np.add(m0, tmp, out=out[0])
    np.add(out[0], out[1], out=out[0])
    np.multiply(out[1], 4, out=out[2])
    np.add(out[2], tmp, out=out[2])
    np.subtract(m1, m2, out=tmp)  # differences: y1 = s + 2 t, y3 = s + 8 t + m5
    np.subtract(m3, m4, out=out[3])
    np.add(out[3], out[3], out=out[3])
    np.add(tmp, out[3], out=out[1])
    np.multiply(out[3], 4, out=out[3])
    np.add(out[3], tmp, out=out[3])
    np.add(out[3], m5, out=out[3])


SPREAD = {2: spread_2, 4: spread_4}
GATHER = {2: gather_2, 4: gather_4}


@dataclass(frozen=True)
class Winograd:
    """A convolution [b, c, h, w] -> [b, o, *size] by tiles of m x m results."""

    x: tuple[int, int, int, int]
    y: tuple[int, int, int, int]
    before: tuple[int, int]
    m: int
    team: Team

    @cached_property
    def tasks(self) -> Grid:
        """(image, rows, columns) of blocks of tiles: as many as fit the cache, but not too few
        for a product.
        """
        down, across = (-(-size // self.m) for size in self.y[2:])
        fit = BLOCK_BYTES // ((self.m + 2) ** 2 * (self.x[1] + self.y[1]) * 4)
        fit = max(FEWEST_TILES, fit)
        columns = cut(across, max(WIDEST, fit // down))
        rows = cut(down, max(1, fit // (columns[0].stop or 1)), self.team.threads)
        return Grid(range(self.x[0]), rows, columns)

    @cached_property
    def largest(self) -> tuple[int, int]:
        """The most rows and columns of tiles that a task has."""
        return self.tasks.longest(1), self.tasks.longest(2)

    def shapes(self, rows: int, across: int) -> dict[str, tuple[int, ...]]:
        """Arrays of a task."""
        m, taps = self.m, self.m + 2
        tile = (rows * m + 2, m, across + -(-2 // m), self.x[1])
        return {
            "tile": tile,
            "stage": stage_shape(self.x[1:], tile[0], m * tile[2]),
            "lines": (taps, rows, *tile[1:]),
            "spare": (rows * max(m * tile[2], taps * across) * max(self.x[1], self.y[1]),),
            "spread": (taps, taps, rows, across, self.x[1]),
            "products": (taps, taps, rows, across, self.y[1]),
            "half": (m, taps, rows, across, self.y[1]),
            "result": (m, m, rows, across, self.y[1]),
        }

    @cached_property
    def size(self) -> int:
        """Bytes that one worker needs."""
        need = {name: room(shape) for name, shape in self.shapes(*self.largest).items()}
        first = need["tile"] + need["stage"] + need["lines"]
        second = need["products"] + need["half"] + need["result"]
        return need["spread"] + need["spare"] + max(first, second)

    @property
    def scratch(self) -> int:
        """Bytes that all workers need."""
        return self.size * min(self.team.threads, len(self.tasks))

    def bound(self, out: Array, scratch: Array) -> Bound:
        """The function of (x, weight, finish), of a `transformed` weight."""
        return partial(self.run, out, scratch)

    def run(self, out: Array, scratch: Array, x: Array, weight: Array, finish: Finish) -> None:
        """Convolve."""

        def task(number: int) -> None:
            part = image, rows, columns = self.tasks[number]
            bench = bench_of(scratch, number, self.team.threads, self.size)
            shapes = self.shapes(rows.stop - rows.start, columns.stop - columns.start)
            spread, spare = bench.take(*shapes["spread"]), bench.take(*shapes["spare"])
            used = bench.used
            tile, lines = bench.take(*shapes["tile"]), bench.take(*shapes["lines"])
            stage = bench.take(*shapes["stage"]) if shapes["stage"][0] else None
            starts = (part.start * self.m for part in (rows, columns))
            first = tuple(start - pad for start, pad in zip(starts, self.before, strict=True))
            fetch(x[image], tile, first, stage)
            self.spread(tile, lines, spread, spare)
            bench.back(used)
            products = bench.take(*shapes["products"])
            np.matmul(flat(spread), weight, out=flat(products))
            half, result = bench.take(*shapes["half"]), bench.take(*shapes["result"])
            self.gather(products, half, result, spare)
            self.store(result, part, finish, out)

        self.team.each(task, len(self.tasks))

    def spread(self, tile: Array, lines: Array, out: Array, spare: Array) -> None:
        """B^T d B of all tiles: [i, j, rows, across, c]."""
        m, (rows, across) = self.m, out.shape[2:4]
        above = [tile[place : place + (rows - 1) * m + 1 : m] for place in range(m + 2)]
        SPREAD[m](above, list(lines), like(spare, lines[0]))
        for line, target in zip(lines, out, strict=True):
            beside = [
                line[:, place % m, place // m : place // m + across] for place in range(m + 2)
            ]
            SPREAD[m](beside, list(target), like(spare, target[0]))

    def gather(self, products: Array, half: Array, result: Array, spare: Array) -> None:
        """A^T M A of all tiles: [m, m, rows, across, o], the places within a tile first."""
        GATHER[self.m](list(products), list(half), like(spare, half[0]))
        for line, target in zip(half, result, strict=True):
            GATHER[self.m](list(line), list(target), like(spare, target[0]))

    def store(self, result: Array, part: tuple[Any, ...], finish: Finish, out: Array) -> None:
        """Put the places of the tiles where they belong."""
        image, *ranges = part
        finish.before(result)
        ends = [min(r.stop * self.m, n) for r, n in zip(ranges, self.y[2:], strict=True)]
        for places in np.ndindex(self.m, self.m):
            axes = list(zip(ranges, places, ends, strict=True))
            picked = [slice(r.start * self.m + at, end, self.m) for r, at, end in axes]
            found = [max(0, -((p.start - p.stop) // self.m)) for p in picked]
            tile = result[places][: found[0], : found[1]]
            finish.store(tile, out, (image, slice(None), *picked))
        rows, columns = (slice(r.start * self.m, e) for r, e in zip(ranges, ends, strict=True))
        finish.after(out[image, :, rows, columns])


def flat(tiles: Array) -> Array:
    """[i, j, rows, across, c] -> [i j, tiles, c]."""
    return tiles.reshape(len(tiles) ** 2, -1, tiles.shape[-1])


def like(spare: Array, shape: Array) -> Array:
    """The start of ``spare`` in the shape of another array."""
    return spare[: shape.size].reshape(shape.shape)
