"""Prints first_model.md: somebody's first network, three mistakes, and what the commands say.

    python examples/first_model.py > examples/first_model.md

The commands are really run; a test holds that the transcript is what they print now.
"""

from __future__ import annotations

import difflib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
TARGET = Path(__file__).with_suffix(".md")
FILE = "digits.yaml"

FIRST = """\
format: 1
name: digits
doc: Five layers for 28x28 grey digits.

dims: {B: {doc: batch, example: 4}}
inputs: {image: [B, 1, 28, 28]}

nodes:
  - conv: {out: 16, kernel: 3, padding: 1}
  - relu
  - maxpool: 2
  - conv: {out: 32, kernel: 3, pad: 1}
  - relu
  - max_pool: 2
  - conv: {out: 64, kernel: 3, pad: 1}
  - relu
  - linear: 128
  - relu
  - linear: 10
    id: logits
    shape: [B, 10]                     # what I expect

outputs: {logits: logits}
"""

STEPS = (
    (
        "Two words are called otherwise here, and the messages say how: `pad` and `max_pool`.",
        (("padding", "pad"), ("maxpool", "max_pool")),
    ),
    (
        "The result still has the picture's axes. The message says what is missing: `flatten`.",
        (("  - linear: 128\n", "  - flatten\n  - linear: 128\n"),),
    ),
)
"""What the writer understands from the messages so far, and what he changes: old, new."""


def main() -> None:
    """Print the transcript."""
    print(transcript(), end="")


def transcript() -> str:
    """The whole page."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = FIRST
        parts = [
            "# A first model, with three mistakes",
            "Printed by `python examples/first_model.py`, which runs these commands.",
            f"README's five minutes are over; this is a first try, saved as `{FILE}`:",
            fenced(text, "yaml"),
            command(folder, text, f"check {FILE}"),
        ]
        for thought, changes in STEPS:
            old = text
            for before, after in changes:
                text = text.replace(before, after, 1)
            parts += [thought, fenced(difference(old, text), "diff")]
            parts.append(command(folder, text, f"check {FILE}"))
        parts.append("No message is left. What was built, and does it run?")
        parts += [command(folder, text, line) for line in (f"shapes {FILE}", f"run {FILE}")]
    return "\n\n".join(parts) + "\n"


def fenced(text: str, language: str = "text") -> str:
    """A block of code."""
    return f"```{language}\n{text.rstrip()}\n```"


def difference(old: str, new: str) -> str:
    """The lines that changed, without a head."""
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm="")
    return "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@")))


def command(folder: Path, text: str, line: str) -> str:
    """A command and what it prints; times differ from run to run and are left out."""
    (folder / FILE).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "framework", *line.split()],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    printed = re.sub(r"(?ms)^time per stage\n.*?(?=^outputs$)", "", done.stdout + done.stderr)
    return fenced(f"$ python -m framework {line}\n{printed}", "console")


if __name__ == "__main__":
    main()
