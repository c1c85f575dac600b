"""Random damage to the bundled models: whatever the text, a model or a list of problems."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

import framework as fw

FOLDER = Path(__file__).parent.parent / "graphs"
MODELS = [path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.yaml"))]
WORD = re.compile(r"[A-Za-z_]\w*|\d+")
JUNK = (
    "", "0", "-1", "1e9", "null", "'x'", "[]", "{}", "[[1]]", "{a: b}", "prev", "...", "inf", "1.5",
    "B", "i", "H/2", "*a", "!t", "copies", "a.b", "1/0", "x y", "é", "use", "residual", "sequence",
    "when: B > 1", "shape: [B]", "init: foo", "repeat: 3", "share: copies",
)  # fmt: skip
SIGNS = "[]{}:,-#'\"&*!|>%@ .0aé\t\u2028"
SEEDS = 300


def replaced(line: str, start: int, end: int, new: str) -> str:
    """A line with a part exchanged."""
    return line[:start] + new + line[end:]


def damage(lines: list[str], r: random.Random) -> None:
    """One change to a line, or of its place."""
    at = r.randrange(len(lines))
    line, words = lines[at], list(WORD.finditer(lines[at]))
    match r.randrange(6):
        case 0:
            del lines[at]
        case 1:
            lines.insert(r.randrange(len(lines)), line)
        case 2:
            lines[at] = line[: r.randrange(len(line) + 1)]
        case 3:
            lines[at] = " " * r.randrange(4) + line.removeprefix(" ")
        case 4 if words:
            word = r.choice(words)
            lines[at] = replaced(line, word.start(), word.end(), r.choice((*JUNK, word[0][:-1])))
        case _ if line:
            place = r.randrange(len(line))
            lines[at] = replaced(line, place, place + 1, r.choice(SIGNS))


def damaged(seed: int) -> str:
    """A bundled model with one to three changes."""
    r = random.Random(seed)
    lines = r.choice(MODELS).split("\n")
    for _ in range(r.choice((1, 1, 2, 3))):
        damage(lines, r)
    return "\n".join(lines)


def problems(text: str) -> tuple[fw.Problem, ...]:
    """What is wrong with a text; nothing, if it loads."""
    try:
        fw.loads(text)
    except fw.SpecError as error:
        return error.problems or (fw.Problem("none", "an error without a problem"),)
    return ()


@pytest.mark.parametrize("tens", range(SEEDS // 10))
def test_a_damaged_model_loads_or_says_where_it_is_wrong(tens):
    for seed in range(10 * tens, 10 * tens + 10):
        text = damaged(seed)
        for problem in problems(text):
            assert problem.place is not None
            assert 1 <= problem.place.line <= text.count("\n") + 1
            assert problem.fact in str(problem)
