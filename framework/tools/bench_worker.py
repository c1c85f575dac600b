"""One engine in a process of its own: requests come as lines of JSON, answers go the same way.

    python -m framework.tools.bench_worker
    > {"do": "load", "engine": "torch", "folder": "/tmp/x", "threads": 2, …}
    < {"version": "2.13.0", "seconds": 1.2}
    > {"do": "run", "times": 3}
    < {"seconds": [0.021, 0.020, 0.020]}

An engine that fails ends the process; what it said stands on stderr.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from time import perf_counter
from types import ModuleType
from typing import Any, TextIO

import numpy as np

from framework import __version__
from framework.api.load import load
from framework.ir.op import Array
from framework.runtime.npz import read_npz, write_npz

MODEL_ONNX, MODEL_TORCH = "model.onnx", "model_source.py"
WEIGHTS, INPUTS = "weights.npz", "inputs.npz"

Compute = Callable[[], Mapping[str, Array]]
"""One run on the inputs; the outputs by name."""

Request = Mapping[str, Any]
Loaded = tuple[Compute, str]
"""What runs, and the version of the engine."""


def load_framework(request: Request, inputs: dict[str, Array]) -> Loaded:
    """Our own session."""
    settings = request["settings"]
    model = load(request["graph"], weights=request["weights"], seed=request["seed"], **settings)
    model.set_engine(threads=request["threads"], **request["engine_options"])
    session = model.session
    version = f"{__version__}, NumPy {np.__version__}"
    return lambda: session.run(inputs).outputs, version


def load_onnxruntime(request: Request, inputs: dict[str, Array]) -> Loaded:
    """onnxruntime on the processor, with all its optimisations."""
    library = import_module("onnxruntime")
    options = library.SessionOptions()
    options.intra_op_num_threads = request["threads"]
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    file = str(Path(request["folder"], MODEL_ONNX))
    session = library.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    known = {given.name for given in session.get_inputs()}
    given = {name: array for name, array in inputs.items() if name in known}
    return lambda: dict(zip(names, session.run(names, given), strict=True)), library.__version__


def load_reference(request: Request, inputs: dict[str, Array]) -> Loaded:
    """The plain definitions of the onnx package."""
    library = import_module("onnx.reference")
    session = library.ReferenceEvaluator(str(Path(request["folder"], MODEL_ONNX)))
    names = list(session.output_names)
    given = {name: array for name, array in inputs.items() if name in session.input_names}
    version = import_module("onnx").__version__
    return lambda: dict(zip(names, session.run(names, given), strict=True)), version


def load_torch(request: Request, inputs: dict[str, Array]) -> Loaded:
    """Our PyTorch source, with our weights under their names."""
    library = import_module("torch")
    library.set_num_threads(request["threads"])
    folder = Path(request["folder"])
    net = network(imported(folder / MODEL_TORCH), library).eval()
    weights = read_npz(folder / WEIGHTS).items()
    net.load_state_dict({name: library.from_numpy(np.array(array)) for name, array in weights})
    tensors = [library.from_numpy(np.array(inputs[name])) for name in request["inputs"]]

    def compute() -> Mapping[str, Array]:
        with library.inference_mode():
            found = net(*tensors)
        return {name: tensor.numpy() for name, tensor in found.items()}

    return compute, library.__version__


def imported(file: Path) -> ModuleType:
    """The module in a file."""
    spec = spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} cannot be imported")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def network(module: ModuleType, library: ModuleType) -> Any:
    """The network of a module: an instance of its last class, the blocks stand before it."""
    own = [thing for thing in vars(module).values() if isinstance(thing, type)]
    classes = [one for one in own if one.__module__ == module.__name__]
    return [one for one in classes if issubclass(one, library.nn.Module)][-1]()


LOADERS: Mapping[str, Callable[[Request, dict[str, Array]], Loaded]] = {
    "framework": load_framework,
    "onnxruntime": load_onnxruntime,
    "torch": load_torch,
    "reference": load_reference,
}


class Worker:
    """The state between requests."""

    def __init__(self) -> None:
        self.compute: Compute | None = None

    def answer(self, request: Request) -> dict[str, object]:
        """Do what is asked."""
        match request["do"]:
            case "load":
                return self.load(request)
            case "run":
                self.seconds()  # threads wake up, caches fill
                return {"seconds": [self.seconds() for _ in range(request["times"])]}
            case "outputs":
                found = {name: np.asarray(array) for name, array in self.run().items()}
                write_npz(Path(request["path"]), found)
                return {"names": list(found)}
            case "memory":
                return {"bytes": peak_memory()}
        raise ValueError(f"unknown request {request}")

    def load(self, request: Request) -> dict[str, object]:
        """Get the engine ready."""
        start = perf_counter()
        inputs = read_npz(Path(request["folder"], INPUTS))
        given = {name: np.array(array) for name, array in inputs.items()}
        self.compute, version = LOADERS[request["engine"]](request, given)
        return {"version": version, "seconds": perf_counter() - start}

    def run(self) -> Mapping[str, Array]:
        """One run."""
        if self.compute is None:
            raise ValueError("nothing is loaded yet")
        return self.compute()

    def seconds(self) -> float:
        """The time of one run."""
        start = perf_counter()
        self.run()
        return perf_counter() - start


def peak_memory() -> int | None:
    """The most memory that this process has had, in bytes; None where the system does not say.

    Linux carries the peak of the parent over to ``getrusage`` of a child that it starts, so
    that the file about this process alone comes first.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        lines = status.read_text().splitlines()
        found = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
        return next((int(word) * 1024 for word in found), None)
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def private_stdout() -> TextIO:
    """The pipe to whoever asks; what libraries print goes to stderr from now on."""
    private = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return private


def main() -> None:
    """Answer until nobody asks any more."""
    answers, worker = private_stdout(), Worker()
    for line in sys.stdin:
        print(json.dumps(worker.answer(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
