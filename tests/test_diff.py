"""`diff`: what changed between two models, and nothing else."""

import json
import re
from pathlib import Path

import pytest

import framework as fw
from framework.cli import main
from framework.tools.diff import Difference, compare

GRAPHS = Path(__file__).parent.parent / "graphs"
HEAD = "format: 1\nname: m\ndims: [B]\ninputs: {x: [B, 4]}\nnodes:\n"
MLP = "  - linear: 8\n  - relu\n  - linear: 16\n  - relu\n  - linear: 8\n"


def model(nodes: str) -> fw.Model:
    """A model with the input x [B, 4]."""
    return fw.loads(HEAD + nodes)


def diff(before: str, after: str) -> Difference:
    """The difference of two lists of nodes."""
    return compare(model(before).ir, model(after).ir)


def names(parts: object) -> list[str]:
    """Names of parts or changes."""
    return [part.name for part in parts]


def changes(found: Difference) -> list[str]:
    """What was changed on purpose."""
    return [str(change) for change in found.changed if not change.follows]


@pytest.mark.parametrize("path", sorted(GRAPHS.glob("*.yaml")), ids=lambda p: p.stem)
def test_a_model_does_not_differ_from_itself(path):
    found = compare(fw.load(path).ir, fw.load(path).ir)
    assert found.same
    assert str(found).endswith("no difference")


def test_an_attribute_that_changed_is_one_line_and_the_shapes_follow():
    found = diff(MLP, MLP.replace("16", "32"))
    assert changes(found) == ["linear_2: out 16 -> 32, shape [B, 16] -> [B, 32]"]
    assert names(c for c in found.changed if c.follows) == ["relu_2"]
    assert (found.removed, found.added) == ((), ())


def test_an_inserted_node_does_not_change_the_ones_behind_it():
    found = diff(MLP, "  - relu\n" + MLP)
    assert (names(found.added), found.removed, found.changed) == (["relu"], (), ())


def test_a_removed_node_does_not_change_the_ones_behind_it():
    found = diff(MLP, MLP.replace("  - relu\n", "", 1))
    assert (names(found.removed), found.added, found.changed) == (["relu"], (), ())


def test_a_renamed_node_is_renamed():
    found = diff(MLP + "    id: head\n", MLP + "    id: logits\n")
    assert changes(found) == ["logits: name head -> logits"]


def test_another_operator_of_the_same_id_is_a_change():
    found = diff("  - {relu: , id: act}\n", "  - {gelu: , id: act}\n")
    assert changes(found) == ["act: operator relu -> gelu"]


def test_another_wire_is_a_change():
    nodes = "  - {relu: , id: a}\n  - {elu: , id: b}\n  - {add: , in: [a, b], id: c}\n"
    outputs = "outputs: {c: c, b: b}\n"
    found = diff(nodes + outputs, nodes.replace("[a, b]", "[a, x]") + outputs)
    assert changes(found) == ["c: reads xs.1 b -> x"]
    assert found.ends == ()


def test_tied_weights_are_a_change():
    nodes = "  - {linear: 4, id: a}\n  - {linear: 4, id: b}\n"
    found = diff(nodes, nodes.replace("id: b", "id: b, weights: {weight: a.weight}"))
    assert changes(found) == ["b: weights of weight own -> a.weight"]
    assert found.parameters == (40, 24)


def test_a_block_around_nodes_moves_them():
    block = "blocks:\n  b:\n    inputs: {x: [B, D]}\n    nodes:\n"
    inner = block + "".join(f"    {line}\n" for line in MLP.splitlines())
    found = compare(model(MLP).ir, fw.loads(HEAD + "  - use: b\n" + inner).ir)
    assert (found.removed, found.added, found.parameters[0]) == ((), (), found.parameters[1])


def test_a_repeated_block_that_changed_is_one_line():
    found = compare(fw.load("vit").ir, fw.load("vit", depth=6, mlp=1536).ir)
    assert [(run.name, run.copies) for run in found.runs] == [("encoder", (12, 6))]
    assert names(found.changed) == ["encoder.*.linear ×6", "encoder.*.gelu ×6"]
    assert found.parameters == (86_567_656, 29_875_432)


def test_a_node_put_into_every_copy_is_one_line():
    text = (GRAPHS / "vit.yaml").read_text("utf-8")
    more = fw.loads(
        text.replace("          - gelu\n", "          - gelu\n          - dropout: 0.1\n")
    )
    found = compare(fw.load("vit").ir, more.ir)
    assert [str(part) for part in found.added] == [
        "encoder.*.dropout ×12: dropout 0.1 [B, 197, 3072]"
    ]
    assert (found.removed, found.changed, found.runs) == ((), (), ())


def test_inputs_and_outputs_are_compared():
    found = compare(fw.load("vit").ir, fw.load("vit", classes=10).ir)
    assert found.ends == (
        ("output logits", "float32[B, 1000] from head", "float32[B, 10] from head"),
    )


def test_different_models_have_little_in_common():
    found = compare(fw.load("vit").ir, fw.load("resnet18").ir)
    assert {"encoder", "patchify"} <= set(names(found.removed))
    assert {"layer1", "layer2", "layer3", "layer4"} <= set(names(found.added))


def test_the_command_prints_text_and_json(capsys):
    assert main(["diff", "vit", "vit", "--set-b", "depth=6"]) == 0
    assert "~ encoder: encoder_block ×12 -> ×6" in capsys.readouterr().out
    assert main(["diff", "vit", "vit", "--set-b", "depth=6", "--json", "--exit-code"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["repeated"][0]["copies"] == [12, 6]
    assert not found["same"]


def test_work_is_compared_at_the_example_sizes():
    text = str(compare(fw.load("vit").ir, fw.load("vit", depth=6).ir))
    assert re.search(r"MACs: [\d,]+ -> [\d,]+ \(-49\.\d %\) at B = 1\n", text)
