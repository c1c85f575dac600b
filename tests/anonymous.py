"""Graphs without meaningful names, as old exporters make them."""

from __future__ import annotations

from framework.api.builder import Builder
from framework.ir.dims import Size
from framework.ir.graph import Graph, Input, Node, Value, grouped


def anonymous(graph: Graph) -> Graph:
    """The same graph, its nodes named after their operator and a running number."""
    fresh = Graph(graph.name, graph.doc)
    fresh.symbols, fresh.examples = graph.symbols, dict(graph.examples)
    fresh.conditions, fresh.parameters = list(graph.conditions), dict(graph.parameters)
    names: dict[str, str] = {}
    for number, node in enumerate(graph):
        plain = isinstance(node.op, Input)
        names[node.name] = node.name if plain else f"{node.op.name.title()}_{number}"
    for node in graph:
        wires = {
            port: Value(names[value.node], value.output)
            for port, value in graph.wires_of(node.name).items()
        }
        new = Node(names[node.name], node.op, node.outputs, dict(node.parameters), doc=node.doc)
        fresh.add(new, grouped(node.op, wires))
    fresh.outputs = {n: Value(names[v.node], v.output) for n, v in graph.outputs.items()}
    return fresh


def conv_norm(net: Builder, x: Value, out: int, kernel: int = 1, stride: int = 1) -> Value:
    """Convolution, norm, activation."""
    x = net.add("conv", x, out=out, kernel=kernel, stride=stride, pad=kernel // 2, bias=False)
    return net.add("relu", net.add("batch_norm", x))


def densenet(blocks: tuple[int, ...], growth: int = 4, size: Size = 64) -> Builder:
    """DenseNet: every layer adds channels to what it read."""
    net = Builder("densenet")
    x = net.input("image", [net.dim("B", example=2), 3, size, size])
    x = net.add("max_pool", conv_norm(net, x, 2 * growth, 7, 2), kernel=3, stride=2, pad=1)
    for number, layers in enumerate(blocks):
        for _ in range(layers):
            y = net.add("relu", net.add("batch_norm", x))
            y = conv_norm(net, y, 4 * growth)
            y = net.add("conv", y, out=growth, kernel=3, pad=1, bias=False)
            x = net.add("concat", x, y, axis=1)
        if number < len(blocks) - 1:
            x = net.add("relu", net.add("batch_norm", x))
            half = net.type_of(x).shape[1] // 2
            x = net.add("conv", x, out=half, kernel=1, bias=False)
            x = net.add("avg_pool", x, kernel=2)
    x = net.add("relu", net.add("batch_norm", x))
    net.output("logits", net.add("linear", net.add("global_avg_pool", x), out=10))
    return net


def resnet(stages: tuple[int, ...] = (3, 4, 6, 3), width: int = 8) -> Builder:
    """ResNet with bottlenecks."""
    net = Builder("resnet")
    x = net.input("image", [net.dim("B", example=2), 3, 64, 64])
    x = net.add("max_pool", conv_norm(net, x, width, 7, 2), kernel=3, stride=2, pad=1)
    for number, blocks in enumerate(stages):
        narrow = width * 2**number
        for block in range(blocks):
            stride = 2 if block == 0 and number else 1
            y = conv_norm(net, conv_norm(net, x, narrow), narrow, 3, stride)
            y = net.add("batch_norm", net.add("conv", y, out=4 * narrow, kernel=1, bias=False))
            if block == 0:
                x = net.add("conv", x, out=4 * narrow, kernel=1, stride=stride, bias=False)
                x = net.add("batch_norm", x)
            x = net.add("relu", net.add("add", y, x))
    net.output("logits", net.add("linear", net.add("global_avg_pool", x), out=10))
    return net


def inception(modules: int = 5) -> Builder:
    """Branches of several convolutions, joined; each module has its own widths."""
    net = Builder("inception")
    x = net.input("image", [net.dim("B", example=2), 3, 32, 32])
    for number in range(modules):
        wide = 8 * (number + 1)
        one = conv_norm(net, x, wide)
        two = conv_norm(net, conv_norm(net, x, wide // 2), wide, 3)
        three = conv_norm(net, conv_norm(net, x, wide // 4), wide // 2, 5)
        pooled = net.add("max_pool", x, kernel=3, stride=1, pad=1)
        x = net.add("concat", one, two, three, conv_norm(net, pooled, wide // 2), axis=1)
    net.output("logits", net.add("linear", net.add("global_avg_pool", x), out=10))
    return net


def chain(nodes: int) -> Builder:
    """A long chain without any repetition longer than two."""
    net = Builder("chain")
    x = net.input("x", [2, 8])
    words = ("relu", "tanh", "sigmoid", "exp")
    for number in range(nodes):
        x = net.add(words[(number * number // 7) % 4], x)
    net.output("y", x)
    return net
