"""Random damage to the bundled models: whatever the text, a model or a list of problems.

    python tests/fuzz_specs.py --count 100000 [--seed 0]

Each case is one file of graphs/ with one to three mutations: of tokens, of lines and indentation,
of numbers, of characters (Unicode included). A case fails if anything but a `SpecError` escapes,
if a problem lacks a place in the text or cannot be printed, if a load takes more than a second of
processor time (and, where a large model results, a quarter of a millisecond for each node), or if
the process ever needs more than 500 MB. Prints the seed of every failure:
`--only SEED` shows its text.
"""

from __future__ import annotations

import argparse
import random
import re
import resource
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import framework as fw
from framework.api.read import read
from framework.errors import Source, SpecError

FOLDER = Path(__file__).parent.parent / "graphs"
FILES = sorted(FOLDER.rglob("*.yaml"))
TEXTS = [path.read_text(encoding="utf-8") for path in FILES]
LONGEST = 1.0
OF_NODE = 0.000_25
MOST_BYTES = 500_000_000

WORD = re.compile(r"[A-Za-z_]\w*|\d+")
NUMBER = re.compile(r"\d+(?:\.\d+)?")
JUNK = (
    "", "0", "-1", "1e9", "null", "'x'", "[]", "{}", "[[1]]", "{a: b}", "prev", "...", "inf", "1.5",
    "B", "i", "H/2", "*a", "!t", "copies", "a.b", "1/0", "x y", "é", "use", "residual", "sequence",
    "when: B > 1", "shape: [B]", "init: foo", "repeat: 3", "share: copies", "format", "let",
    "B*H", "max(B, H)", "ceildiv(H, 3)", "1 if B > 1 else 2", "int", "block", "true", "~",
)  # fmt: skip
NUMBERS = (
    "0", "-0", "1", "2", "-1", "7", "999", "100000", "100001", "2147483648", "9223372036854775807",
    "9223372036854775808", "1" * 80, "1e308", "1e309", "1e-400", "0x7f", "0o17", "010", "1_000",
    ".inf", "-.inf", ".nan", "0.1", "1/3", "10**18", "10**19", "2**16", "B", "H*W", "H**16",
)  # fmt: skip
SIGNS = "[]{}:,-#'\"&*!|>%@ .0aé\t\u2028"
UNICODE = (
    "\u200b", "\u202e", "\u2066", "\ufeff", "\u00a0", "\u0301", "\U0001f600", "\ud800", "\0",
    "\x1b", "\x85", "\u2028", "Ａ", "１", "０", "א", "中", "ﬁ", "İ", "ß", "²", "½", "×", "−", "：",
)  # fmt: skip


def replaced(line: str, start: int, end: int, new: str) -> str:
    """A line with a part exchanged."""
    return line[:start] + new + line[end:]


def token(lines: list[str], at: int, r: random.Random) -> None:
    """Another word, or a word of another place."""
    words = list(WORD.finditer(lines[at]))
    if words:
        word = r.choice(words)
        others = WORD.findall(r.choice(lines))
        new = r.choice((*JUNK, word[0][:-1], word[0] * 2, *others))
        lines[at] = replaced(lines[at], word.start(), word.end(), new)


def number(lines: list[str], at: int, r: random.Random) -> None:
    """Another number."""
    having = [n for n, line in enumerate(lines) if NUMBER.search(line)]
    at = r.choice(having) if having else at
    found = list(NUMBER.finditer(lines[at]))
    if found:
        one = r.choice(found)
        new = r.choice((*NUMBERS, f"{one[0]}0", f"-{one[0]}", f"{one[0]}*{one[0]}"))
        lines[at] = replaced(lines[at], one.start(), one.end(), new)


def character(lines: list[str], at: int, r: random.Random) -> None:
    """A sign of YAML where none was."""
    place = r.randrange(len(lines[at]) + 1)
    lines[at] = replaced(lines[at], place, place + r.randrange(2), r.choice(SIGNS))


def unicode(lines: list[str], at: int, r: random.Random) -> None:
    """A character from far away."""
    place = r.randrange(len(lines[at]) + 1)
    lines[at] = replaced(lines[at], place, place + r.randrange(2), r.choice(UNICODE))


def structure(lines: list[str], at: int, r: random.Random) -> None:
    """A line deleted, repeated, moved, cut off, or indented otherwise."""
    line = lines[at]
    match r.randrange(6):
        case 0:
            del lines[at]
        case 1:
            lines.insert(r.randrange(len(lines)), line)
        case 2:
            lines[at] = line[: r.randrange(len(line) + 1)]
        case 3:
            lines[at] = " " * r.randrange(9) + line.lstrip(" ")
        case 4:
            other = r.randrange(len(lines))
            lines[at], lines[other] = lines[other], line
        case _:
            end = min(len(lines), at + r.randrange(1, 9))
            lines[end:end] = lines[at:end]


def splice(lines: list[str], at: int, r: random.Random) -> None:
    """A piece of another model."""
    other = r.choice(TEXTS).split("\n")
    start = r.randrange(len(other))
    lines[at:at] = other[start : start + r.randrange(1, 12)]


CHANGES: tuple[Callable[[list[str], int, random.Random], None], ...] = (
    token, token, number, number, character, unicode, structure, structure, splice,
)  # fmt: skip


def damaged(seed: int) -> str:
    """A bundled model with one to three changes."""
    r = random.Random(seed)
    lines = TEXTS[seed % len(TEXTS)].split("\n")
    for _ in range(r.choice((1, 1, 2, 3))):
        r.choice(CHANGES)(lines, r.randrange(len(lines)), r)
        lines = lines or [""]
    return "\n".join(lines)


def verdict(seed: int) -> str:
    """``fine``, ``refused``, or what is wrong with how a case was treated."""
    text, path = damaged(seed), FILES[seed % len(FILES)]
    begin, nodes = time.process_time(), 0
    try:
        nodes = len(read(Source(path.name, text), path, {})[1])
        said = "fine"
    except SpecError as error:
        said = complaint(error.problems, text)
    except Exception as error:  # what the whole script looks for
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} in {Path(where.filename).name}:{where.lineno}: {error}"
    took = time.process_time() - begin
    return said if took <= LONGEST + nodes * OF_NODE else f"took {took:.1f} s"


def complaint(problems: tuple[fw.Problem, ...], text: str) -> str:
    """``refused`` where every problem has a place in the text and can be printed."""
    if not problems:
        return "refused without a problem"
    for problem in problems:
        if problem.place is None:
            return f"no place: {problem.fact}"
        if not 1 <= problem.place.line <= text.count("\n") + 1:
            return f"a place outside the text: {problem}"
        str(problem).encode("utf-8")
    return "refused"


def peak() -> int:
    """The most memory that this process has held, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def run(count: int, first: int = 0) -> tuple[Counter[str], dict[int, str]]:
    """How many cases were fine and refused, and the failures by seed."""
    outcomes: Counter[str] = Counter()
    failures: dict[int, str] = {}
    for seed in range(first, first + count):
        said = verdict(seed)
        outcomes[said if said in ("fine", "refused") else "failed"] += 1
        if said not in ("fine", "refused"):
            failures[seed] = said
    return outcomes, failures


def main() -> int:
    """Run many cases and print what failed."""
    parser = argparse.ArgumentParser(description="damage the bundled models at random")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="seed of the first case")
    parser.add_argument("--only", type=int, help="print the text of one case, and its problems")
    options = parser.parse_args()
    if options.only is not None:
        print(damaged(options.only), verdict(options.only), sep="\n\n")
        return 0
    begin = time.perf_counter()
    outcomes, failures = run(options.count, options.seed)
    for seed, said in failures.items():
        print(f"seed {seed}: {said}")
    took = time.perf_counter() - begin
    print(f"{options.count:,} models in {took:.0f} s: {dict(outcomes)}, {peak() / 1e6:.0f} MB")
    return 1 if failures or peak() > MOST_BYTES else 0


if __name__ == "__main__":
    sys.exit(main())
