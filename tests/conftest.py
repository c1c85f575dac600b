"""Settings for all tests: one BLAS thread for each worker, no user's cache, fixed seeds."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
from hypothesis import settings

settings.register_profile("fixed", derandomize=True, deadline=None)
settings.load_profile("fixed")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Weights that somebody pulled must not change what a test sees."""
    monkeypatch.setenv("FRAMEWORK_CACHE", str(tmp_path / "cache"))
