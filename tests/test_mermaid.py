"""Mermaid: names, nesting and arrows are the scene's, and text can end nothing."""

import re
from dataclasses import replace

import pytest
from scenes_office import HOSTILE, SCENES, empty, odd, unet, vit

from framework.draw import mermaid
from framework.draw.nesting import Nesting


def lines(scene):
    return [line.strip() for line in mermaid.paint(scene).splitlines()]


def test_a_small_figure_is_written_whole():
    scene = unet()
    names = [box.id for box in scene.boxes]
    text = lines(scene)
    assert text[:4] == ["---", 'title: "U-Net"', "---", "flowchart TB"]
    assert 'n1("<b>Image</b><br/>B × 3 × 256 × 256"):::input_' in text
    assert f'n{names.index("down0") + 1} -.->|"copy + concat"| n{names.index("up0") + 1}' in text
    assert "classDef input_ fill:#FFFFFF,stroke:#222222,stroke-width:1.6px,color:#111111" in text


def test_an_empty_figure_is_a_title_and_a_flowchart():
    assert mermaid.paint(empty()) == '---\ntitle: "Nothing here"\n---\nflowchart TB\n'


def test_equal_scenes_give_equal_text():
    assert mermaid.paint(vit()) == mermaid.paint(vit())


@pytest.mark.parametrize("name", SCENES)
def test_every_box_and_every_arrow_is_there_once(name):
    scene = SCENES[name]()
    text = lines(scene)
    assert len([line for line in text if re.match(r"n\d+[(\[]", line)]) == len(scene.boxes)
    arrows = [line for line in text if re.match(r"[nf]\d+ (-->|==>|-\.->|-\.-)", line)]
    assert len(arrows) == len(scene.curves)


def test_residuals_are_thick_and_coloured_and_zoom_lines_have_no_head():
    text = lines(vit())
    thick = [line for line in text if " ==> " in line]
    assert len(thick) == 2
    assert [line for line in text if re.search(r" -\.- f\d", line)] != []
    assert any(re.fullmatch(r"linkStyle \d+,\d+ stroke:#C45500", line) for line in text)


def test_the_badge_stands_behind_the_name():
    assert any("<b>Encoder</b> <b>×12</b>" in line for line in lines(vit()))


def test_frames_are_nested_as_in_the_scene():
    text = [
        line for line in mermaid.paint(odd()).splitlines() if re.match(r" *(subgraph|end)", line)
    ]
    assert [len(line) - len(line.lstrip()) for line in text] == [2, 4, 4, 2]
    nesting = Nesting(odd())
    assert [frame.id for frame in nesting.frames("outer")] == ["inner"]
    assert {box.id for box in nesting.boxes("outer")} == {"a-b.c[0]", "dup", "dup2"}


def test_quotes_hold_nothing_that_could_end_them():
    inside = re.findall(r'"(.*?)"[)\]|]', "\n".join(lines(odd())[4:]))
    markup = re.compile(r"</?b>|<br/>|#\d+;")
    assert [text for text in inside if set(markup.sub("", text)) & mermaid.SPECIAL] == []


def test_every_special_character_comes_back_from_its_number():
    text = mermaid.quoted(HOSTILE)
    assert re.sub(r"#(\d+);", lambda found: chr(int(found[1])), text) == HOSTILE


def test_a_figure_from_left_to_right_stays_so():
    scene = unet()
    curves = tuple(replace(c, kind="flow", source_side="right") for c in scene.curves)
    assert "flowchart LR" in lines(replace(scene, curves=curves))
