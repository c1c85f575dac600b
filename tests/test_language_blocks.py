"""Blocks: patterns, arguments, outputs, what they see, and imports."""

from pathlib import Path

import pytest
from language import load, names, outputs, plain, plain_problems, problems, weights, wires

import framework as fw


def block(inputs: str, use: str, nodes: str = "[{identity: , in: x}]", more: str = "") -> str:
    """A model whose input x [B, 4] and y [B, 8] go to a block b."""
    return (
        f"dims: [B]\ninputs: {{x: [B, 4], y: [B, 8], m: {{shape: [B, B], dtype: bool}}}}\n"
        f"blocks:\n  b:\n    inputs: {inputs}\n    nodes: {nodes}\n{more}"
        f"nodes:\n  - {use}\n"
    )


# ---------------------------------------------------------------- patterns


def test_a_bare_name_in_a_pattern_binds():
    text = block("{x: [N, D]}", "{use: b, in: y}", "[{linear: 2*D}]")
    assert outputs(load(text)) == {"output": "[B, 16]"}


@pytest.mark.parametrize(
    ("inputs", "use", "found"),
    [
        ("{x: [N, 4]}", "{use: b, in: x}", []),
        ("{x: [N, 5]}", "{use: b, in: x}", ["'b' wants x: [N, 5]: 4 is never 5"]),
        ("{x: [N, D], y: [N, 2*D]}", "{use: b, in: [x, y]}", []),
        ("{x: [N, D], y: [N, D + 4]}", "{use: b, in: [x, y]}", []),
        ("{x: [N, D], y: [N, D]}", "{use: b, in: [x, y]}", ["'b' wants y: [N, D]: 8 is never 4"]),
        ("{x: [N, D, E]}", "{use: b, in: x}", ["'b' wants x: [N, D, E], got [B, 4]"]),
        ("{x: [N, N]}", "{use: b, in: x}", ["'b' wants x: [N, N]: 4 is not always B"]),
        ("{x: [..., D]}", "{use: b, in: x}", []),
        ("{x: [..., C, D, E]}", "{use: b, in: x}", ["'b' wants x: [..., C, D, E], got [B, 4]"]),
        ("{x: [..., D], y: [..., E]}", "{use: b, in: [x, y]}", []),
        ("{x: [..., D], y: [...]}", "{use: b, in: [x, y]}", ["'b' wants y: [...], got [B, 8]"]),
        (
            "{x: [N, ...], y: [N, ...]}",
            "{use: b, in: [x, y]}",
            ["'b' wants y: [N, ...]: 8 is never 4"],
        ),
        ("{x: {shape: [N, D], dtype: float32}}", "{use: b, in: x}", []),
        (
            "{x: {shape: [N, D], dtype: bool}}",
            "{use: b, in: x}",
            ["'b' wants x: [N, D] of bool, got float32"],
        ),
        (
            "{x: [..., ...]}",
            "{use: b, in: x}",
            ["... may stand once in a shape, here it stands 2 times"],
        ),
        ("{x: [N, 2*D]}", "{use: b, in: x}", ["unknown name 'D'"]),
        ("{x: [N, true]}", "{use: b, in: x}", ["expected a size, found true"]),
        ("{x: N}", "{use: b, in: x}", ["expected a list of sizes such as [B, 3, H, W], found 'N'"]),
    ],
)
def test_patterns_bind_names_and_check_the_rest(inputs, use, found):
    assert [p.partition(" ")[2] for p in problems(block(inputs, use))] == found


def test_a_pattern_may_say_an_argument():
    text = block("{x: [N, width]}", "{use: b, in: x, with: {width: 5}}").replace(
        "    inputs: {x: [N", "    args: {width: 4}\n    inputs: {x: [N"
    )
    assert problems(text) == ["10:18 'b' wants x: [N, width]: 4 is never 5"]


# ---------------------------------------------------------------- arguments


def test_arguments_are_computed_where_the_block_is_used():
    text = """
    args: {w: 3}
    inputs: {x: [2, 4]}
    blocks:
      b: {args: {out: int, k: 2*out}, let: {s: out + k}, inputs: {x: [N, D]}, nodes: [{linear: s}]}
    nodes: [{use: b, with: {out: w + 1}}, {use: b, with: {out: 1, k: 1}}]
    """
    assert weights(load(text)) == {
        "b.linear.weight": (12, 4),
        "b.linear.bias": (12,),
        "b_2.linear.weight": (2, 12),
        "b_2.linear.bias": (2,),
    }


def test_a_block_sees_none_of_the_names_of_its_user():
    text = (
        "args: {w: 3}\n"
        "inputs: {x: [2, 4]}\n"
        "blocks:\n"
        "  b: {inputs: {x: [N, D]}, nodes: [{linear: w}]}\n"
    )
    assert problems(text + "nodes: [{use: b}]") == ["5:45 unknown name 'w'"]


def test_a_symbolic_size_may_be_an_argument():
    text = "dims: [B]\ninputs: {x: [B, 4]}\nblocks:\n  b: {args: {n: int}, inputs: {x: [N, D]}, "
    text += "nodes: [{reshape: [2*n, 2]}]}\nnodes: [{use: b, with: {n: B}}]"
    assert outputs(load(text)) == {"output": "[2*B, 2]"}


NESTED = """
inputs: {x: [2, 4]}
args: {inner: {type: block, default: one}}
blocks:
  one: {args: {n: int}, inputs: {x: [N, D]}, nodes: [{linear: n}]}
  two: {inputs: {x: [N, D]}, nodes: [tanh]}
  middle: {args: {n: int, what: block}, inputs: {x: [N, D]}, nodes: [{use: what, with: {n: n}}]}
  outer:
    args: {what: block}
    inputs: {x: [N, D]}
    nodes: [{use: middle, with: {n: 7, what: what}}]
nodes: [{use: outer, with: {what: inner}}]
"""


def test_a_block_may_be_an_argument_through_several_levels():
    assert names(load(NESTED)) == ["outer.middle.one.linear"]
    assert outputs(load(NESTED)) == {"output": "[2, 7]"}


def test_a_chosen_block_ignores_arguments_that_it_does_not_declare():
    assert names(load(NESTED, inner="two")) == ["outer.middle.two.tanh"]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("{n: 3}", []),
        ("{m: 3}", ["there is no argument 'm'"]),
        ("{}", ["block 'b' needs the argument 'n'"]),
        ("{n: big}", ["unknown name 'big'"]),
        ("{n: 2.5}", ["expected a whole number, found 2.5"]),
        ("{n: [3]}", ["the argument 'n' must be a number or a word, found a list"]),
        ("{n: }", ["the argument 'n' must be a number or a word, found nothing"]),
        ("{n: 3, f: no}", ["expected true or false"]),
        ("{n: 3, c: d}", ["there is no block 'd'"]),
        ("3", ["with: is a mapping, found '3'"]),
    ],
)
def test_arguments_of_a_block_are_checked(given, found):
    text = "blocks:\n  b:\n    args: {n: int, f: true, c: {type: block, default: e}}\n"
    text += "    inputs: {x: [N, D]}\n    nodes: [{linear: {out: n, bias: f}}, {use: c}]\n"
    text += "  e: {inputs: {x: [N, D]}, nodes: [relu]}\n"
    text += f"nodes: [{{use: b, with: {given}}}]"
    assert [p.partition(" ")[2] for p in plain_problems(text)] == found


# ---------------------------------------------------------------- outputs


def test_a_block_gives_its_last_node_or_what_it_declares():
    nodes = "[{tanh: , id: t}, {relu: , id: r}]"
    assert wires(load(block("{x: [N, D]}", "{use: b, in: x}\n  - exp", nodes)), "exp") == {
        "x": "b.r"
    }
    more = "    outputs: {first: t, second: r}\n"
    use = "{use: b, in: x, id: q}\n  - sub:\n    in: [q.second, q]"
    model = load(block("{x: [N, D]}", use, nodes, more))
    assert wires(model, "sub") == {"a": "q.r", "b": "q.t"}


def test_a_dot_does_not_reach_inside_a_block():
    nodes = "[{tanh: , id: t}, relu]"
    found = problems(block("{x: [N, D]}", "{use: b, in: x, id: q}\n  - exp:\n    in: q.t", nodes))
    assert found == ["11:9 'q' has no output 't'"]


def test_a_block_may_give_its_input_back():
    model = load(block("{x: [N, D]}", "{use: b, in: x}\n  - exp", "[]", "    outputs: {y: x}\n"))
    assert wires(model, "exp") == {"x": "x"}


# ---------------------------------------------------------------- requirements, recursion


def test_a_requirement_of_a_block_is_demanded_where_it_is_used():
    text = (
        "dims: [B]\n"
        "inputs: {x: [B, 4]}\n"
        "blocks:\n"
        "  b: {require: [N % 2 == 0], inputs: {x: [N, D]}, nodes: [relu]}\n"
    )
    found = problems(text + "nodes: [{use: b}]")
    assert found == ["5:17 required: N % 2 == 0: B is not always divisible by 2"]
    assert problems(text.replace("[B]\ni", "{B: {multiple_of: 2}}\ni") + "nodes: [{use: b}]") == []


def test_an_unused_block_is_checked_for_names_but_not_for_shapes():
    text = (
        "blocks:\n"
        "  b: {inputs: {x: [N]}, nodes: [{conv: {out: w, kernel: 1, colour: 3}}, {relu: , "
        "in: y}, {use: c}]}\n"
    )
    found = plain_problems(text + "nodes: [relu]")
    assert [p.partition(" ")[2] for p in found] == [
        "conv has no attribute 'colour'",
        "nothing here is called 'y'",
        "there is no block 'c'",
    ]
    shapeless = "blocks:\n  b: {inputs: {x: [N]}, nodes: [{conv: {out: 1, kernel: 1}}]}\n"
    assert plain_problems(shapeless + "nodes: [relu]") == []


def test_a_block_may_use_itself_until_a_condition_ends_it():
    text = (
        "blocks:\n"
        "  b: {args: {n: int}, inputs: {x: [N, D]}, nodes: [relu, {use: b, with: {n: n - 1}, "
        "when: n > 1}]}\n"
    )
    model = plain(text + "nodes: [{use: b, with: {n: 3}}]")
    assert names(model) == ["b.relu", "b.b.relu", "b.b.b.relu"]


def test_blocks_that_use_themselves_without_end_are_one_mistake():
    text = (
        "blocks:\n"
        "  b: {inputs: {x: [N, D]}, nodes: [{use: b, in: x, id: p}, {use: b, in: x}, {add: , "
        "in: [p, prev]}]}\n"
    )
    found = plain_problems(text + "nodes: [{use: b}]")
    assert found == ["5:42 the block uses itself without end: b -> b"]


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("3", ["block 'b' must be a mapping, found '3'"]),
        ("{nodes: [relu]}", ["block 'b' has no inputs"]),
        ("{inputs: {x: [N, M]}}", ["block 'b' has no nodes"]),
        (
            "{inputs: {x: [N, M]}, nodes: [{linear: n}], sizes: {n: 3}}",
            ["block 'b' has no key 'sizes'"],
        ),
        ("{inputs: {x: [N, M]}, nodes: [relu], dims: [K]}", ["block 'b' has no key 'dims'"]),
        (
            "{inputs: {x: }, nodes: [relu]}",
            ["expected a list of sizes such as [B, 3, H, W], found nothing"],
        ),
    ],
)
def test_users_of_a_broken_block_stay_silent(written, found):
    text = f"blocks: {{b: {written}}}\nnodes: [{{use: b, in: {{x: x}}}}]"
    assert [p.partition(" ")[2] for p in plain_problems(text)] == found


# ---------------------------------------------------------------- imports

MODEL = "format: 1\nimport: {IMPORT}\ndims: [B]\ninputs: {x: [B, 4]}\nnodes: [{use: mlp}]\n"
LIBRARY = """format: 1
blocks:
  mlp: {inputs: {x: [N, D]}, nodes: [{use: layer}, {use: layer}]}
  layer: {inputs: {x: [N, D]}, nodes: [{linear: D}]}
"""


def model_in(folder: Path, imported: str, **files: str) -> Path:
    """A model file that imports, and further files beside it (``a__b`` is a/b.yaml)."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    path = folder / "model.yaml"
    path.write_text(MODEL.replace("IMPORT", imported), encoding="utf-8")
    return path


def checked(path: Path) -> list[str]:
    """``file:line:column fact`` of each problem."""
    return [
        f"{Path(p.place.source.name).name}:{p.place.line}:{p.place.column} {p.fact}"
        for p in fw.check(path)
        if p.place is not None
    ]


def test_blocks_are_imported_and_see_the_blocks_of_their_own_file(tmp_path):
    model = fw.load(model_in(tmp_path, "blocks/lib.yaml: [mlp]", blocks__lib=LIBRARY))
    assert names(model) == ["mlp.layer.linear", "mlp.layer_2.linear"]


def test_an_imported_block_does_not_bring_its_neighbours(tmp_path):
    path = model_in(tmp_path, "lib.yaml: [mlp]", lib=LIBRARY)
    text = path.read_text(encoding="utf-8").replace("{use: mlp}", "{use: mlp}, {use: layer}")
    path.write_text(text, encoding="utf-8")
    assert checked(path) == ["model.yaml:5:27 there is no block 'layer'"]


def test_imports_may_be_nested_each_relative_to_its_own_file(tmp_path):
    library = LIBRARY.replace("blocks:", "import: {../base/base.yaml: layer}\nblocks:")
    library = library[: library.index("  layer: ")]
    base = "format: 1\nblocks:\n  layer: {inputs: {x: [N, D]}, nodes: [tanh]}\n"
    path = model_in(tmp_path, "blocks/lib.yaml: mlp", blocks__lib=library, base__base=base)
    assert names(fw.load(path)) == ["mlp.layer.tanh", "mlp.layer_2.tanh"]


def test_a_whole_model_may_be_imported_from(tmp_path):
    other = LIBRARY + "inputs: {x: [2]}\nnodes: [relu]\n"
    assert len(names(fw.load(model_in(tmp_path, "lib.yaml: [mlp]", lib=other)))) == 2


def test_files_that_import_each_other_are_a_cycle(tmp_path):
    one = LIBRARY.replace("blocks:", "import: {two.yaml: [b]}\nblocks:")
    two = "format: 1\nimport: {one.yaml: [mlp]}\nblocks:\n  b: {inputs: {x: [N]}, nodes: [relu]}\n"
    found = checked(model_in(tmp_path, "one.yaml: [mlp]", one=one, two=two))
    fact = "the files import each other: one.yaml -> two.yaml -> one.yaml"
    assert found == [f"two.yaml:2:10 {fact}"]


@pytest.mark.parametrize(
    ("imported", "found"),
    [
        ("../lib.yaml: [mlp]", ["model.yaml:2:10 '../lib.yaml' leaves the folder of the model"]),
        ("/etc/passwd: [mlp]", ["model.yaml:2:10 '/etc/passwd' leaves the folder of the model"]),
        ("lib.yaml: [mlp, blk]", ["model.yaml:2:26 LIB has no block 'blk'"]),
        ("lib.yaml: [mpl]", ["model.yaml:2:21 LIB has no block 'mpl'"]),
        ("lib.yaml: [mlp, [a]]", ["model.yaml:2:26 expected the name of a block, found a list"]),
        ("lib.yaml: [mlp, mlp]", ["model.yaml:2:26 'mlp' is imported twice"]),
    ],
)
def test_an_import_that_cannot_be(tmp_path, imported, found):
    path = model_in(tmp_path, imported, lib=LIBRARY)
    assert checked(path) == [text.replace("LIB", str(tmp_path / "lib.yaml")) for text in found]


def test_a_file_that_is_not_there_is_one_mistake(tmp_path):
    (found,) = checked(model_in(tmp_path, "lib.yaml: [mlp]"))
    assert found.startswith("model.yaml:2:10 there is no file or folder")


def test_a_link_does_not_lead_out_of_the_folder(tmp_path):
    (tmp_path / "inside").mkdir()
    (tmp_path / "secret.yaml").write_text(LIBRARY, encoding="utf-8")
    (tmp_path / "inside" / "lib.yaml").symlink_to(tmp_path / "secret.yaml")
    found = checked(model_in(tmp_path / "inside", "lib.yaml: [mlp]"))
    assert found == ["model.yaml:2:10 'lib.yaml' leaves the folder of the model"]


def test_a_mistake_in_an_imported_file_is_shown_there(tmp_path):
    path = model_in(tmp_path, "lib.yaml: [mlp]", lib=LIBRARY.replace("linear: D", "linaer: D"))
    assert checked(path) == ["lib.yaml:4:41 there is no operator 'linaer'"]


def test_a_block_is_imported_or_written_not_both(tmp_path):
    path = model_in(tmp_path, "lib.yaml: [mlp]", lib=LIBRARY)
    own = "blocks: {mlp: {inputs: {x: [N, D]}, nodes: [relu]}}\n"
    path.write_text(path.read_text(encoding="utf-8") + own, encoding="utf-8")
    assert checked(path) == ["model.yaml:6:10 'mlp' is imported and written here, too"]


def test_a_model_that_is_not_in_a_file_cannot_import():
    found = problems("import: {lib.yaml: [b]}\ninputs: {x: [2]}\nnodes: [relu]")
    assert found == ["2:10 a model that is not in a file cannot import 'lib.yaml'"]
