"""Known attacks on readers of models, weights and images: one named test each.

Those by names and texts that are written or shown are in test_attacks_by_words.py.

Nothing here may execute anything, leave the model's folder, fill the memory, take longer than a
second, or say to a terminal or a page anything but text.
"""

from __future__ import annotations

import json
import os
import re
import struct
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from language import found
from test_torchfile import name as dotted
from test_torchfile import older, text, tuple_, zipped

import framework as fw
from framework.runtime.images import ImageRecipe
from framework.runtime.weightfiles import read_weights

HEAD = "format: 1\ndims: [B]\ninputs: {x: [B, 4]}\n"


def refused(text: str) -> str:
    """The messages about a model, in less than a second."""
    begin = time.perf_counter()
    problems = found(text)
    assert time.perf_counter() - begin < 1
    return "\n".join(problems) if problems else "nothing is wrong"


def in_files(folder: Path, main: str, **files: str) -> str:
    """The first message about a model in a folder with other files."""
    model = folder / "models" / "m.yaml"
    model.parent.mkdir(exist_ok=True)
    for file, content in files.items():
        (model.parent / f"{file}.yaml").write_text(content)
    model.write_text(main)
    problems = fw.check(model)
    return problems[0].fact if problems else "nothing is wrong"


def bad_weights(path: Path) -> str:
    """The message about a file of weights, in less than a second."""
    begin = time.perf_counter()
    with pytest.raises(fw.WeightError) as caught:
        read_weights(path)
    assert time.perf_counter() - begin < 1
    return str(caught.value)


def bad_image(path: Path) -> str:
    """The message about a picture, in less than a second."""
    begin = time.perf_counter()
    with pytest.raises(fw.InputError) as caught:
        ImageRecipe().apply(path)
    assert time.perf_counter() - begin < 1
    return str(caught.value)


# ---------------------------------------------------------------- YAML


def test_billion_laughs():
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [{f'*a{n - 1}, ' * 9}]" for n in range(1, 30)]
    assert "YAML anchors (&a0) are not used here" in refused("\n".join(lines))


def test_billion_laughs_by_blocks():
    use = ", ".join(["{use: b%d}"] * 10)
    blocks = [f"  b{n}: {{inputs: {{x: [N, C]}}, nodes: [{use}]}}" for n in range(30)]
    text = "\n".join(b % ((n + 1,) * 10) for n, b in enumerate(blocks))
    last = "  b30: {inputs: {x: [N, C]}, nodes: [relu]}\nnodes: [use: b0]"
    assert "unrolls to more than 250,000 nodes" in refused(f"{HEAD}blocks:\n{text}\n{last}")


def test_billion_laughs_by_arguments():
    doubled = ", ".join(f"a{n}: a{n - 1}*a{n - 1}" for n in range(1, 60))
    text = f"format: 1\nargs: {{a0: 10, {doubled}}}\ninputs: {{x: [a59]}}\nnodes: [relu]"
    assert "the result is larger than 10**18" in refused(text)


def test_a_repeat_of_a_billion():
    text = f"{HEAD}nodes: [{{relu: , repeat: 1000000000}}]"
    assert "repeat must be from 0 to 100,000, not 1,000,000,000" in refused(text)


def test_merge_keys():
    assert "YAML merge keys (<<) are not used here" in refused("format: 1\n<<: {nodes: [relu]}")


def test_anchors_in_a_cycle():
    assert "YAML anchors (&a) are not used here" in refused("format: 1\nnodes: &a [*a]")


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.system [touch pwned]",
        "!!python/object/new:subprocess.Popen [[touch, pwned]]",
        "!!python/name:os.system",
        "!!python/module:os",
        "!<tag:yaml.org,2002:python/object/apply:os.system> [touch pwned]",
        "!!binary aGVsbG8=",
    ],
)
def test_tags_that_construct_objects(tag, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "YAML tags" in refused(f"format: 1\nname: {tag}\nnodes: [relu]")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_deep_nesting(opening):
    message = refused(opening * 100_000)
    assert "nested deeper than 60 levels" in message or "did not find" in message


@pytest.mark.parametrize("opening", ["(", "-", "not ", "2**", "max(1, ", "1 if B > 1 else "])
def test_deep_nesting_in_an_expression(opening):
    text = f"{HEAD}nodes: [{{linear: '{opening * 10_000}1'}}]"
    assert "characters, the limit is 200" in refused(text)


@pytest.mark.parametrize("digits", [20, 400, 10**6])
def test_huge_integers(digits):
    message = refused(f"format: 1\ninputs: {{x: [{'9' * digits}]}}\nnodes: [relu]")
    assert f"has {digits} digits and does not fit in 64 bits" in message


@pytest.mark.parametrize(
    "power", ["9**9**9**9", "10**16**16", "B**9**9", "2**-1", "(10**18)*(10**18)", "1e308*1e308"]
)
def test_huge_integers_by_arithmetic(power):
    message = refused(f"{HEAD}nodes: [{{linear: '{power}'}}]")
    assert "larger than" in message or "exponent" in message or "too large" in message


@pytest.mark.parametrize(
    "code",
    ["__import__('os')", "x.__class__", "().__class__", "[i for i in x]", "lambda: 1", "open('x')"],
)
def test_code_in_an_expression(code):
    assert "error" not in refused(f'{HEAD}nodes: [{{linear: "{code}"}}]')
    assert found(f'{HEAD}nodes: [{{linear: "{code}"}}]') != []


def test_a_regular_expression_is_not_slowed_down_by_its_text():
    assert refused(f"{HEAD}nodes: [{{rearrange: '{'(' * 3000}a{')' * 3000} -> a'}}]")
    assert refused(f"format: 1\n'{'a' * 100_000}': 1\nnodes: [relu]")


# ---------------------------------------------------------------- paths


@pytest.mark.parametrize("path", ["../secret.yaml", "a/../../secret.yaml", "{root}/secret.yaml"])
def test_imports_cannot_leave_the_folder(tmp_path, path):
    (tmp_path / "secret.yaml").write_text("format: 1\nblocks: {b: {}}")
    written = path.replace("{root}", str(tmp_path))
    message = in_files(tmp_path, f"{HEAD}import: {{'{written}': [b]}}\nnodes: [use: b]")
    assert message == f"'{written}' leaves the folder of the model"


def test_imports_cannot_leave_the_folder_by_a_link(tmp_path):
    (tmp_path / "secret.yaml").write_text("format: 1\nblocks: {b: {}}")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    message = in_files(tmp_path, f"{HEAD}import: {{link.yaml: [b]}}\nnodes: [use: b]")
    assert message == "'link.yaml' leaves the folder of the model"


def test_imports_in_a_cycle(tmp_path):
    library = "format: 1\nimport: {%s.yaml: [b]}\nblocks: {}\n"
    files = {"a": library % "c", "c": library % "a"}
    message = in_files(tmp_path, f"{HEAD}import: {{a.yaml: [b]}}\nnodes: [use: b]", **files)
    assert message == "the files import each other: a.yaml -> c.yaml -> a.yaml"


def test_imports_without_end(tmp_path):
    files = {f"f{n}": f"format: 1\nimport: {{f{n + 1}.yaml: [b]}}\n" for n in range(2000)}
    message = in_files(tmp_path, f"{HEAD}import: {{f0.yaml: [b]}}\nnodes: [use: b]", **files)
    assert message == "imports are nested deeper than 20 files"


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/stdin", "../../../../etc/passwd"])
def test_imports_of_devices(tmp_path, path):
    message = in_files(tmp_path, f"{HEAD}import: {{'{path}': [b]}}\nnodes: [use: b]")
    assert message == f"'{path}' leaves the folder of the model"


@pytest.mark.parametrize("path", ["../labels.txt", "/etc/passwd", "link"])
def test_label_files_cannot_leave_the_folder(tmp_path, path):
    (tmp_path / "labels.txt").write_text("secret")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "link").symlink_to(tmp_path / "labels.txt")
    outputs = f"nodes: [{{relu: , id: a}}]\noutputs: {{a: {{node: a, labels: '{path}'}}}}"
    assert in_files(tmp_path, HEAD + outputs) == f"'{path}' leaves the folder of the model"


def test_a_label_file_of_a_gigabyte(tmp_path):
    (tmp_path / "models").mkdir()
    with (tmp_path / "models" / "many.txt").open("wb") as file:
        file.truncate(1 << 30)  # a hole: it takes no room on the disk
    outputs = "nodes: [{relu: , id: a}]\noutputs: {a: {node: a, labels: many.txt}}"
    message = in_files(tmp_path, HEAD + outputs)
    assert message == "the label file 'many.txt' is larger than 16,000,000 bytes"


@pytest.mark.parametrize("path", ["../w.npz", "/etc/passwd", "link.npz"])
def test_weight_files_cannot_leave_the_folder(tmp_path, path):
    np.savez(tmp_path / "w.npz", a=np.zeros(1))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "link.npz").symlink_to(tmp_path / "w.npz")
    message = in_files(tmp_path, f"{HEAD}nodes: [{{linear: 2}}]\nweights: {{file: '{path}'}}")
    assert message == f"'{path}' leaves the folder of the model"


def test_an_output_named_like_a_path_stays_in_the_folder():
    assert "cannot name an output" in refused(f"{HEAD}nodes: [relu]\noutputs: {{../../x: prev}}")


# ---------------------------------------------------------------- weights


@pytest.mark.parametrize("write", [zipped, older], ids=["zip", "older"])
@pytest.mark.parametrize("function", ["os.system", "builtins.eval", "posix.system", "nt.system"])
def test_a_pickle_that_would_run_code(tmp_path, write, function):
    call = dotted(function) + tuple_(text(f"touch {tmp_path}/pwned")) + b"R"
    message = bad_weights(write(tmp_path / "w.pth", call))
    assert f"its pickle names '{function}'" in message
    assert "nothing was executed" in message
    assert os.listdir(tmp_path) == ["w.pth"]


def test_an_npz_with_an_object_array(tmp_path):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "pwned"),)

    np.savez(tmp_path / "w.npz", a=np.array([Bomb()], dtype=object))
    assert "an array of Python objects" in bad_weights(tmp_path / "w.npz")
    assert os.listdir(tmp_path) == ["w.npz"]


def safetensors(path: Path, header: object, data: bytes = b"\0" * 8, length: int = -1) -> Path:
    """A file with any header, of any announced length."""
    inside = json.dumps(header).encode()
    announced = len(inside) if length < 0 else length
    path.write_bytes(announced.to_bytes(8, "little") + inside + data)
    return path


def entry(begin: int, end: int, *shape: int) -> dict[str, object]:
    return {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}


def test_safetensors_that_overlap(tmp_path):
    file = safetensors(tmp_path / "w.safetensors", {"a": entry(0, 8, 2), "b": entry(4, 8, 1)})
    assert "tensors 'a' and 'b' overlap" in bad_weights(file)


@pytest.mark.parametrize(("begin", "end"), [(0, 2**40), (2**62, 2**62 + 2**40), (-8, 2**40 - 8)])
def test_safetensors_outside_the_file(tmp_path, begin, end):
    file = safetensors(tmp_path / "w.safetensors", {"a": entry(begin, end, 2**38)})
    message = bad_weights(file)
    assert any(part in message for part in ("is cut off", "belong to no tensor", "needs data_offs"))


def test_a_safetensors_header_of_a_terabyte(tmp_path):
    file = safetensors(tmp_path / "w.safetensors", {}, length=10**12)
    assert "announces a header of 1000000000000 bytes" in bad_weights(file)


def zip_of(path: Path, member: str, size: int) -> Path:
    """An archive whose one member of zeros packs a thousand to one."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, bytes(size))
    return path


def declared(path: Path, size: int) -> Path:
    """The archive with another unpacked size in its directory."""
    body = bytearray(path.read_bytes())
    at = body.rindex(b"PK\x01\x02") + 24
    body[at : at + 4] = struct.pack("<I", size)
    path.write_bytes(body)
    return path


@pytest.mark.parametrize("ending", ["npz", "pth"])
def test_a_zip_bomb_that_lies_about_its_size(tmp_path, ending):
    member = {"npz": "a.npy", "pth": "archive/data.pkl"}[ending]
    file = declared(zip_of(tmp_path / f"w.{ending}", member, 1 << 20), 100)
    assert bad_weights(file)


@pytest.mark.parametrize("ending", ["npz", "pth"])
def test_a_zip_bomb_that_unpacks_to_terabytes(tmp_path, ending):
    member = {"npz": "%d.npy", "pth": "archive/data/%d"}[ending]
    with zipfile.ZipFile(tmp_path / f"w.{ending}", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(50):
            archive.writestr(member % number, bytes(1000))
    body = (tmp_path / f"w.{ending}").read_bytes()
    directory = body.index(b"PK\x01\x02")
    body = body[:directory] + re.sub(
        rb"(?s)(PK\x01\x02.{20})....", lambda m: m[1] + b"\xff\xff\xff\x7f", body[directory:]
    )
    (tmp_path / f"w.{ending}").write_bytes(body)
    assert "would unpack to 107374182350 bytes" in bad_weights(tmp_path / f"w.{ending}")


def test_an_npy_of_an_exabyte(tmp_path):
    head = b"{'descr': '<f8', 'fortran_order': False, 'shape': (144115188075855871,), }"
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
        size = len(head).to_bytes(2, "little")
        archive.writestr("a.npy", b"\x93NUMPY\x01\x00" + size + head + bytes(8))
    assert "declares float64 of shape [144115188075855871]" in bad_weights(tmp_path / "w.npz")


def test_zip_members_that_leave_the_folder(tmp_path):
    (tmp_path / "in").mkdir()
    with zipfile.ZipFile(tmp_path / "in" / "w.npz", "w") as archive:
        archive.writestr("../../pwned.npy", b"x")
        archive.writestr("/tmp/pwned.npy", b"x")
    assert bad_weights(tmp_path / "in" / "w.npz")
    assert os.listdir(tmp_path) == ["in"]


# ---------------------------------------------------------------- images


def png(path: Path, width: int, height: int, pixels: bytes) -> Path:
    """A grey picture that says any size of itself."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(pixels)), chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    return path


@pytest.mark.parametrize("sides", [(9000, 9000), (60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_a_decompression_bomb_in_a_picture(tmp_path, sides):
    message = bad_image(png(tmp_path / "x.png", *sides, bytes(10_000_000)))
    assert "too many pixels" in message


def test_a_decompression_bomb_in_the_text_of_a_picture(tmp_path):
    body = png(tmp_path / "x.png", 1, 1, b"\0\0").read_bytes()
    packed = b"Comment\0\0" + zlib.compress(bytes(200_000_000))
    chunk = struct.pack(">I", len(packed)) + b"zTXt" + packed
    chunk += struct.pack(">I", zlib.crc32(b"zTXt" + packed))
    (tmp_path / "x.png").write_bytes(body[:33] + chunk + body[33:])
    assert "x.png" in bad_image(tmp_path / "x.png")


def test_a_picture_that_would_start_another_program(tmp_path):
    (tmp_path / "x.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    assert "is not a picture that can be read" in bad_image(tmp_path / "x.png")
