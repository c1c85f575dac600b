"""``export``: a model as ONNX, or as PyTorch source."""

from __future__ import annotations

import json
from argparse import Namespace

from framework.api.export import Export
from framework.api.inputs import types_text
from framework.api.load import load
from framework.api.model import Model
from framework.cli.output import say, watched
from framework.cli.parsing import Parser, add_model, checked_sizes, natural, settings_of

EXAMPLES = """\
examples:
  framework export graphs/vit.yaml -o vit.onnx
  framework export vit --dims B=8 -o vit.onnx               fix sizes; the others stay symbolic
  framework export vit --weights vit.safetensors -o vit.onnx
  framework export resnet18 --opset 17 -o resnet18.onnx     for older runtimes
  framework export vit --external -o vit.onnx               weights beside it, in vit.onnx.data
  framework export vit --set depth=6 -o vit.py              PyTorch source

formats: .onnx (needs the package onnx), .py (PyTorch source)

Without --weights the file has the weights that `run` would use: pulled ones, else seeded random
ones.
"""


def configure(parser: Parser) -> None:
    """Declare the options."""
    add_model(parser)
    add = parser.add_argument
    add("-o", "--output", metavar="FILE", help="default: the model's name with .onnx")
    add("--weights", metavar="FILE", help="weights: .safetensors, .npz, .pth")
    add("--seed", type=natural, default=0, metavar="N", help="of random weights; default: 0")
    add("--opset", type=natural, metavar="N", help="version of ONNX's operators")
    add("--external", action="store_true", help="weights in a file beside the model's")
    add("--json", action="store_true", help="print JSON")


def execute(options: Namespace) -> int:
    """Export, and say what was written."""
    settings = settings_of(options.set)
    model = load(options.graph, weights=options.weights, seed=options.seed, **settings)
    sizes = checked_sizes(model, options.dims)
    file = f"{model.name}.onnx" if options.output is None else options.output
    with watched("exporting"):
        found = model.export(file, sizes=sizes, opset=options.opset, external=options.external)
    say(json.dumps(as_dict(found), indent=2) if options.json else text_of(model, found, sizes))
    return 0


def text_of(model: Model, found: Export, sizes: dict[str, int]) -> str:
    """The files, their facts, what goes in and comes out."""
    facts = ", ".join(f"{name} {count:,}" for name, count in found.facts.items())
    inputs = types_text({name: type_.at(sizes) for name, type_ in model.inputs.items()})
    outputs = types_text({name: type_.at(sizes) for name, type_ in model.outputs.items()})
    files = " and ".join(map(str, found.paths))
    lines = [f"{files}: {found.format}, {facts}, {found.bytes:,} bytes", f"{inputs} -> {outputs}"]
    if found.format == "ONNX":
        lines.append(f"weights: {model.weights_source}")
    return "\n".join(lines)


def as_dict(found: Export) -> dict[str, object]:
    """The same for programs."""
    paths = [str(path) for path in found.paths]
    return {"files": paths, "format": found.format, "bytes": found.bytes, **found.facts}
