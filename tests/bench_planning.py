"""How long planning takes, and what the engine adds to each node of a run; not a test.

    python tests/bench_planning.py [--nodes 1000 3000 10000] [MODEL ...]

Models: `images` (residual blocks of convolutions and batch norms), `tokens` (residual blocks of
linear maps, which all differ in width), `chain` (elementwise functions).  From the typed graph,
passes, plan and bind are what the first run does before it computes.  Times are those of the
processor, so that other processes disturb them little; of few nodes the median of several turns.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time

import numpy as np

import framework as fw
from framework.passes.pipeline import optimize
from framework.runtime.execute import Program
from framework.runtime.planner import make_plan

IMAGES = """\
format: 1
inputs: {x: [B, 8, H, W]}
dims: {B: {example: 1}, H: {example: 8, min: 4}, W: {example: 8, min: 4}}
blocks:
  block:
    inputs: {x: [N, C, H, W]}
    nodes:
      - residual:
          - conv: {out: C, kernel: 3, pad: 1, bias: false}
          - batch_norm
          - relu
          - conv: {out: C, kernel: 3, pad: 1, bias: false}
          - batch_norm
      - relu
nodes: [{use: block, id: all, repeat: %d}]
"""

TOKENS = """\
format: 1
inputs: {x: [B, 64]}
dims: {B: {example: 1}}
blocks:
  block:
    args: {width: int}
    inputs: {x: [N, C]}
    nodes:
      - linear: width
      - layer_norm
      - gelu
      - residual:
          - linear: width + 1
          - relu
          - linear: width
nodes: [{use: block, id: all, repeat: %d, with: {width: 64 + i %% 1000}}]
"""

CHAIN = """\
format: 1
inputs: {x: [B, 4]}
dims: {B: {example: 1}}
blocks:
  block:
    inputs: {x: [N, C]}
    nodes: [tanh, relu, sigmoid, abs]
nodes: [{use: block, id: all, repeat: %d}]
"""

MODELS = {"images": (IMAGES, 7), "tokens": (TOKENS, 7), "chain": (CHAIN, 4)}
"""The text, and how many nodes a block has."""

NODES = (1_000, 3_000, 10_000, 30_000, 100_000)
TURNS = 9
OVERHEAD_NODES = 1_000

CHEAP = """\
format: 1
inputs: {x: [4]}
blocks:
  block: {inputs: {x: [N]}, nodes: [abs, neg]}
nodes: [{use: block, id: all, repeat: %d}]
"""


def timed(function, *arguments):
    """(result, milliseconds of the processor)."""
    gc.collect()
    start = time.process_time()
    result = function(*arguments)
    return result, (time.process_time() - start) * 1e3


def planned(graph, sizes):
    """Milliseconds of passes, plan and bind."""
    lean, passes = timed(optimize, graph)
    plan, planning = timed(make_plan, lean, sizes)
    _, binding = timed(Program, plan)
    return passes, planning, binding


def measure(name, nodes):
    """Print one row of the table."""
    text, length = MODELS[name]
    model, load = timed(fw.loads, text % max(1, nodes // length))
    graph = model.ir
    turns = [planned(graph, graph.examples) for _ in range(TURNS if nodes <= 10_000 else 1)]
    parts = [statistics.median(column) for column in zip(*turns, strict=True)]
    each = sum(parts) * 1e3 / len(graph)
    shown = "".join(f"{part:11,.1f}" for part in (load, *parts))
    print(f"{name:8}{len(graph):9,}{shown}{each:13.1f}", flush=True)


def overhead():
    """Print what a run adds to each node, beside the calls of NumPy that it is made of."""
    model = fw.loads(CHEAP % (OVERHEAD_NODES // 2))
    x = np.ones(4, np.float32)
    runs, kernels, bare = [], [], []
    for _ in range(50):
        found, spent = timed(model.session.run, {"x": x})
        runs.append(spent)
        kernels.append(sum(found.seconds_by_node.values()) * 1e3)
        bare.append(timed(numpy_alone, x)[1])
    run, inside, alone = (statistics.median(times[5:]) for times in (runs, kernels, bare))
    print(f"\na run of {OVERHEAD_NODES:,} cheap nodes, microseconds per node:")
    print(f"  NumPy alone {alone:.2f}; the engine {run:.2f}, of which in kernels {inside:.2f}")
    print(f"  overhead {run - alone:.2f}, of which outside of kernels {run - inside:.2f}")


def numpy_alone(x):
    """The same as the model of cheap nodes, into given memory."""
    y = np.empty_like(x)
    for _ in range(OVERHEAD_NODES // 2):
        np.abs(x, out=y)
        np.negative(y, out=y)
    return y


def main():
    """The table, then the overhead of a run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, nargs="+", default=NODES)
    parser.add_argument("models", nargs="*", default=list(MODELS), metavar="MODEL")
    options = parser.parse_args()
    for name in options.models:
        fw.loads(MODELS[name][0] % 2).run()  # imports are not counted
    heads = ("load ms", "passes ms", "plan ms", "bind ms")
    print(f"{'':8}{'nodes':>9}{''.join(f'{head:>11}' for head in heads)}{'ms per 1,000':>13}")
    for name in options.models:
        for nodes in options.nodes:
            measure(name, nodes)
    overhead()


if __name__ == "__main__":
    main()
