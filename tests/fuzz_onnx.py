"""Damaged ONNX files, imported one after another in a process with little memory.

    python tests/fuzz_onnx.py --count 2000 [--start 0] [--whole]

Every result is a model, or an `InputError` with a message; nothing else, no file takes longer
than `SECONDS` of processor time, and the process has `MEMORY` bytes of address space.
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

SECONDS = 5.0
PATIENCE = 60.0  # of the clock: other processes may use the same cores
MEMORY = 2 << 30
LONGEST = 20_000
"""Characters of a message."""


def limited():
    """Take the process's memory away."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def fate(path, whole=False):
    """What becomes of one file: (kind, text); all kinds but "model" and "refused" are faults."""
    from framework.errors import FrameworkError, InputError

    start = time.process_time()
    try:
        kind, text = "model", imported(path, whole)
    except InputError as error:
        kind, text = "refused", str(error)
        if not text.strip() or len(text) > LONGEST:
            kind = f"a message of {len(text)} characters"
            text = text[:200]
    except FrameworkError as error:
        kind, text = f"{type(error).__name__}", str(error)[:3000]
    except Exception:
        kind, text = "traceback", traceback.format_exc(limit=-6)[-3000:]
    spent = time.process_time() - start
    return (f"{spent:.1f} s", text[-300:]) if spent > SECONDS else (kind, text)


def imported(path, whole):
    """Import, with ``whole`` as the command does."""
    if whole:
        from framework.api.importing import import_onnx

        import_onnx(path, Path(path).with_suffix(".yaml"), force=True)
    else:
        from framework.exchange.onnx_file import open_onnx
        from framework.exchange.onnx_reader import read_onnx

        read_onnx(open_onnx(path))
    return ""


def work(start, stop, whole):
    """In the process with limits: a line for each file."""
    limited()
    sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]
    from onnx_bombs import BOMBS
    from onnx_damage import damaged

    names = list(BOMBS)
    for seed in range(start, stop):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "m" / "model.onnx"
            path.parent.mkdir()
            if seed < 0:
                path = BOMBS[names[-seed - 1]](path)
            else:
                path.write_bytes(damaged(seed))
            say(seed, "begun", "")
            say(seed, *fate(path, whole))


def say(seed, kind, text):
    sys.stdout.write(json.dumps([seed, kind, text]) + "\n")
    sys.stdout.flush()


def run(start, stop, whole=False):
    """{seed: (kind, text)}, whatever happens to the process."""
    found = {}
    while start < stop:
        for seed, kind, text in lines(start, stop, whole):
            found[seed] = (kind, text)
            start = seed + 1
        if start < stop:
            found[start] = found.get(start, ("stopped", "the process ended"))
            start += 1
    return found


def lines(start, stop, whole):
    """What the process says, until it ends or says nothing for long."""
    command = [sys.executable, __file__, "--work", str(start), str(stop)]
    command += ["--whole"] if whole else []
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env, text=True) as process:
        begun = start
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while selector.select(PATIENCE):
                line = process.stdout.readline()
                if not line:
                    break
                seed, kind, text = json.loads(line)
                if kind == "begun":
                    begun = seed
                else:
                    yield seed, kind, text
            else:
                process.kill()
                yield begun, "hang", f"more than {PATIENCE} s"
                return
        if process.wait() != 0:
            yield begun, f"exit {process.returncode}", "see above"


def faults(found):
    """Those that are neither a model nor refused with a message."""
    return {seed: fate for seed, fate in found.items() if fate[0] not in ("model", "refused")}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--whole", action="store_true", help="write YAML and weights as well")
    parser.add_argument("--work", type=int, nargs=2)
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args()
    if options.work:
        work(*options.work, options.whole)
        return 0
    found = run(options.start, options.start + options.count, options.whole)
    print(Counter(kind for kind, _ in found.values()).most_common())
    if options.verbose:
        for seed, (kind, text) in found.items():
            print(f"{seed:5} {kind}: {text[:400]}")
    for seed, (kind, text) in faults(found).items():
        print(f"--- {seed}: {kind}\n{text}")
    return 1 if faults(found) else 0


if __name__ == "__main__":
    sys.exit(main())
