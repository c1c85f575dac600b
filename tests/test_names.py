"""Foreign names to ours, and the one report of everything that does not fit."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.errors import Mistake, WeightError
from framework.runtime.names import map_names, match_weights, parse_patterns

WORDS = st.text("abc_019", min_size=1, max_size=4)


def message(call, *arguments) -> str:
    with pytest.raises(WeightError) as caught:
        call(*arguments)
    return str(caught.value)


@pytest.mark.parametrize(
    ("source", "target", "name", "ours"),
    [
        ("_conv_stem.weight", "stem.weight", "_conv_stem.weight", "stem.weight"),
        ("b.{i}._bn0.{p}", "blocks.{i}.norm.{p}", "b.12._bn0.bias", "blocks.12.norm.bias"),
        ("layer{i}.{j}.{p}", "stage.{i-1}.{j}.{p}", "layer3.0.weight", "stage.2.0.weight"),
        ("b{i}.{p}", "b.{i+10}.{p}", "b07.w", "b.17.w"),
        ("b{i}.{p}", "b.{i + 1}.{p}", "b1.w", "b.2.w"),
        ("module.{rest...}", "{rest...}", "module.a.b.c", "a.b.c"),
        ("{all...}", "net.{all...}", "a.b", "net.a.b"),
        ("{a}.{a}.{b}", "{b}.{a}", "x.x.y", "y.x"),
        ("a.{p}", "fixed", "a.b", "fixed"),
        ("a+b.{p}", "c.{p}", "a+b.w", "c.w"),
    ],
)
def test_a_pattern_turns_a_name_into_ours(source, target, name, ours):
    assert map_names([name], {source: target}) == {name: ours}


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("a.{p}", "a.b.c"),  # a capture does not cross a dot
        ("a.{p}", "a."),  # nor is it empty
        ("a.{p}", "xa.b"),
        ("a.b", "axb"),  # a dot is a dot
        ("{a}.{a}", "x.y"),  # one name, two values
        ("a{i}", "a-1"),
    ],
)
def test_a_name_that_no_pattern_fits_keeps_its_own(source, name):
    fitting = ["a.a", "a.b", "a1"]  # at least one of them is dropped by each pattern
    assert map_names([name, *fitting], {source: None})[name] == name


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_pattern_without_a_target_drops_the_name(nothing):
    patterns = {"{rest...}.num_batches_tracked": nothing}
    assert map_names(["bn.num_batches_tracked", "bn.bias"], patterns) == {"bn.bias": "bn.bias"}


def test_the_first_pattern_that_fits_decides():
    patterns = {"a.special": "s", "a.{p}": "b.{p}"}
    assert map_names(["a.x", "a.special"], patterns) == {"a.x": "b.x", "a.special": "s"}


@given(st.lists(st.lists(WORDS, min_size=3, max_size=3).map(tuple), unique=True, min_size=1))
def test_mapping_there_and_back_changes_nothing(parts):
    names = [".".join(part) for part in parts]
    there = map_names(names, {"{a}.{b}.{c}": "x.{c}.{a}.{b}"})
    back = map_names(there.values(), {"x.{c}.{a}.{b}": "{a}.{b}.{c}"})
    assert [back[there[name]] for name in names] == names


def test_unused_patterns_and_clashes_are_reported_together():
    patterns = {"a.{p}": "c", "a.x": "d", "blok.{p}": "e"}
    assert message(map_names, ["a.x", "a.y", "block.w"], patterns) == (
        "weights: the names do not map:\n"
        "  'a.x' comes too late: 'a.{p}' takes 'a.x' before it\n"
        "  'blok.{p}' fits no name; the nearest is 'block.w'\n"
        "  'a.x' and 'a.y' would both become 'c'"
    )


def test_a_name_that_meets_one_which_keeps_its_own_is_a_clash():
    assert message(map_names, ["a", "b"], {"a": "b"}).endswith("'a' and 'b' would both become 'b'")


def test_many_names_that_become_one_are_counted():
    text = message(map_names, ["a.1", "a.2", "a.3"], {"a.{i}": "b"})
    assert text.endswith("  3 names, 'a.1' among them, would all become 'b'")


@pytest.mark.parametrize(
    ("target", "name", "text"),
    [
        ("b.{i-1}", "a.0", "weights: {i-1} in 'b.{i-1}' gives -1 for 'a.0'"),
        ("b.{i+1}", "a.x", "{i+1} in 'b.{i+1}' needs a number, but in 'a.x' {i} is 'x'"),
    ],
)
def test_a_shift_that_gives_no_number_is_refused(target, name, text):
    assert text in message(map_names, [name], {"a.{i}": target})


@pytest.mark.parametrize(
    ("source", "target", "fact", "hint"),
    [
        ("a.{p", "b", "'a.{p' has a brace without its partner", "write {name}"),
        ("a.}p", "b", "'a.}p' has a brace without its partner", "write {name}"),
        ("a.{p}", "b.{p", "'b.{p' has a brace without its partner", "write {name}"),
        ("a.{}", "b", "{} in 'a.{}' is not understood", "write {name}, {name...}"),
        ("a.{1}", "b", "{1} in 'a.{1}' is not understood", "write {name}, {name...}"),
        ("a.{i+1}", "b", "{i+1} in 'a.{i+1}' is not understood", "write {name}, {name...}"),
        (
            "a.{i}",
            "b.{i*2}",
            "{i*2} in 'b.{i*2}' is not understood",
            "write {name}, {name...}, {name+1} or {name-1}",
        ),
        (
            "a.{a}{b}",
            "b",
            "'a.{a}{b}' has two captures side by side, so their border is unknown",
            "put a character between them",
        ),
        (
            "a.{layer}",
            "b.{layr}",
            "'b.{layr}' inserts {layr}, which 'a.{layer}' does not capture",
            "did you mean 'layer'?",
        ),
        (
            "a.{p...}",
            "b.{p}",
            "{p} has '...' on only one side of 'a.{p...}': 'b.{p}'",
            "write it in the same way on both sides",
        ),
        ("a", 3, "'a' maps to 3, which is no name", "write a name, or null to drop the weight"),
        ("", "b", "an empty pattern fits no name", "write a name or a pattern"),
    ],
)
def test_a_malformed_pattern_is_a_mistake_with_a_hint(source, target, fact, hint):
    with pytest.raises(Mistake) as caught:
        parse_patterns({source: target})
    assert (caught.value.fact, caught.value.hint) == (fact, hint)


@given(st.text("ab{}.+-1_ ", max_size=12), st.text("ab{}.+-1_ ", max_size=12))
def test_any_text_is_a_pattern_or_a_mistake(source, target):
    names = ["a", "a.b", "a.1"]
    with contextlib.suppress(Mistake, WeightError):
        found = map_names(names, {source: target})
        assert set(found) <= set(names)
        assert len(set(found.values())) == len(found)


def test_weights_that_fit_pass():
    found = {"a": np.zeros((2, 3)), "b": np.zeros(())}
    assert match_weights({"b": (), "a": (2, 3)}, found) is None


def test_every_mismatch_is_listed_with_the_nearest_name():
    wanted = {"blocks.0.norm.weight": (4,), "head.bias": (10,), "head.weight": (10, 4)}
    found = {"blocks.0.nrm.weight": np.zeros(4), "head.weight": np.zeros((4, 10))}
    assert message(match_weights, wanted, found | {"zzz": np.zeros(1)}) == (
        "weights do not fit: 5 mismatches among 3 of the model\n"
        "  missing     'blocks.0.norm.weight'; the file has 'blocks.0.nrm.weight'\n"
        "  missing     'head.bias'\n"
        "  unexpected  'blocks.0.nrm.weight'; the model wants 'blocks.0.norm.weight'\n"
        "  unexpected  'zzz'\n"
        "  shape       'head.weight': the model wants [10, 4], the file has [4, 10]"
    )


def test_optional_weights_may_be_missing_but_not_of_another_shape():
    wanted, optional = {"a": (1,), "b": (2,)}, frozenset({"a", "b"})
    match_weights(wanted, {"b": np.zeros(2)}, optional)
    text = message(match_weights, wanted, {"b": np.zeros(3)}, optional)
    assert text.startswith("weights do not fit: 1 mismatch among 2 of the model\n  shape       'b'")


def test_a_thousand_mismatches_are_all_listed_and_soon():
    wanted = {f"ours.block.{i}.weight": (1,) for i in range(1000)}
    found = {f"their.layer.{i}.weight": np.zeros(1) for i in range(1000)}
    lines = message(match_weights, wanted, found).splitlines()
    assert (lines[0].split(":")[1], len(lines)) == (
        " 2000 mismatches among 1000 of the model",
        2001,
    )
