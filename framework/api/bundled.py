"""The models that come with the package, and where files are found."""

from __future__ import annotations

import os
from pathlib import Path

from framework.errors import InputError, did_you_mean

PACKAGE = Path(__file__).resolve().parent.parent


def graphs_folder() -> Path:
    """Folder of the bundled models: in the wheel inside the package, in a checkout beside it."""
    inside = PACKAGE / "graphs"
    return inside if inside.is_dir() else PACKAGE.parent / "graphs"


def bundled() -> dict[str, Path]:
    """The models that come with the package, by name.

    >>> "vit" in bundled()
    True
    """
    return {path.stem: path for path in sorted(graphs_folder().glob("*.yaml"))}


def find_model(name: str | os.PathLike[str]) -> Path:
    """The file of a model: a path, or the name of a bundled model.

    ``graphs/vit.yaml`` means the bundled model where there is no such file, so that commands
    from the README work anywhere.
    """
    path = Path(name)
    if path.exists():
        return path
    models = bundled()
    if path.stem in models and path.name in (path.stem, f"{path.stem}.yaml"):
        if path.parent in (Path(), Path("graphs")):
            return models[path.stem]
    folder = path.parent if path.parent.is_dir() else Path()
    near = sorted(str(folder / other.name) for other in folder.glob("*.yaml"))
    hint = did_you_mean(str(path), [*near, *models])
    listed = f"bundled models: {', '.join(models)}"
    raise InputError(f"there is no model '{name}'\n  hint: {hint or listed}")


def cache_folder() -> Path:
    """Where pulled weights are kept: FRAMEWORK_CACHE, or the user's cache folder."""
    given = os.environ.get("FRAMEWORK_CACHE")
    if given:
        return Path(given)
    if os.name == "nt":
        base = os.environ.get("LOCALAPPDATA", str(Path.home()))
    else:
        base = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    return Path(base) / "framework"


def cached_weights(model: str, sha256: str) -> Path:
    """Where the weights of a model lie once they have been pulled."""
    return cache_folder() / f"{model}-{sha256[:12]}.safetensors"
