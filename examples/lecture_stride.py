"""The size of a convolution's result: the lecture's formula against inferred shapes.

H2 = (H1 - F + 2P)/S + 1, rounded down, with filter F, padding P and stride S.
"""

import framework as fw

EXAMPLES = [(3, 0, 1), (3, 1, 1), (3, 1, 2), (5, 2, 1), (5, 0, 3), (7, 3, 2), (2, 0, 2), (11, 2, 4)]
HEIGHT = 227


def inferred(kernel: int, pad: int, stride: int) -> fw.Dim:
    """The height that the framework infers, as a formula in H1."""
    net = fw.Builder("stride")
    height = net.dim("H1", minimum=kernel)
    image = net.input("image", [1, 3, height, height])
    result = net.add("conv", image, out=8, kernel=kernel, pad=pad, stride=stride)
    return net.graph.type_of(result).shape[2]


print(f" F  P  S   {'H2 by the framework':22} H2 for H1 = {HEIGHT}")
for kernel, pad, stride in EXAMPLES:
    formula = inferred(kernel, pad, stride)
    print(f"{kernel:2} {pad:2} {stride:2}   {formula!s:22} {formula.at({'H1': HEIGHT})}")
    for size in range(kernel, 300):
        if formula.at({"H1": size}) != (size - kernel + 2 * pad) // stride + 1:
            raise SystemExit(f"the lecture says something else for H1 = {size}")
print("All agree with (H1 - F + 2P)/S + 1, for every H1 below 300.")
