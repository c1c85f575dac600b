"""Known attacks on readers of models, weights and images: one named test each.

Nothing here may execute anything, leave the model's folder, fill the memory, take longer than a
second, or say to a terminal or a page anything but text.
"""

from __future__ import annotations

import ast
import html.parser
import io
import json
import os
import re
import struct
import time
import xml.etree.ElementTree as ElementTree
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import yaml
from language import found
from PIL import Image
from test_torchfile import name as dotted
from test_torchfile import older, text, tuple_, zipped

import framework as fw
from framework.cli import main
from framework.runtime.images import ImageRecipe
from framework.runtime.weightfiles import read_weights
from framework.spec.write import write

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


# ---------------------------------------------------------------- names that could escape

EVIL = [
    '"><script>alert(1)</script>',
    "</text></svg><script>alert(1)</script>",
    "';touch pwned;'",
    "$(touch pwned)",
    "`touch pwned`",
    '"]; evil [label="x',
    "\\input{/etc/passwd}",
    "\\write18{touch pwned}",
    "${7*7}{{7*7}}%s",
    "x\n- evil: 1\nformat: 2",
    '"""\nimport os; os.system("touch pwned")\n"""',
    "--output=/tmp/pwned",
    "*a &b !c %d @e #f",
    "]]><!--",
    "\x1b]0;pwned\x07\x1b[2J\x1b[31m",
    "gnp.exe \u202egpj.cod\u2066",
    "\0\x08\x7f\x9b31m",
]


def evil_model(words: str) -> fw.Model:
    """A model with these words wherever free text may stand."""
    quoted = json.dumps(words)
    return fw.loads(
        f"format: 1\nname: {quoted}\ndoc: {quoted}\n"
        f"dims: {{B: {{doc: {quoted}, example: 2}}}}\n"
        f"inputs: {{x: {{shape: [B, 4], doc: {quoted}}}}}\n"
        f"blocks: {{b: {{doc: {quoted}, inputs: {{x: [N, C]}}, nodes: [linear: 4, relu]}}}}\n"
        f"nodes: [{{use: b, id: part, doc: {quoted}}}, {{linear: 2, doc: {quoted}}}]\n"
        f"outputs: {{y: {{node: prev, doc: {quoted}}}}}\n"
        f"draw: {{title: {quoted}, titles: {{part: {quoted}}}}}\n"
    )


def drawn(words: str, folder: Path, suffix: str) -> str:
    """The text of a figure of that model."""
    evil_model(words).draw(folder / f"figure{suffix}")
    assert os.listdir(folder) == [f"figure{suffix}"]
    return (folder / f"figure{suffix}").read_text(encoding="utf-8")


@pytest.mark.parametrize("word", ["a b", "a;b", "../x", "a.b", "a<b", 'a"b', "a\\b", "$x", "-x"])
def test_names_are_letters_digits_and_underscores(word):
    quoted = json.dumps(word)
    assert "cannot be an id" in refused(f"{HEAD}nodes: [{{relu: , id: {quoted}}}]")
    for section in ("dims", "args", "let", "inputs", "blocks", "outputs"):
        problems = found(f"format: 1\n{section}: {{{quoted}: {{}}}}\nnodes: [relu]")
        assert any("cannot name" in problem for problem in problems)


@pytest.mark.parametrize("words", EVIL)
def test_words_cannot_escape_into_svg(tmp_path, words):
    tree = ElementTree.fromstring(drawn(words, tmp_path, ".svg"))
    names = {element.tag.rpartition("}")[2] for element in tree.iter()}
    assert "script" not in names
    assert not any(key.startswith("on") for element in tree.iter() for key in element.attrib)


class Scripts(html.parser.HTMLParser):
    """Counts elements of a page that could run something."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [tag] if tag in ("script", "iframe", "object", "embed") else []
        self.found += [key for key, _ in attrs if key.startswith("on")]


@pytest.mark.parametrize("words", EVIL)
def test_words_cannot_escape_into_html(tmp_path, words):
    page, plain = Scripts(), Scripts()
    page.feed(drawn(words, tmp_path, ".html"))
    (tmp_path / "figure.html").unlink()
    plain.feed(drawn("plain", tmp_path, ".html"))
    assert page.found == plain.found


@pytest.mark.parametrize("words", EVIL)
def test_words_cannot_escape_into_dot(tmp_path, words):
    text = drawn(words, tmp_path, ".dot")
    outside = re.sub(r'"(?:[^"\\]|\\.)*"', '""', text)
    plain = re.sub(r'"(?:[^"\\]|\\.)*"', '""', drawn_again(tmp_path, ".dot"))
    assert sorted(set(re.findall(r"\w+", outside))) == sorted(set(re.findall(r"\w+", plain)))


def drawn_again(folder: Path, suffix: str) -> str:
    """The same figure with a harmless word."""
    (folder / f"figure{suffix}").unlink()
    return drawn("plain", folder, suffix)


@pytest.mark.parametrize("words", EVIL)
def test_words_cannot_escape_into_tikz(tmp_path, words):
    commands = set(re.findall(r"\\[A-Za-z]+", drawn(words, tmp_path, ".tex")))
    assert commands.isdisjoint(
        {"\\input", "\\write", "\\include", "\\def", "\\immediate", "\\read"}
    )


@pytest.mark.parametrize("words", EVIL)
def test_words_cannot_escape_into_mermaid(tmp_path, words):
    text = drawn(words, tmp_path, ".mmd")
    assert "<script" not in text
    assert "click" not in text


@pytest.mark.parametrize("words", EVIL)
def test_words_cannot_escape_into_python(tmp_path, words):
    evil_model(words).export(tmp_path / "net.py")
    tree = ast.parse((tmp_path / "net.py").read_text(encoding="utf-8"))
    imported = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    assert imported <= {"torch", "torch.nn.functional", "math"}
    assert not any(isinstance(n, ast.Attribute) and n.attr == "system" for n in ast.walk(tree))


@pytest.mark.parametrize("words", EVIL)
def test_words_cannot_escape_into_yaml(words):
    graph = evil_model(words).ir
    written = write(graph, doc=graph.doc).text
    assert yaml.safe_load(written)["format"] == 1
    assert fw.loads(written).outputs.keys() == {"y"}


@pytest.mark.parametrize("words", EVIL)
def test_words_cannot_command_a_terminal(tmp_path, capsys, words):
    path = tmp_path / "m.yaml"
    quoted = json.dumps(words)
    path.write_text(f"{HEAD}name: {quoted}\ndoc: {quoted}\nnodes: [{{{quoted}: 1}}, {quoted}]")
    main(["check", str(path)])
    path.write_text(f"{HEAD}name: {quoted}\ndoc: {quoted}\nnodes: [relu]")
    assert main(["check", str(path)]) == main(["shapes", str(path)]) == 0
    assert controls(capsys.readouterr()) == []


def controls(captured: pytest.CaptureFixture[str]) -> list[str]:
    """What a terminal would obey, in stdout and stderr."""
    both = captured.out + captured.err
    return re.findall("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", both)


def test_file_names_cannot_command_a_terminal(tmp_path, capsys):
    for command in (["check"], ["run"], ["shapes"], ["fmt"]):
        main([*command, str(tmp_path / "\x1b[2J\u202elmay.yaml")])
    main(["check", "vit", "--set", "\x1b[2J=3"])
    main(["\x1b[2J"])
    assert controls(capsys.readouterr()) == []


def test_names_in_weight_files_cannot_command_a_terminal(tmp_path, capsys):
    np.savez(tmp_path / "w.npz", **{"\x1b[2Ja": np.zeros(1)})
    main(["run", "lenet_vgg", "--weights", str(tmp_path / "w.npz")])
    assert controls(capsys.readouterr()) == []


@pytest.mark.parametrize("character", "\0\x07\x08\x1b\x7f\x9b\u2028\u202e\u2066\ufeff")
def test_control_characters_and_changes_of_direction_in_a_file(character):
    assert "is not allowed" in refused(f"{HEAD}nodes: [relu]  # a {character} b")


def test_file_names_cannot_escape_into_a_shell(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    evil = "$(touch pwned);`touch pwned`.png"
    Image.new("RGB", (4, 4)).save(tmp_path / "x.png")
    os.rename(tmp_path / "x.png", tmp_path / evil)
    text = "format: 1\ninputs: {x: {shape: [1, 3, 4, 4], from: image}}\nnodes: [relu]"
    assert fw.loads(text).run(x=evil)["output"].shape == (1, 3, 4, 4)
    assert os.listdir(tmp_path) == [evil]


def test_an_archive_of_nothing_but_names(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("\x1b[2J\n../x.npy", b"")
    (tmp_path / "w.npz").write_bytes(buffer.getvalue())
    assert "\x1b" not in bad_weights(tmp_path / "w.npz")
