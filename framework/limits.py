"""Every limit that files and models are held to: one constant each, used where it is enforced.

A limit ends what would otherwise take for ever or fill the memory, far above what models need.
`framework limits` prints `LIMITS`; a test holds that no constant is missing there.
"""

from __future__ import annotations

from typing import Final, NamedTuple

FILE_BYTES: Final = 4_000_000
YAML_NODES: Final = 200_000
YAML_DEPTH: Final = 60
PROBLEMS: Final = 100
INTEGER_BITS: Final = 64

EXPRESSION_LENGTH: Final = 200
EQUATION_LENGTH: Final = 1_000
EXPRESSION_DEPTH: Final = 100
EXPRESSION_DIGITS: Final = 15
LARGEST_NUMBER: Final = 10**18
LARGEST_EXPONENT: Final = 16

REPEATS: Final = 100_000
GRAPH_NODES: Final = 250_000
BLOCK_DEPTH: Final = 40

IMPORTED_FILES: Final = 100
IMPORT_DEPTH: Final = 20
LABEL_BYTES: Final = 16_000_000

SIZE_TERMS: Final = 400
SIZE_DEGREE: Final = 48
SIZE_BITS: Final = 4096
SIZE_DEPTH: Final = 1_000

ARRAY_AXES: Final = 32  # what every supported NumPy can hold
ARRAY_ELEMENTS: Final = 1 << 58  # beyond it, a count of bytes no longer fits NumPy's 63 bits
SAFETENSORS_HEADER: Final = 100_000_000  # the limit of the format's own library
NPY_HEADER: Final = 10_000  # NumPy's own limit
ZIP_UNPACKED: Final = 4 << 30
ZIP_MEMBERS: Final = 100_000
PICKLE_DEPTH: Final = 32
PICKLE_ENTRIES: Final = 300_000
PICKLE_LINE: Final = 1_000
WEIGHT_NAME: Final = 500
REPEATED_ELEMENTS: Final = 1 << 28
PULLED_BYTES: Final = 4_000_000_000

IMAGE_PIXELS: Final = 80_000_000
IMAGE_SIDE: Final = 16_384

ONNX_BYTES: Final = 1 << 31  # what one protobuf message can hold
ONNX_NODES: Final = 200_000
ONNX_OPENED: Final = 20_000
ONNX_DEPTH: Final = 24
ONNX_ELEMENTS: Final = 1 << 30
ONNX_TEXT: Final = 100_000

FIGURE_NODES: Final = 20_000
FIGURE_PIXELS: Final = 100_000_000


class Limit(NamedTuple):
    """One limit: what is limited, the greatest value allowed, and its unit."""

    group: str
    what: str
    most: int
    unit: str = ""


LIMITS: Final = (
    Limit("model file", "size", FILE_BYTES, "bytes"),
    Limit("model file", "keys, values, lists and mappings", YAML_NODES),
    Limit("model file", "nesting of lists and mappings", YAML_DEPTH, "levels"),
    Limit("model file", "mistakes before reading is given up", PROBLEMS),
    Limit("model file", "whole number", INTEGER_BITS, "bits"),
    Limit("expression", "length", EXPRESSION_LENGTH, "characters"),
    Limit("expression", "length of an equation of einsum", EQUATION_LENGTH, "characters"),
    Limit("expression", "nesting", EXPRESSION_DEPTH, "levels"),
    Limit("expression", "digits of a number", EXPRESSION_DIGITS),
    Limit("expression", "magnitude of a result", LARGEST_NUMBER),
    Limit("expression", "exponent", LARGEST_EXPONENT),
    Limit("unrolled model", "repeat", REPEATS, "copies"),
    Limit("unrolled model", "nodes", GRAPH_NODES),
    Limit("unrolled model", "blocks within blocks", BLOCK_DEPTH, "levels"),
    Limit("other files", "imported files", IMPORTED_FILES),
    Limit("other files", "imports of imports", IMPORT_DEPTH, "levels"),
    Limit("other files", "label file", LABEL_BYTES, "bytes"),
    Limit("symbolic size", "terms", SIZE_TERMS),
    Limit("symbolic size", "degree", SIZE_DEGREE),
    Limit("symbolic size", "coefficient", SIZE_BITS, "bits"),
    Limit("symbolic size", "floors and maxima within one another", SIZE_DEPTH, "levels"),
    Limit("weight file", "axes of an array", ARRAY_AXES),
    Limit("weight file", "elements of an array", ARRAY_ELEMENTS),
    Limit("weight file", "header of .safetensors", SAFETENSORS_HEADER, "bytes"),
    Limit("weight file", "header of .npy", NPY_HEADER, "bytes"),
    Limit("weight file", "compressed members, unpacked", ZIP_UNPACKED, "bytes"),
    Limit("weight file", "members of .npz and .pth", ZIP_MEMBERS),
    Limit("weight file", "containers within containers in .pth", PICKLE_DEPTH, "levels"),
    Limit("weight file", "entries of all containers in .pth", PICKLE_ENTRIES),
    Limit("weight file", "name of a class in .pth", PICKLE_LINE, "characters"),
    Limit("weight file", "name of a weight in .pth", WEIGHT_NAME, "characters"),
    Limit("weight file", "elements of a tensor that repeats itself", REPEATED_ELEMENTS),
    Limit("weight file", "member of a package that is pulled", PULLED_BYTES, "bytes"),
    Limit("image", "size", IMAGE_PIXELS, "pixels"),
    Limit("image", "side after resize", IMAGE_SIDE, "pixels"),
    Limit("ONNX file", "size", ONNX_BYTES, "bytes"),
    Limit("ONNX file", "nodes", ONNX_NODES),
    Limit("ONNX file", "nodes of opened loops and functions", ONNX_OPENED),
    Limit("ONNX file", "graphs within graphs", ONNX_DEPTH, "levels"),
    Limit("ONNX file", "elements of a tensor", ONNX_ELEMENTS),
    Limit("ONNX file", "text of an attribute", ONNX_TEXT, "bytes"),
    Limit("figure", "nodes", FIGURE_NODES),
    Limit("figure", "size of a .png", FIGURE_PIXELS, "pixels"),
)
