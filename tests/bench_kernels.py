"""Times of prepared kernels against torch, for every convolution and pool of a few models.

    python tests/bench_kernels.py [--threads 2] [--precision strict] [--repeat 15] [MODEL ...]

Medians of turns; the threads of each rest before the other's turn, for they would spin on its
cores.  Ratios are worth more than the times.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import Counter
from dataclasses import dataclass

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from framework.ir.kernel import How
from framework.ir.types import TensorType
from framework.numerics.team import Team
from framework.passes.infer import retype
from framework.passes.pipeline import optimize

SIZES = {
    "resnet18": {"B": 1, "H": 224, "W": 224},
    "unet": {"B": 1, "H": 256, "W": 256},
    "efficientnet_lite0": {"B": 1, "H": 224, "W": 224},
}
TURNS, REST = 3, 0.25
WANTED = ("conv", "fused_conv", "conv_transpose", "max_pool", "global_avg_pool", "concat")


@dataclass(frozen=True)
class Case:
    """One operator with the types of its inputs."""

    op: object
    types: tuple[object, ...]

    @property
    def head(self):
        """The convolution of a fused operator."""
        return self.op.head if self.op.name == "fused_conv" else self.op

    def arrays(self):
        """Random inputs in the order of the signature."""
        rng = np.random.default_rng(0)
        return [t and rng.standard_normal(t.shape).astype(t.dtype) for t in self.types]


def cases(model):
    """The distinct nodes of an optimized model, and how often each is there."""
    graph = optimize(retype(graph_of(model), SIZES[model]))
    return Counter(case_of(graph, node) for node in graph if node.op.name in WANTED)


def graph_of(model):
    """The typed graph of a bundled model."""
    from framework.api.bundled import find_model
    from framework.api.read import read
    from framework.source import load_source

    file = find_model(model)
    return read(load_source(file), file, {})[1]


def case_of(graph, node):
    """What a node is prepared for."""
    wires, types = graph.wires_of(node.name), []
    for port in node.op.ports.inputs:
        if port.name in node.parameters:
            stored = graph.parameters[node.parameters[port.name]]
            types.append(TensorType(stored.shape, stored.dtype))
        else:
            names = [name for name in wires if name.split(".")[0] == port.name]
            types.extend([graph.type_of(wires[name]) for name in names] or [None])
    return Case(node.op, tuple(types))


def ours(case, how):
    """(function without arguments, name of the algorithm)."""
    arrays = case.arrays()
    arrays = [tuple(arrays)] if case.op.name == "concat" else arrays
    kernel = case.op.prepare(case.types, how)
    if kernel is None:
        return lambda: case.op.compute(*arrays), "plain"
    laid = [kernel.layouts[i](x) if i in kernel.layouts else x for i, x in enumerate(arrays)]
    out = tuple(np.empty(t.shape, t.dtype) for t in kernel.outputs)
    scratch = np.zeros(kernel.scratch + 64, np.uint8)
    scratch = scratch[-scratch.ctypes.data % 64 :][: kernel.scratch]
    return lambda: kernel.run(laid, out, scratch), kernel.algorithm


def theirs(case):
    """The same in torch."""
    op, head = case.op, case.head
    x, *rest = [None if a is None else torch.from_numpy(a) for a in case.arrays()]
    functional = torch.nn.functional
    if op.name == "concat":
        return lambda: torch.cat([x, *rest], op.axis)
    if op.name == "max_pool":
        return lambda: functional.max_pool2d(x, op.kernel, op.stride, op.pad)
    if op.name == "global_avg_pool":
        return lambda: x.mean((2, 3))
    if op.name == "conv_transpose":
        return lambda: functional.conv_transpose2d(x, *rest, stride=op.stride)
    addend, weight, bias = rest if op.name == "fused_conv" else (None, *rest)
    pad = head.kernel // 2 if isinstance(head.pad, str) else head.pad
    curve = {"relu": torch.relu_, "relu6": lambda y: torch.clamp_(y, 0, 6)}
    after = curve[op.activation.name] if op is not head and op.activation else None

    def run():
        y = functional.conv2d(x, weight, bias, head.stride, pad, 1, head.groups)
        y = y if addend is None else y.add_(addend)
        return y if after is None else after(y)

    return run


def medians(functions, repeat, clock):
    """Milliseconds of each, in turns; threads that still spin are let go to sleep in between."""
    times = [[] for _ in functions]
    for _ in range(TURNS):
        for function, found in zip(functions, times, strict=True):
            time.sleep(REST)
            function()
            for _ in range(repeat):
                start = clock()
                function()
                found.append(1000 * (clock() - start))
    return [statistics.median(found) for found in times]


def describe(case):
    """One line about a case."""
    x, head = case.types[0], case.head
    values = {**{"kernel": "", "stride": 1, "groups": 1, "out": ""}, **head.values}
    text = "{name} {out} k{kernel} s{stride} g{groups}".format(name=head.name, **values)
    return f"{text:32} {'x'.join(map(str, x.shape)):16}"


def main():
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="*", default=list(SIZES))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", default="strict")
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--cpu", action="store_true", help="processor time, for a busy machine")
    given = parser.parse_args()
    clock = time.process_time if given.cpu else time.perf_counter
    limit = threadpool_limits(given.threads, "blas")
    torch.set_num_threads(given.threads)
    torch.set_grad_enabled(False)
    how = How(given.precision, Team(given.threads))
    for model in given.models or SIZES:
        total = [0.0, 0.0]
        print(model)
        for case, count in cases(model).items():
            function, name = ours(case, how)
            mine, other = medians((function, theirs(case)), given.repeat, clock)
            total = [total[0] + count * mine, total[1] + count * other]
            ratio = f"{mine:8.3f} {other:8.3f} {mine / other:6.2f}"
            print(f"{count} x {describe(case)} {ratio}  {name}", flush=True)
        print(f"{'all':54} {total[0]:8.2f} {total[1]:8.2f} {total[0] / total[1]:6.2f}\n")
    limit.restore_original_limits()


if __name__ == "__main__":
    main()
