"""``run`` over many files: patterns, batches, and results that are written as they come."""

from __future__ import annotations

import glob
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path

from framework.api.model import Model
from framework.cli.output import say, say_json, watched
from framework.cli.parsing import Parser, natural
from framework.errors import InputError, visible

STREAMS = (".csv", ".jsonl")
MOST_NAMED = 8
"""Failed files in the last line; all of them were named when it happened."""

HELP = """\
Many files, results as they come:
  framework run vit --input 'photos/*.jpg' --batch 16 -o results.csv
  framework run unet --input scans/ --batch 4 -o masks/
  framework run my.yaml --input image='photos/**/*.png' mask=mask.npy -o results.jsonl

A pattern in quotes, or a folder, stands for its files in the order of their names.  With several
inputs the first file of one goes with the first of the others; a single file goes with all.
  .csv     a row for each file: the best classes where the output has labels, else its numbers
  .jsonl   a JSON object for each file: the best classes, or the array as lists
  folder   a.jpg gives a.jpg.npz with all outputs in full, without the batch axis
The batch is the first symbolic axis of the input.  A file that cannot be used is named, left out,
and makes the exit code 1.  What is done stands in OUTPUT.journal: after an interruption the same
command goes on where it stopped, and files that are new or were changed are done too.
"""


def add_batches(parser: Parser) -> None:
    """``--batch``."""
    parser.add_argument(
        "--batch",
        type=natural,
        metavar="N",
        help="run many files, N at a time; results are written to --output as they come",
    )


def is_stream(options: Namespace) -> bool:
    """Is this a run over many files?"""
    if options.batch is not None:
        return True
    if options.output is None:
        return False
    path = Path(options.output)
    return path.suffix.lower() in STREAMS or (not path.suffix and options.output[-1:] in "/\\")


def expanded(name: str, file: str) -> list[str]:
    """The files that a pattern or a folder stands for; a plain name stands for itself."""
    if not file:
        raise InputError(f"--input: {name}= names no file\n  hint: --input {name}=FILE")
    path = Path(file)
    if path.is_dir():
        found = [str(one) for one in path.iterdir() if one.is_file() and one.name[0] != "."]
    elif glob.has_magic(file) and not path.exists():
        found = [one for one in glob.glob(file, recursive=True) if Path(one).is_file()]
    else:
        return [file]
    if not found:
        raise InputError(f"--input: {name}={file} stands for no file\n  hint: check the path")
    return sorted(found)


def execute(model: Model, options: Namespace, files: Mapping[str, Sequence[str]]) -> int:
    """Run the batches, and say how it went; 1 if an input failed."""
    from framework.api.batches import run_batches
    from framework.api.batchplan import Wish

    check_options(options, files)
    wish = Wish(
        1 if options.batch is None else options.batch,
        options.top,
        tuple(options.keep),
        options.check_finite,
    )
    output = Path(options.output)
    try:
        with watched("reading") as advance:
            summary = run_batches(model, files, output, wish, progress=advance, report=complain)
    except KeyboardInterrupt:
        print(f"interrupted: the same command continues {output}", file=sys.stderr)
        raise
    failed = summary.failed
    if options.json:
        counts = {"items": summary.items, "before": summary.before, "done": summary.done}
        say_json({**counts, "failed": failed, "written": str(output)})
    else:
        before = f", {summary.before} were done before" if summary.before else ""
        say(f"{output}: {summary.done} of {summary.items} done{before}{failed_text(list(failed))}")
    return 1 if failed else 0


def failed_text(names: Sequence[str]) -> str:
    """``, 2 failed: a.jpg, b.jpg``."""
    if not names:
        return ""
    more = ", …" if len(names) > MOST_NAMED else ""
    return f", {len(names)} failed: {', '.join(names[:MOST_NAMED])}{more}"


def check_options(options: Namespace, files: Mapping[str, Sequence[str]]) -> None:
    """Refuse what makes no sense for many files."""
    if options.output is None:
        hint = "for example -o results.csv, -o results.jsonl or -o folder/"
        raise InputError(f"--batch writes results as they come: say where to\n  hint: {hint}")
    if options.batch == 0:
        raise InputError("--batch: a batch has 1 file or more")
    if not files:
        hint = "for example --input 'photos/*.jpg'"
        raise InputError(f"many files are run only where there are any\n  hint: {hint}")


def complain(name: str, reason: str) -> None:
    """One input failed; the rest goes on."""
    text = visible(reason if name in reason else f"{name}: {reason}")
    print(f"error: {text}", file=sys.stderr)  # plainly: above a progress bar, which rich sees to
