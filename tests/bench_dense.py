"""Times of the dense kernels at the shapes of ViT-B/16, against the bare products and PyTorch.

Run by hand: ``python tests/bench_dense.py [threads]``.  Medians and minima of interleaved
runs, in milliseconds; ours and the bare products in this process, PyTorch in one of its own,
because the spinning threads of two libraries disturb each other.
"""

from __future__ import annotations

import subprocess
import sys
from time import perf_counter

import numpy as np

from framework.ir.kernel import How
from framework.ir.op import find_op
from framework.ir.types import TensorType
from framework.numerics.team import Team
from framework.ops.fused import FusedLinear

TOKENS, WIDTH, HEADS, HIDDEN = 197, 768, 12, 3072
RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.standard_normal(shape, dtype=np.float32)


class Case:
    """A prepared kernel with its arguments."""

    def __init__(self, op, arrays, team, wanted=None):
        types = [None if x is None else TensorType(x.shape, str(x.dtype)) for x in arrays]
        self.kernel = op.prepare(types, How(team=team, wanted=wanted))
        self.arrays = [
            self.kernel.layouts[i](x) if i in self.kernel.layouts and x is not None else x
            for i, x in enumerate(arrays)
        ]
        outputs = self.kernel.outputs
        wanted = wanted if wanted is not None else (True,) * len(outputs)
        self.out = tuple(
            np.empty(t.shape, t.dtype) if want else None
            for t, want in zip(outputs, wanted, strict=True)
        )
        self.scratch = np.zeros(self.kernel.scratch, np.uint8)

    def __call__(self):
        self.kernel.run(self.arrays, self.out, self.scratch)


def linear(rows, inner, out, activation, added, team):
    op = FusedLinear(find_op("linear")(out=out), added, activation)
    x, weight, bias = normal(*rows, inner), normal(out, inner), normal(out)
    return Case(op, [x, normal(*rows, out) if added else None, weight, bias], team)


def heads(batch):
    merged = normal(batch, TOKENS, 3 * WIDTH)
    return [
        part.reshape(batch, TOKENS, HEADS, -1).transpose(0, 2, 1, 3)
        for part in np.split(merged, 3, -1)
    ]


def cases(batch, team):
    rows, gelu = (batch, TOKENS), find_op("gelu")()
    x = normal(*rows, WIDTH)
    attention = Case(find_op("attention")(), [*heads(batch), *[None] * 4], team, (True, False))
    norm = Case(find_op("layer_norm")(), [x, normal(WIDTH), normal(WIDTH)], team)
    turn = find_op("rearrange")("b h t d -> b t (h d)")
    return {
        "qkv": (linear(rows, WIDTH, 3 * WIDTH, None, False, team), 1),
        "attention": (attention, 1),
        "merge heads": (Case(turn, [normal(batch, HEADS, TOKENS, WIDTH // HEADS)], team), 1),
        "project + add": (linear(rows, WIDTH, WIDTH, None, True, team), 1),
        "norm": (norm, 2),
        "up + gelu": (linear(rows, WIDTH, HIDDEN, gelu, False, team), 1),
        "down + add": (linear(rows, HIDDEN, WIDTH, None, True, team), 1),
    }


def products(batch, team):
    """The bare products: BLAS on all its threads for one, the team for those of the heads."""
    rows, found = batch * TOKENS, {}
    sizes = {"qkv": (WIDTH, 3 * WIDTH), "project + add": (WIDTH, WIDTH),
             "up + gelu": (WIDTH, HIDDEN), "down + add": (HIDDEN, WIDTH)}  # fmt: skip
    for name, (inner, out) in sizes.items():
        found[name] = Case(find_op("linear")(out=out, bias=False),
                           [normal(rows, inner), normal(out, inner), None], team)  # fmt: skip
    q, k, v = heads(batch)
    one = Case(find_op("matmul")(), [q, k.swapaxes(-1, -2)], team)
    two = Case(find_op("matmul")(), [one.out[0], v], team)
    found["attention"] = lambda: (one(), two())
    return found


def interleaved(functions, count):
    times = {name: [] for name in functions}
    for number in range(count + 2):
        for name, function in functions.items():
            start = perf_counter()
            function()
            if number > 1:
                times[name].append(1e3 * (perf_counter() - start))
    return times


def show(batch, threads, count):
    team = Team(threads)
    with team.alone():
        ours, bare = cases(batch, team), products(batch, team)
        both = {("ours", name): case for name, (case, _) in ours.items()}
        both |= {("bare", name): case for name, case in bare.items()}
        times = interleaved(both, count)
    print(f"B = {batch}, {threads} threads (ms: median, least)")
    for name in ours:
        mine, least = times["ours", name], times.get(("bare", name), [0.0])
        print(f"  {name:14} ours {np.median(mine):7.2f} {min(mine):7.2f}"
              f"   products {np.median(least):7.2f} {min(least):7.2f}")  # fmt: skip
    for word, pick in (("median", np.median), ("least", min)):
        mine = sum(pick(times["ours", n]) * times_in for n, (_, times_in) in ours.items())
        least = sum(pick(times["bare", n]) for n in bare)
        print(f"  layer, {word}: ours {mine:.2f}, products {least:.2f}: +{mine / least - 1:.1%}")


def show_torch(batch, threads, count):
    import torch
    from torch.nn import functional as f

    torch.set_num_threads(threads)
    x, wide = torch.randn(batch, TOKENS, WIDTH), torch.randn(batch, TOKENS, HIDDEN)
    w = {n: torch.randn(o, i) for n, (i, o) in
         {"qkv": (WIDTH, 3 * WIDTH), "o": (WIDTH, WIDTH), "up": (WIDTH, HIDDEN),
          "down": (HIDDEN, WIDTH)}.items()}  # fmt: skip
    b = {n: torch.randn(len(t)) for n, t in w.items()}
    q, k, v = (torch.from_numpy(np.ascontiguousarray(part)) for part in heads(batch))
    with torch.no_grad():
        times = interleaved({
            "qkv": lambda: f.linear(x, w["qkv"], b["qkv"]),
            "attention": lambda: f.scaled_dot_product_attention(q, k, v),
            "project + add": lambda: f.linear(x, w["o"], b["o"]) + x,
            "norm": lambda: f.layer_norm(x, (WIDTH,), b["o"], b["o"]),
            "up + gelu": lambda: f.gelu(f.linear(x, w["up"], b["up"])),
            "down + add": lambda: f.linear(wide, w["down"], b["down"]) + x,
        }, count)  # fmt: skip
    for name, found in times.items():
        print(f"  {name:14} torch {np.median(found):6.2f} {min(found):7.2f}")
    total = sum(np.median(t) * (2 if n == "norm" else 1) for n, t in times.items())
    print(f"  layer, median: torch {total:.2f}")


if __name__ == "__main__":
    threads = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    for batch, count in ((1, 40), (8, 8)):
        if sys.argv[2:] == ["torch"]:
            show_torch(batch, threads, count)
        else:
            show(batch, threads, count)
    if not sys.argv[2:]:
        subprocess.run([sys.executable, __file__, str(threads), "torch"], check=False)
