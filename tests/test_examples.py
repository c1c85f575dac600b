"""Every script in examples/ runs, says something, and succeeds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPTS = sorted((ROOT / "examples").glob("*.py"))


def run(script):
    """The script in an interpreter of its own, started anywhere but in the repository."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-W", "error", str(script)]
    return subprocess.run(
        command, capture_output=True, encoding="utf-8", cwd=script.parent, env=environment,
        timeout=120, check=False,
    )  # fmt: skip


def test_there_are_examples():
    assert len(SCRIPTS) >= 4


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_an_example_runs(script):
    done = run(script)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()
