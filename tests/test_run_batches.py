"""Many files: batches, results as they come, interruptions, broken files."""

from __future__ import annotations

import csv
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import framework as fw
from framework.api.batches import run_batches
from framework.api.batchplan import Wish
from framework.api.journal import Journal
from framework.api.sinks import names_in_folder
from framework.cli import main
from framework.errors import InputError

ROOT = Path(__file__).resolve().parent.parent

MODEL = """\
format: 1
name: small
dims: {B: {example: 2}}
inputs: {image: {shape: [B, 3, 4, 4], from: {image: {resize: 4, std: 255}}}}
nodes:
  - flatten
  - {linear: 3, id: head}
outputs: {scores: {node: head, labels: labels.txt}}
"""
PAIR = """\
format: 1
dims: {B: {example: 2}, T: {example: 3}}
inputs: {x: [B, T], scale: [T]}
nodes:
  - {mul: , in: [x, scale], id: scaled}
outputs: {y: scaled}
"""


FILES = {"x": ["a.npy", "b.npy"], "scale": ["c.npy"]}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A model, its labels and nine pictures."""
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(MODEL)
    Path("pair.yaml").write_text(PAIR)
    Path("labels.txt").write_text("ant\nbee\ncat\n")
    Path("in").mkdir()
    for number in range(9):
        picture(f"in/{number}.png", number)
    return tmp_path


def picture(path, seed):
    """A random picture."""
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 5, 3), np.uint8)
    Image.fromarray(pixels).save(path)


def run(output="out.csv", files="in/*.png", batch="4", *more):
    """The exit code of a run over the pictures."""
    return main(["run", "small.yaml", "--input", files, "--batch", batch, "-o", output, *more])


def rows(path="out.csv"):
    """The rows of a table as mappings."""
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


# ---------------------------------------------------------------------- what is written


def test_a_table_has_the_best_classes_of_each_file(capsys):
    assert run() == 0
    alone = fw.load("small.yaml").run(image="in/3.png").top(k=3)[0]
    row = rows()[3]
    assert row["file"] == "in/3.png"
    assert [row[f"label_{i}"] for i in (1, 2, 3)] == [label for label, _ in alone]
    assert float(row["probability_1"]) == pytest.approx(alone[0][1], abs=1e-5)
    assert capsys.readouterr().out == "out.csv: 9 of 9 done\n"


def test_the_size_of_a_batch_changes_nothing():
    run("one.csv", batch="1")
    run("four.csv", batch="4")
    run("all.csv", batch="100")
    assert Path("one.csv").read_text() == Path("four.csv").read_text()
    assert Path("all.csv").read_text() == Path("four.csv").read_text()


def test_lines_of_json_have_the_same_classes():
    run("out.jsonl", "in/*.png", "4", "--top", "1")
    first = json.loads(Path("out.jsonl").read_text().splitlines()[0])
    best = fw.load("small.yaml").run(image="in/0.png").top(k=1)[0][0]
    assert first["file"] == "in/0.png"
    assert first["scores"][0]["label"] == best[0]


def test_a_folder_has_all_outputs_of_each_file_in_full():
    assert run("results/") == 0
    whole = fw.load("small.yaml").run(image=[f"in/{n}.png" for n in range(9)])["scores"]
    assert sorted(os.listdir("results")) == [f"{n}.png.npz" for n in range(9)]
    found = np.load("results/7.png.npz")["scores"]
    np.testing.assert_allclose(found, whole[7], rtol=1e-5)


def test_kept_nodes_go_with_the_outputs():
    run("results/", "in/*.png", "4", "--keep", "flatten")
    with np.load("results/2.png.npz") as found:
        assert {name: found[name].shape for name in found} == {"flatten": (48,), "scores": (3,)}


def test_outputs_without_labels_are_columns_of_numbers():
    for number in range(3):
        np.save(f"x{number}.npy", np.full((1, 2), number, np.float32))
    np.save("scale.npy", np.array([1, 10], np.float32))
    main(["run", "pair.yaml", "--input", "x=x*.npy", "scale=scale.npy", "-o", "y.jsonl"])
    found = [json.loads(line) for line in Path("y.jsonl").read_text().splitlines()]
    assert found == [{"file": f"x{n}.npy", "y": [n, 10.0 * n]} for n in range(3)]


def test_files_of_other_shapes_get_a_batch_of_their_own():
    for number, width in enumerate((2, 2, 3, 2)):
        np.save(f"x{number}.npy", np.ones((1, width), np.float32))
    model = fw.load("pair.yaml")
    files = {"x": [f"x{n}.npy" for n in range(4)], "scale": ["scale.npy"]}
    np.save("scale.npy", np.array([1, 10], np.float32))
    summary = run_batches(model, files, Path("y"), Wish(batch=4))
    assert (summary.done, list(summary.failed)) == (3, ["x2.npy"])


def test_a_folder_stands_for_its_files():
    run("a.csv", "in")
    assert [row["file"] for row in rows("a.csv")] == [f"in/{n}.png" for n in range(9)]


def test_files_of_one_name_keep_the_folders_they_differ_in():
    found = names_in_folder(["in/a/1.jpg", "in/b/1.jpg"])
    assert list(found.values()) == ["a/1.jpg.npz", "b/1.jpg.npz"]


# ---------------------------------------------------------------------- broken files


@pytest.mark.parametrize("output", ["out.csv", "out.jsonl", "out/"])
def test_a_broken_picture_is_named_and_the_rest_goes_on(output, capsys):
    Path("in/4.png").write_bytes(b"no picture")
    assert run(output) == 1
    out, err = capsys.readouterr()
    assert out == f"{Path(output)}: 8 of 9 done, 1 failed: in/4.png\n"
    assert err.startswith("error: in/4.png: is not a picture that can be read\n")


def test_a_broken_picture_that_was_mended_is_done_by_the_same_command():
    Path("in/4.png").write_bytes(b"no picture")
    run()
    picture("in/4.png", 4)
    assert run() == 0
    assert sorted(row["file"] for row in rows()) == [f"in/{n}.png" for n in range(9)]


def test_one_item_that_fails_takes_no_other_of_its_batch_with_it():
    for number in range(4):
        np.save(f"x{number}.npy", np.full((1, 2), np.nan if number == 1 else 1, np.float32))
    np.save("scale.npy", np.ones(2, np.float32))
    files = {"x": [f"x{n}.npy" for n in range(4)], "scale": ["scale.npy"]}
    wish = Wish(batch=4, check_finite=True)
    summary = run_batches(fw.load("pair.yaml"), files, Path("y.jsonl"), wish)
    assert (summary.done, list(summary.failed)) == (3, ["x1.npy"])


# ---------------------------------------------------------------------- interruptions


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a finished run, and its table with the journal."""
    place = tmp_path_factory.mktemp("finished")
    (place / "small.yaml").write_text(MODEL)
    (place / "labels.txt").write_text("ant\nbee\ncat\n")
    files = [str(place / f"{n}.png") for n in range(5)]
    for number, file in enumerate(files):
        picture(file, number)
    model = fw.load(place / "small.yaml")
    output = place / "out.csv"
    run_batches(model, {"image": files}, output, Wish(batch=2))
    return model, files, output, output.read_bytes(), Path(f"{output}.journal").read_bytes()


@given(table=st.integers(0, 10**6), journal=st.integers(0, 10**6))
def test_whatever_is_cut_off_the_result_is_that_of_one_run(finished, table, journal):
    model, files, output, whole, lines = finished
    head = lines.index(b"\n") + 1  # it is written before all else, whole or not at all
    output.write_bytes(whole[: table % (len(whole) + 1)])
    Path(f"{output}.journal").write_bytes(lines[: head + journal % (len(lines) - head + 1)])
    run_batches(model, {"image": files}, output, Wish(batch=2))
    assert output.read_bytes() == whole
    assert run_batches(model, {"image": files}, output, Wish(batch=2)).before == len(files)


@pytest.mark.parametrize("output", ["out.csv", "out.jsonl", "out"])
def test_a_killed_process_is_continued_without_loss_or_repetition(output):
    shutil.rmtree("in")
    os.mkdir("in")
    for number in range(120):
        picture(f"in/{number:03}.png", number)
    words = ["run", "small.yaml", "--input", "in", "--batch", "1", "-o", output]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-m", "framework", *words], env=environment)
    journal, limit = Path(f"{output}.journal"), time.monotonic() + 60
    while not journal.exists() or journal.read_bytes().count(b"\n") < 20:
        assert time.monotonic() < limit
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = journal.read_bytes().count(b"\n") - 1
    assert main(words) == 0
    done = [json.loads(line)["file"] for line in journal.read_text().splitlines()[1:]]
    assert 19 <= before < 120
    assert done == [f"in/{n:03}.png" for n in range(120)]
    assert result_files(output) == done


def result_files(output):
    """The inputs of which there are results, in order."""
    if output.endswith(".csv"):
        return [row["file"] for row in rows(output)]
    if output.endswith(".jsonl"):
        return [json.loads(line)["file"] for line in Path(output).read_text().splitlines()]
    return [f"in/{name.removesuffix('.npz')}" for name in sorted(os.listdir(output))]


def test_files_that_an_interrupted_writer_left_are_removed_and_no_others():
    run("out")
    Path("out/.3.png.npz.0123456789ab.part").write_bytes(b"half")
    Path("out/.mine.part").write_bytes(b"mine")
    run("out")
    assert [name for name in os.listdir("out") if name.startswith(".")] == [".mine.part"]


def test_lines_that_two_runs_wrote_at_once_are_made_again():
    run()
    whole, journal = Path("out.csv").read_bytes(), Path("out.csv.journal")
    head, *lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join((head, *lines[:3], *lines[1:])))
    assert run() == 0
    assert Path("out.csv").read_bytes() == whole


@pytest.mark.parametrize("full", ["out.csv", "out.csv.journal"])
def test_a_full_disk_is_told_with_the_file(full, capsys, monkeypatch):
    def refuse(number):
        if os.path.exists(full) and os.path.samestat(os.fstat(number), os.stat(full)):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    assert run() == 1
    assert f"error: {full}: the system says: No space left on device\n" in capsys.readouterr().err


def test_a_finished_run_has_nothing_left_to_do(capsys):
    run()
    before = Path("out.csv").read_bytes()
    capsys.readouterr()
    assert run() == 0
    assert capsys.readouterr().out == "out.csv: 0 of 9 done, 9 were done before\n"
    assert Path("out.csv").read_bytes() == before


def test_new_files_are_added_and_changed_ones_done_again():
    run()
    picture("in/8.png", 88)
    picture("in/9.png", 9)
    run()
    changed = rows()
    shutil.move("out.csv", "old.csv")
    Path("out.csv.journal").unlink()
    run()
    assert changed == rows()


# ---------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("words", "fact"),
    [
        (["--batch", "2"], "--batch writes results as they come: say where to"),
        (["--batch", "0", "-o", "a.csv"], "--batch: a batch has 1 file or more"),
        (["--batch", "2", "-o", "a.txt"], "--output: expected .csv, .jsonl or a folder"),
        (["--batch", "2", "-o", "no/a.csv"], "--output: no/a.csv: there is no folder no"),
        (["--batch", "2", "-o", "labels"], "--input: image=in/*.gif stands for no file"),
        (["--batch", "2", "-o", "."], "--output: . is no name for results"),
        (["--input", "", "-o", "a.csv"], "--input: image= names no file"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(words, fact, capsys):
    files = "in/*.gif" if "labels" in words else "in/*.png"
    assert main(["run", "small.yaml", "--input", files, *words]) == 2
    assert fact in capsys.readouterr().err


def test_a_file_of_somebody_else_is_not_overwritten(capsys):
    Path("out.csv").write_text("mine\n")
    assert run() == 2
    assert "there is something else already" in capsys.readouterr().err
    assert Path("out.csv").read_text() == "mine\n"


def test_a_table_that_was_edited_is_not_continued(capsys):
    run()
    Path("out.csv").write_text(Path("out.csv").read_text().replace("ant", "emu"))
    assert run() == 2
    assert "was changed since it was written" in capsys.readouterr().err


def test_results_of_other_options_are_not_mixed(capsys):
    run()
    assert run("out.csv", "in/*.png", "4", "--top", "1") == 2
    assert "was begun with another run (top None; now top 1)" in capsys.readouterr().err


@pytest.mark.parametrize("change", ["labels", "outputs"])
def test_results_of_a_changed_model_are_not_mixed(change, capsys):
    model = MODEL.replace("outputs: {", "  - {relu: , id: other}\noutputs: {b: other, ")
    Path("small.yaml").write_text(model)
    run("out.jsonl")
    if change == "labels":
        Path("labels.txt").write_text("ape\nbat\ncow\n")
    else:
        swapped = model.replace("b: other", "b: head").replace("node: head", "node: other")
        Path("small.yaml").write_text(swapped)
    assert run("out.jsonl") == 2
    assert "was begun with another run (model small" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "{}\n", "[1]\n", "\xff\n", '{"journal": 1, "run": {}}\n{}\n'])
def test_a_damaged_journal_is_told_with_the_cure(text, capsys):
    run()
    Path("out.csv.journal").write_text(text, "latin-1")
    assert run() == 2
    err = capsys.readouterr().err
    assert "hint: name another --output, or remove out.csv and out.csv.journal\n" in err


@pytest.mark.parametrize("output", ["out.csv", "results/"])
def test_one_run_at_a_time_writes_to_an_output(output, capsys):
    run(output)
    journal = Path(f"{output.rstrip('/')}.journal")
    before = journal.read_bytes()
    with Journal(Path(output), {}) as other:
        other.hold()
        assert run(output) == 2
        assert "another run is writing it now" in capsys.readouterr().err
    assert journal.read_bytes() == before
    assert run(output) == 0


def test_a_result_of_another_file_of_that_name_is_not_replaced(capsys):
    os.mkdir("other")
    picture("other/3.png", 33)
    run("results/", "in/3.png")
    before = Path("results/3.png.npz").read_bytes()
    assert run("results/", "other/3.png") == 2
    fact = "may be the result of in/3.png, other/3.png would replace it"
    assert f"results/3.png.npz: {fact}" in capsys.readouterr().err
    assert Path("results/3.png.npz").read_bytes() == before
    assert run("results/", "./in/3.png") == 0  # the same file by another name
    assert run("results/", "in/4.png") == 0


def test_one_file_with_different_partners_is_refused():
    files = {"x": ["a.npy", "a.npy"], "scale": ["c.npy", "d.npy"]}
    with pytest.raises(InputError, match=r"a\.npy: is given twice for 'x', with different files"):
        run_batches(fw.load("pair.yaml"), files, Path("y.jsonl"))


def test_names_cannot_steer_the_terminal(capsys):
    Path("in/a\x1b[31m.png").write_bytes(b"no picture")
    assert run() == 1
    assert "\x1b" not in "".join(capsys.readouterr())


def test_inputs_with_different_numbers_of_files_are_refused():
    files = {"x": ["a.npy", "b.npy", "c.npy"], "scale": ["d.npy", "e.npy"]}
    with pytest.raises(InputError, match="input 'scale' has 2 files, 'x' has 3"):
        run_batches(fw.load("pair.yaml"), files, Path("y.jsonl"))


def test_pictures_for_a_model_that_reads_none_are_refused_before_the_first():
    files = {"x": ["in/1.png", "in/2.png"], "scale": ["scale.npy"]}
    with pytest.raises(InputError, match=r"how a file such as in/1.png becomes 'x'"):
        run_batches(fw.load("pair.yaml"), files, Path("y.jsonl"))


def test_an_output_that_cannot_be_taken_apart_needs_batches_of_one():
    text = PAIR.replace("outputs: {y: scaled}", "  - {reduce: sum, id: all}\noutputs: {y: all}")
    with pytest.raises(InputError, match=r"output 'y' .* has no axis B, which counts items"):
        run_batches(fw.loads(text), FILES, Path("y"), Wish(batch=2))
