"""A model built in Python: the same graph that YAML would give."""

import framework as fw


def residual_cnn(width: int, blocks: int, classes: int) -> fw.Model:
    """A small residual network for 28 x 28 grey images."""
    net = fw.Builder("residual_cnn")
    batch = net.dim("B", example=4)
    x = net.input("image", [batch, 1, 28, 28])
    x = net.add("conv", x, out=width, kernel=3, pad=1, id="stem")
    for number in range(blocks):
        with net.scope(f"block.{number}"):
            y = net.add("relu", net.add("conv", x, out=width, kernel=3, pad=1))
            y = net.add("conv", y, out=width, kernel=3, pad=1)
            x = net.add("relu", net.add("add", x, y))
    x = net.add("global_avg_pool", x)
    net.output("logits", net.add("linear", x, out=classes, id="head"))
    return net.model()


model = residual_cnn(width=8, blocks=3, classes=10)
print(model)
for name, node in model.graph.nodes(data="node"):
    print(f"  {name:16} {node.type}")
print(model.run(seed=1))
