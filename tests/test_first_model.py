"""A first-time user's path: the transcript is what the commands print now."""

import importlib.util
import re
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "examples" / "first_model.py"


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("first_model", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def printed(example):
    return example.transcript()


def test_the_transcript_is_what_the_commands_print_now(example, printed):
    assert example.TARGET.read_text(encoding="utf-8") == printed


def test_every_fix_is_named_by_the_message_before_it(example, printed):
    outputs = re.findall(r"```console\n(.*?)```", printed, re.DOTALL)
    for (_, changes), message in zip(example.STEPS, outputs, strict=False):
        for before, after in changes:
            (word,) = set(re.findall(r"\w+", after)) - set(re.findall(r"\w+", before))
            assert re.search(rf"\b{word}\b", message)


def test_three_mistakes_are_made_and_none_is_left(printed):
    assert printed.count(": error[") == 3
    assert "digits.yaml: ok" in printed
