"""The web page: alone in its file, and in a real browser it does what its buttons say."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import browser
import pytest
from scenes_office import HOSTILE, SCENES, vit

import framework.draw.html as page

MODEL = {
    "name": "ViT",
    "doc": "A vision transformer",
    "symbols": {
        "B": {"value": 1, "doc": "batch"},
        "H": {"example": 224, "minimum": 16, "maximum": None, "multiple_of": 16},
        "W": 224,
        "T": 197,
    },
    "facts": {"parameters": 86567656},
}
SCRIPT = Path(page.__file__).parent / "page" / "page.js"
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
needs_browser = pytest.mark.skipif(browser.PROGRAM is None, reason="no Chromium is installed")


def levels(style="default"):
    """Two levels; on the second, the encoder's boxes have names that start with its name."""
    deep = vit(style)
    inside = {box.id: {"name": f"encoder.{box.id}"} for box in deep.boxes if box.panel == "block"}
    boxes = tuple(replace(b, details=inside.get(b.id, b.details)) for b in deep.boxes)
    return [("Blocks", vit(style)), ("Operators", replace(deep, boxes=boxes))]


def embedded(text):
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL).group(1))


def test_equal_scenes_give_equal_pages():
    assert page.paint(levels(), MODEL) == page.paint(levels(), MODEL)


def test_the_page_names_no_other_resource():
    text = page.paint(levels(), MODEL).replace("http://www.w3.org/2000/svg", "")
    assert re.findall(r"(?:https?:)?//[a-z]|@import|url\(|\bsrc=|\bhref=", text) == []


def test_nothing_is_evaluated_or_set_as_markup_in_the_script():
    words = r"\beval\(|\bFunction\(|innerHTML|outerHTML|insertAdjacent|document\.write"
    assert re.findall(words, SCRIPT.read_text("utf-8")) == []


@pytest.mark.parametrize("name", SCENES)
def test_hostile_text_ends_no_element(name):
    scene = SCENES[name]()
    text = page.paint([(HOSTILE, scene)], {"name": HOSTILE, "doc": HOSTILE})
    assert text.count("<script") == text.count("</script>") == 2
    assert embedded(text)["levels"][0]["name"] == HOSTILE
    assert [b["id"] for b in embedded(text)["levels"][0]["boxes"]] == [b.id for b in scene.boxes]


def test_the_page_is_dark_where_the_figure_is():
    assert '<html lang="en" class="dark">' in page.paint(levels("dark"), MODEL)
    assert '<html lang="en" class="light">' in page.paint(levels("print"), MODEL)


def test_what_stands_before_an_svg_element_is_dropped():
    file = '<?xml version="1.0"?>\n<!DOCTYPE svg>\n<!-- made -->\n<svg/>\n'
    assert page.bare(file) == "<svg/>"


def node(code):
    """What a script prints that has the page's functions."""
    program = f"const f = require({json.dumps(str(SCRIPT))}); {code}"
    done = subprocess.run(["node", "-e", program], capture_output=True, text=True, check=True)
    return done.stdout.strip()


SIZES = {"H": 225, "W": 17, "head_dim": 64}
EXPRESSIONS = [
    ("H", "225"),
    ("(H//16)*(W//16) + 1", "15"),
    ("ceil(H/2)", "113"),
    ("max(W, 5)", "17"),
    ("min(H - 3, W*2)", "34"),
    ("H % 16", "1"),
    ("floor((H - 3)/2) + 1", "112"),
    ("-(-H//2)", "113"),
    ("2*head_dim**2 - 1", "8191"),
    ("-W**2 + 1000", "711"),
    ("(H + 1)/2*3", "339"),
    ("max(H//2, W, 3) - 1", "111"),
    ("0 - 7//2", "-3"),
    ("(0 - 7)//2", "-4"),
    ("(0 - 7) % 4", "1"),
    ("1/2 + 1/3 + H/6 - 1/3", "38"),
    ("2**64*2**64", "340282366920938463463374607431768211456"),
]


@needs_node
@pytest.mark.parametrize(("text", "value"), EXPRESSIONS)
def test_the_page_computes_sizes_as_python_does(text, value):
    call = f"f.evaluate({json.dumps(text)}, {json.dumps(SIZES)})"
    assert node(f"console.log(String({call}))") == value


@needs_node
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("H/2", "not a whole number"),
        ("H//(W - 17)", "division by zero"),
        ("N + 1", "unknown size N"),
        ("constructor", "unknown size constructor"),
        ("H H", "unexpected H"),
        ("(H", "expected )"),
        ("", "it ends too early"),
    ],
)
def test_the_page_says_why_a_size_has_no_number(text, message):
    call = f"f.evaluate({json.dumps(text)}, {json.dumps(SIZES)})"
    code = f"try {{ {call}; console.log('a number') }} catch (e) {{ console.log(e.message) }}"
    assert node(code) == message


@needs_node
@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("B × 3 × H//2", "2 × 3 × 112"),
        ("x: [B, max(H, 3), 5]", "x: 2 × 224 × 5"),
        ("float32 [B, ceil(H/3)]", "float32 2 × 75"),
        ("mask: B × H", "mask: 2 × 224"),
        ("float32 []", "float32 []"),
        ("(H//16)*(H//16) × B", "196 × 2"),
    ],
)
def test_shapes_are_shown_with_numbers(text, numbers):
    call = f"f.shapeInNumbers({json.dumps(text)}, {{B: 2, H: 224}})"
    assert node(f"console.log({call})") == numbers


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    chromium = browser.Browser(tmp_path_factory.mktemp("profile"))
    yield chromium
    chromium.close()


@pytest.fixture
def opened(chromium, tmp_path):
    """Opens the page at an address; the browser must have had nothing to complain about."""
    path = tmp_path / "page.html"
    path.write_text(page.paint(levels(), MODEL), encoding="utf-8")

    def open_at(address=""):
        chromium.open(path, address)
        return chromium

    yield open_at
    assert chromium.errors == []


def rows(tab):
    """The panel's rows by their names."""
    return tab.run(
        "Object.fromEntries([...document.querySelectorAll('#panel dt')]"
        ".map(t => [t.textContent, t.nextElementSibling.textContent]))"
    )


def selected(tab):
    return tab.run("document.querySelector('.hit.selected')?.dataset.box ?? null")


@needs_browser
def test_a_click_on_a_box_shows_its_details(opened):
    tab = opened()
    tab.click(*tab.middle("[data-box=patch]"))
    assert rows(tab) == {
        "Name": "patch",
        "Operator": "patch_embedding",
        "Formula": "y[b,t,o] = Σ x[b,c,i,j]·w[o,c,i,j]",
        "Attributes": "patch: 16",
        "Inputs": "B × 3 × H × W1 × 3 × 224 × 224",
        "Outputs": "B × (H//16)*(W//16) × 7681 × 196 × 768",
        "Parameters": "590,592",
        "Multiply-accumulates": "B*(H//16)*(W//16)*768*768115,605,504",
        "Written at": "graphs/vit.yaml:14:5",
    }


@needs_browser
def test_a_click_beside_the_boxes_closes_the_panel(opened):
    tab = opened("#box=patch")
    assert tab.run("document.querySelector('#panel').hidden") is False
    tab.click(300, 600)
    assert tab.run("document.querySelector('#panel').hidden") is True


@needs_browser
def test_the_address_keeps_level_box_and_sizes(opened):
    tab = opened("#level=Operators&box=head&size.B=16")
    assert selected(tab) == "head"
    assert tab.run("document.querySelector('#levels [aria-pressed=true]').textContent") == (
        "Operators"
    )
    assert tab.run("document.querySelector('[name=B]').value") == "16"


@needs_browser
def test_new_sizes_change_the_numbers_and_the_address(opened):
    tab = opened("#box=patch")
    tab.run("document.querySelector('[name=B]').focus(); document.activeElement.select()")
    tab.type("8")
    assert rows(tab)["Inputs"] == "B × 3 × H × W8 × 3 × 224 × 224"
    assert tab.run("location.hash") == "#box=patch&size.B=8"


@needs_browser
def test_a_size_says_what_it_must_satisfy(opened):
    tab = opened()
    label = "document.querySelector('[name=H]').parentElement.title"
    assert tab.run(label) == "at least 16, a multiple of 16"
    tab.run("document.querySelector('[name=H]').focus(); document.activeElement.select()")
    tab.type("100")
    assert tab.run("document.querySelector('[name=H]').matches(':invalid')") is True


@needs_browser
def test_the_figure_shows_numbers_on_demand(opened):
    tab = opened()
    texts = "[...document.querySelectorAll('#canvas svg:not(#over) text')].map(t => t.textContent)"
    before = tab.run(texts)
    tab.click(*tab.middle("#numbers"))
    after = tab.run(texts)
    changed = {a: b for a, b in zip(before, after, strict=True) if a != b}
    assert (changed["B × 3 × H × W"], changed["B × 768"]) == ("1 × 3 × 224 × 224", "1 × 768")
    assert {"Attention × V", "768 → 1000", "12 heads, d = 64"} <= set(after)
    tab.click(*tab.middle("#numbers"))
    assert tab.run(texts) == before


@needs_browser
def test_a_folded_box_opens_the_level_that_shows_its_inside(opened):
    tab = opened()
    tab.click(*tab.middle("[data-box=encoder]"))
    assert tab.run("location.hash") == "#level=Operators"
    assert tab.run("document.activeElement.dataset.box") == "x"
    tab.run("new Promise(done => (addEventListener('popstate', () => done()), history.back()))")
    assert tab.run("document.querySelector('#levels [aria-pressed=true]').textContent") == "Blocks"


@needs_browser
def test_many_levels_are_a_menu(chromium, tmp_path):
    path = tmp_path / "page.html"
    many = [(f"level {i}", SCENES["unet"]()) for i in range(6)]
    path.write_text(page.paint(many, {"name": "U-Net"}), encoding="utf-8")
    chromium.open(path, "#level=level+3")
    assert chromium.run("document.querySelector('#levels select').value") == "3"
    menu = "document.querySelector('#levels select')"
    chromium.run(f"{menu}.value = 5; {menu}.dispatchEvent(new Event('change'))")
    assert chromium.run("location.hash") == "#level=level+5"


@needs_browser
def test_the_keyboard_reaches_every_box(opened):
    tab = opened()
    tab.run("document.querySelector('[data-box=image]').focus()")
    tab.press("ArrowDown")
    tab.press("Enter")
    assert selected(tab) == "patch"
    tab.press("Tab")
    tab.press(" ")
    assert selected(tab) == "cls"
    tab.press("Escape")
    assert selected(tab) is None


@needs_browser
def test_the_wheel_zooms_about_the_pointer(opened):
    tab = opened()
    x, y = tab.middle("[data-box=gelu]")
    wide = tab.run("document.querySelector('[data-box=gelu]').getBoundingClientRect().width")
    tab.mouse("mouseWheel", x, y, deltaX=0, deltaY=-400, button="none")
    tab.run("new Promise(r => requestAnimationFrame(r))")
    grown = tab.run("document.querySelector('[data-box=gelu]').getBoundingClientRect().width")
    assert grown == pytest.approx(wide * 2.718281828**0.6, rel=0.01)
    assert tab.middle("[data-box=gelu]") == pytest.approx([x, y], abs=1)


@needs_browser
def test_dragging_moves_the_figure_and_selects_nothing(opened):
    tab = opened()
    x, y = tab.middle("[data-box=gelu]")
    tab.mouse("mousePressed", x, y)
    tab.mouse("mouseMoved", x + 30, y + 20, buttons=1)
    tab.mouse("mouseReleased", x + 30, y + 20)
    assert tab.middle("[data-box=gelu]") == pytest.approx([x + 30, y + 20], abs=1)
    assert selected(tab) is None


@needs_browser
def test_two_fingers_zoom(opened):
    tab = opened()
    width = "document.querySelector('[data-box=gelu]').getBoundingClientRect().width"
    wide = tab.run(width)
    x, y = tab.middle("[data-box=gelu]")
    for kind, apart in (("touchStart", 50), ("touchMove", 75), ("touchMove", 100)):
        points = [{"x": x - apart, "y": y, "id": 1}, {"x": x + apart, "y": y, "id": 2}]
        tab.call("Input.dispatchTouchEvent", type=kind, touchPoints=points)
    tab.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    assert tab.run(width) == pytest.approx(2 * wide, rel=0.02)


@needs_browser
def test_search_finds_boxes_on_every_level(opened):
    tab = opened()
    tab.press("/")
    tab.type("gelu")
    assert tab.run("[...document.querySelectorAll('.hit.found')].map(h => h.dataset.box)") == [
        "gelu"
    ]
    assert tab.run("document.querySelector('#count').textContent") == "2 found"
    tab.press("Enter")
    assert selected(tab) == "gelu"


@needs_browser
def test_buttons_zoom_and_fit(opened):
    tab = opened()
    before = tab.run("document.querySelector('#canvas').style.transform")
    tab.click(*tab.middle("#in"))
    assert tab.run("document.querySelector('#canvas').style.transform") != before
    tab.click(*tab.middle("#fit"))
    assert tab.run("document.querySelector('#canvas').style.transform") == before


EVIL = "<img src=x onerror=\"document.title='!'\"></script><script>document.title='!'</script>"


@needs_browser
def test_hostile_text_runs_nothing(chromium, tmp_path):
    scene = SCENES["odd"]()
    first = replace(scene.boxes[0], title=EVIL, description=EVIL, details={"name": EVIL})
    levels = [(EVIL, replace(scene, boxes=(first, *scene.boxes[1:])))]
    path = tmp_path / "odd.html"
    path.write_text(page.paint(levels, {"name": EVIL, "symbols": {"B": 2}}), encoding="utf-8")
    chromium.open(path)
    chromium.click(*chromium.middle(".hit"))
    assert chromium.run("document.querySelector('#panel h2').textContent") == EVIL
    assert chromium.run("document.title") == EVIL
    assert chromium.errors == []
