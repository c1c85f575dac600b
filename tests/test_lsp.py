"""The language server, spoken to over stdio as an editor does."""

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

pytest.importorskip("pygls", reason="the language server needs pygls")

from hypothesis import given, settings
from hypothesis import strategies as st

import framework as fw
from framework.cli import main
from framework.tools.lsp.analysis import analyse
from framework.tools.lsp.complete import choices
from framework.tools.lsp.context import context

ROOT = Path(__file__).parent.parent
GRAPHS = sorted((ROOT / "graphs").glob("*.yaml"))
MODEL = dedent(
    """\
    format: 1
    args: {width: 8}
    dims: {B: {doc: batch, example: 2}}
    inputs: {x: [B, 4]}
    blocks:
      mlp:
        args: {out: int}
        inputs: {x: [N, D], y: [N, D]}
        nodes:
          - linear: out
            in: x
            id: wide
          - relu
    nodes:
      - linear: width
        id: é   # no id, a mistake
      - linear: width
        id: head
      - use: mlp
        with: {out: 4}
        in: {x: head, y: head}
        id: last
      - add:
        in: [last, x]
        id: sum
      - linear: width
        in: head
        share: head
        id: again
    outputs: {y: sum, z: again}
    draw: {titles: {head: The head, last.wide: Inside}}
    """
)
GOOD = MODEL.replace("    id: é   # no id, a mistake\n", "")


class Client:
    """Speaks JSON-RPC with a server."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "framework", "lsp"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe)
        self.number = 0
        self.notes: list[dict] = []

    def send(self, message: dict) -> None:
        data = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(data) + data)
        self.process.stdin.flush()

    def receive(self) -> dict:
        length = 0
        while (line := self.process.stdout.readline()) not in (b"\r\n", b""):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return json.loads(self.process.stdout.read(length))

    def ask(self, method: str, **params: object) -> dict:
        """The whole answer to a request."""
        self.number += 1
        self.send({"id": self.number, "method": method, "params": params})
        while (answer := self.receive()).get("id") != self.number:
            self.notes.append(answer)
        return answer

    def tell(self, method: str, **params: object) -> None:
        self.send({"method": method, "params": params})

    def diagnostics(self) -> list[dict]:
        """The next mistakes that the server publishes."""
        while True:
            note = self.notes.pop(0) if self.notes else self.receive()
            if note.get("method") == "textDocument/publishDiagnostics":
                return note["params"]["diagnostics"]

    def open(self, text: str, uri: str = "file:///tmp/m.yaml") -> list[dict]:
        """Open a text, or open it anew."""
        item = {"uri": uri, "languageId": "yaml", "version": self.number, "text": text}
        self.notes.clear()
        self.tell("textDocument/didOpen", textDocument=item)
        return self.diagnostics()

    def at(self, method: str, mark: str, offset: int = 0, **more: object) -> object:
        """The answer to a question about the place of a mark in the text last opened."""
        before = self.text[: self.text.index(mark) + offset]
        place = {"line": before.count("\n"), "character": len(before) - before.rfind("\n") - 1}
        document = {"uri": "file:///tmp/m.yaml"}
        answer = self.ask(f"textDocument/{method}", textDocument=document, position=place, **more)
        return answer.get("result", answer.get("error"))


@pytest.fixture(scope="module")
def server():
    """A running server."""
    client = Client()
    client.ask("initialize", processId=None, rootUri=None, capabilities={})
    client.tell("initialized")
    yield client
    client.ask("shutdown")
    client.tell("exit")
    client.process.stdin.close()
    client.process.stdout.close()
    assert client.process.wait(20) == 0


@pytest.fixture
def client(server):
    """The server with the good model open."""
    server.text = GOOD
    assert server.open(GOOD) == []
    return server


def labels(answer: dict) -> list[str]:
    """The words of a completion."""
    return [item["label"] for item in answer["items"]]


def span(one: dict) -> tuple[int, int, int]:
    """Line, first and last column of a range."""
    return one["start"]["line"], one["start"]["character"], one["end"]["character"]


# ---------------------------------------------------------------- through the protocol


def test_a_mistake_is_shown_at_its_place(server):
    (found,) = server.open(MODEL)
    assert (found["code"], span(found["range"])) == ("id", (15, 8, 9))
    assert found["message"].startswith("'é' cannot be an id")


def test_mistakes_follow_the_typing(client):
    change = [{"text": GOOD.replace("- relu", "- rleu")}]
    document = {"uri": "file:///tmp/m.yaml", "version": 1000}
    client.tell("textDocument/didChange", textDocument=document, contentChanges=change)
    (found,) = client.diagnostics()
    assert (found["code"], span(found["range"])) == ("unknown-operator", (12, 8, 12))


def test_a_text_that_is_no_yaml_is_a_mistake_and_not_an_end(client):
    assert client.open("format: 1\nnodes: [{conv\n")[0]["code"] == "yaml"
    assert client.open(GOOD) == []


def test_another_yaml_file_is_left_alone(server):
    assert server.open("services: {web: {image: nginx}}\n", "file:///tmp/compose.yaml") == []


def test_columns_are_counted_as_the_editor_does(server):
    found = server.open('format: 1\ninputs: {x: [2]}\nnodes: ["𝄞𝄞", b]\n')
    assert [span(one["range"]) for one in found] == [(2, 8, 14), (2, 16, 17)]


def test_hover_on_an_operator_shows_shape_and_formula(client):
    told = client.at("hover", "linear: width", 2)["contents"]["value"]
    assert told.startswith("`float32[B, 8]`\n\n**linear** – ")
    assert "`out` – whole number, required" in told


def test_hover_on_a_reference_shows_the_node(client):
    told = client.at("hover", "head, y: head", 1)["contents"]["value"]
    assert told == "**head** – node\n\n`float32[B, 8]`\n\n```yaml\nid: head\n```"


@pytest.mark.parametrize(
    ("mark", "offset", "expected"),
    [
        ("width\n", 1, (1, 7, 12)),
        ("last, x", 1, (20, 8, 12)),
        ("last, x", 6, (3, 9, 10)),
        ("mlp\n    with", 1, (5, 2, 5)),
        ("out: 4", 1, (6, 11, 14)),
        ("last.wide", 6, (11, 12, 16)),
    ],
)
def test_a_definition_is_found(client, mark, offset, expected):
    found = client.at("definition", mark, offset)
    assert span(found["range"]) == expected


def test_the_definition_of_an_imported_block_is_in_the_other_file(server, tmp_path):
    (tmp_path / "b.yaml").write_text(
        "format: 1\nblocks:\n  b:\n    inputs: {x: [N]}\n    nodes: [relu]\n"
    )
    text = "format: 1\nimport: {b.yaml: [b]}\ninputs: {x: [2]}\nnodes:\n  - use: b\n"
    uri = (tmp_path / "a.yaml").as_uri()
    assert server.open(text, uri) == []
    place = {"line": 4, "character": 9}
    answer = server.ask("textDocument/definition", textDocument={"uri": uri}, position=place)
    assert answer["result"]["uri"] == (tmp_path / "b.yaml").as_uri()
    assert answer["result"]["range"]["start"]["line"] == 2


def test_renaming_changes_every_reference_and_nothing_else(client):
    found = client.at("rename", "id: head", 4, newName="base")
    edits = found["changes"]["file:///tmp/m.yaml"]
    lines = GOOD.split("\n")
    for edit in sorted(edits, key=lambda e: span(e["range"]), reverse=True):
        line, start, end = span(edit["range"])
        lines[line] = lines[line][:start] + edit["newText"] + lines[line][end:]
    assert "\n".join(lines) == GOOD.replace("head", "base").replace("The base", "The head")
    assert client.open("\n".join(lines)) == []


@pytest.mark.parametrize(("name", "why"), [("sum", "another node"), ("a b", "cannot be an id")])
def test_a_name_that_cannot_be_is_refused(client, name, why):
    assert why in client.at("rename", "id: head", 4, newName=name)["message"]


def test_what_is_no_id_is_not_renamed(client):
    assert client.at("prepareRename", "linear: width", 2) is None
    assert "only ids" in client.at("rename", "linear: width", 2, newName="a")["message"]


def test_completion_in_a_text_that_does_not_parse(client):
    client.text = GOOD + "nodes:\n  - conv: {out: 3, ke"
    assert client.open(client.text) != []
    found = client.at("completion", "3, ke", 5)
    (kernel,) = [item for item in found["items"] if item["label"] == "kernel"]
    assert kernel["detail"] == "required"
    assert kernel["textEdit"]["newText"] == "kernel: "
    assert span(kernel["textEdit"]["range"])[1:] == (19, 21)
    assert "out" not in labels(found)


def test_formatting_is_that_of_fmt(client):
    client.open("format:   1\nname: a\n")
    options = {"tabSize": 2, "insertSpaces": True}
    document = {"uri": "file:///tmp/m.yaml"}
    answer = client.ask("textDocument/formatting", textDocument=document, options=options)
    assert answer["result"][0]["newText"] == "format: 1\nname: a\n"


def test_the_command_names_the_package_that_is_missing(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pygls", None)
    monkeypatch.delitem(sys.modules, "framework.tools.lsp.server", raising=False)
    assert main(["lsp"]) == 2
    assert "pip install pygls" in capsys.readouterr().err


# ---------------------------------------------------------------- completion by lines


def complete(text: str) -> list[str]:
    """The words that fit at the | in a text."""
    before, after = text.split("|")
    lines = before.split("\n")
    return [c.label for c in choices(context(before + after, len(lines) - 1, len(lines[-1])))]


BLOCK = GOOD[: GOOD.index("nodes:\n  - linear: width")]


@pytest.mark.parametrize(
    ("text", "some", "none"),
    [
        ("fo|", ["format", "nodes", "draw"], ["conv"]),
        ("nodes:\n  - co|", ["conv", "use", "residual"], ["in", "id"]),
        ("nodes:\n  - conv: {out: 1}\n    |", ["in", "id", "when"], ["conv", "with"]),
        ("nodes:\n  - conv:\n      out: 1\n      |", ["kernel", "pad"], ["out", "id"]),
        ("nodes:\n  - conv: {bias: |", ["true", "false"], ["out", "width"]),
        ("nodes:\n  - conv: {pad: |}", ["same_upper"], ["true"]),
        ("nodes:\n  - positional: {kind: |", ["learned", "sinusoidal"], ["B"]),
        ("args: {w: 3}\nnodes:\n  - linear: |", ["w", "ceildiv"], ["linear"]),
        ("dims: [B, T]\ninputs: {x: [|", ["B", "T"], ["x"]),
        ("inputs: {x: {dtype: |", ["int64", "bool"], ["B"]),
        ("args:\n  a: {type: |", ["int", "block"], ["a"]),
        ("outputs: {y: {|", ["node", "labels"], ["conv"]),
        ("nodes:\n  - {relu: , id: a}\n  - add:\n    in: [|", ["a", "prev"], ["relu"]),
        ("nodes:\n  - {relu: , id: a}\noutputs: {y: |", ["a"], ["prev"]),
        ("nodes:\n  - {linear: 3, id: a}\n  - linear: 3\n    share: |", ["a", "copies"], ["prev"]),
        ("nodes:\n  - matmul:\n    in: {|", ["a", "b"], ["prev"]),
        ("nodes:\n  - residual:\n      b|", ["body", "skip", "of"], ["conv"]),
        ("nodes:\n  - linear: {out: 1}\n    init: |", ["he_normal"], ["prev"]),
        ("draw:\n  |", ["title", "panels"], ["conv"]),
        (f"{BLOCK}nodes:\n  - use: |", ["mlp"], ["conv"]),
        (f"{BLOCK}nodes:\n  - use: mlp\n    with: {{|", ["out"], ["width"]),
        (f"{BLOCK}nodes:\n  - use: mlp\n    with: {{out: |", ["width", "B"], ["out"]),
        (f"{BLOCK}nodes:\n  - use: mlp\n    in: {{|", ["x", "y"], ["prev"]),
        (f"{BLOCK}      - linear: |", ["out", "N", "D"], ["width", "B"]),
        (f"{BLOCK}      - add:\n        in: |", ["wide", "x", "y"], ["head"]),
    ],
)  # fmt: skip
def test_completion_knows_the_place(text, some, none):
    found = complete(text)
    assert set(some) <= set(found)
    assert not set(none) & set(found)


def test_a_choice_explains_itself():
    text = "nodes:\n  - conv: {"
    found = {c.label: c for c in choices(context(text, 1, 11))}
    assert (found["bias"].detail, found["out"].detail) == ("default true", "required")


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(GRAPHS), st.data())
def test_no_half_typed_text_is_too_much(path, data):
    text = path.read_text("utf-8")
    cut = data.draw(st.integers(0, len(text)))
    torn = text[:cut] + data.draw(
        st.sampled_from(["", "{", "- ", "[a, ", ": ", "'", "\n  x", "\t"])
    )
    lines = torn.split("\n")
    assert isinstance(choices(context(torn, len(lines) - 1, len(lines[-1]))), list)
    assert analyse(torn, None).source.text == torn


@pytest.mark.parametrize("path", GRAPHS, ids=lambda p: p.stem)
def test_names_stand_where_they_are_said_to(path):
    found = analyse(path.read_text("utf-8"), path)
    assert found.problems == ()
    for one in found.names.found:
        line = found.source.line(one.place.line)
        assert line[one.place.column - 1 :].startswith(one.name)


@pytest.mark.parametrize("path", GRAPHS, ids=lambda p: p.stem)
def test_a_model_with_renamed_ids_is_the_same_model(path):
    text = path.read_text("utf-8")
    names = analyse(text, path).names
    ids = [o for o in names.found if o.kind == "id" and (o.scope, o.name) in names.words]
    lines = text.split("\n")
    for one in sorted(set(ids), key=lambda o: (o.place.line, -o.place.column)):
        line, start = lines[one.place.line - 1], one.place.column - 1
        lines[one.place.line - 1] = f"{line[:start]}{one.name}_new{line[start + len(one.name) :]}"
    again = analyse("\n".join(lines), path)
    assert [str(problem) for problem in again.problems] == []
    assert len(again.graph) == len(fw.load(path).ir)
