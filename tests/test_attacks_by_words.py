"""Known attacks by words: names and texts that could escape into what is written or shown.

A shell, a path, SVG, HTML, DOT, TikZ, Mermaid, Python, YAML and a terminal; the attacks on the
readers themselves are in test_attacks.py.
"""

from __future__ import annotations

import ast
import html.parser
import io
import json
import os
import re
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from language import found
from PIL import Image
from test_attacks import HEAD, bad_weights, refused

import framework as fw
from framework.cli import main
from framework.spec.write import write

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
