"""Each bad model in tests/mistakes gets exactly the message beside it.

To add one: write NAME.yaml, run `python tests/test_mistakes.py`, and read the new NAME.txt.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import framework as fw

FOLDER = Path(__file__).parent / "mistakes"
FILES = sorted(FOLDER.glob("*.yaml"))


def message(path: Path) -> str:
    """All problems as text, under the file's own name."""
    found = "\n".join(map(str, fw.check(path)))
    return found.replace(str(path), path.name) + "\n"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_mistake_gets_its_whole_message(path):
    assert message(path) == path.with_suffix(".txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_message_points_into_the_file(path):
    lines = path.read_text(encoding="utf-8").split("\n")
    for problem in fw.check(path):
        place = problem.place
        assert place is not None
        assert 1 <= place.column <= len(lines[place.line - 1]) + 1


@pytest.mark.parametrize("path", FILES[::8], ids=lambda path: path.stem)
def test_check_prints_the_message_and_exits_with_2(path):
    command = [sys.executable, "-m", "framework", "check", path.name]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 2
    assert path.with_suffix(".txt").read_text(encoding="utf-8").strip() in done.stdout


def test_json_gives_the_same_problems_with_their_ranges():
    command = [sys.executable, "-m", "framework", "check", "--json", "misspelt_operator.yaml"]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, encoding="utf-8")
    problem = json.loads(done.stdout)
    text = json.dumps(problem)
    assert '"unknown-operator"' in text
    assert '"line": 20' in text
    assert '"column": 9' in text


if __name__ == "__main__":
    for file in FILES:
        golden = file.with_suffix(".txt")
        if not golden.exists():
            golden.write_text(message(file), encoding="utf-8")
