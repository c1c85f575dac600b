"""The table of a model, and the formats that it is written in."""

from __future__ import annotations

import csv
import json

import pytest
from handmade import Hand, mlp
from test_runtime import stacked

from framework.errors import InputError, ShapeError
from framework.ir.describe import describe
from framework.ir.dims import Symbols, ceildiv, maximum, total
from framework.ir.op import find_op
from framework.report.formulas import latex_size
from framework.report.shapes import shape_table
from framework.report.tables import Column, Shapes, Table, cell_text, latex_text, render

TEXT = """\
mlp

Node   Operator  Output  Type     Parameters  MACs  Elementwise
───────────────────────────────────────────────────────────────
x      input     [B, 3]  float32           0     0            0
first  linear 4  [B, 4]  float32          16  12*B          4*B
relu   relu      [B, 4]  float32           0     0          4*B
head   linear 2  [B, 2]  float32          10   8*B          2*B
───────────────────────────────────────────────────────────────
total                                     26  20*B         10*B

MACs are multiply-accumulates of products; elementwise are all other operations"""

MARKDOWN = """\
**mlp at B = 5000**

| Node | Operator | Output | Type | Parameters | MACs | Elementwise |
| --- | --- | --- | --- | --: | --: | --: |
| x | input | [5000, 3] | float32 | 0 | 0 | 0 |
| first | linear 4 | [5000, 4] | float32 | 16 | 60,000 | 20,000 |
| relu | relu | [5000, 4] | float32 | 0 | 0 | 20,000 |
| head | linear 2 | [5000, 2] | float32 | 10 | 40,000 | 10,000 |
| total |  |  |  | 26 | 100,000 | 50,000 |

MACs are multiply-accumulates of products; elementwise are all other operations"""

LATEX = r"""% mlp
\begin{tabular}{llllrrr}
Node & Operator & Output & Type & Parameters & MACs & Elementwise \\
\hline
x & input & $[B, 3]$ & float32 & 0 & 0 & 0 \\
first & linear 4 & $[B, 4]$ & float32 & 16 & $12 \cdot B$ & $4 \cdot B$ \\
relu & relu & $[B, 4]$ & float32 & 0 & 0 & $4 \cdot B$ \\
head & linear 2 & $[B, 2]$ & float32 & 10 & $8 \cdot B$ & $2 \cdot B$ \\
\hline
total &  &  &  & 26 & $20 \cdot B$ & $10 \cdot B$ \\
\end{tabular}
% MACs are multiply-accumulates of products; elementwise are all other operations"""


def names_and_parameters(table):
    return [(row.name, row.operator, row.parameters) for row in table.rows]


# ------------------------------------------------------------------ formats


def test_the_table_as_text_has_formulas():
    assert render(shape_table(mlp()).table()) == TEXT


def test_the_table_as_markdown_has_numbers_for_given_sizes():
    assert render(shape_table(mlp(), {"B": 5000}).table(), "markdown") == MARKDOWN


def test_the_table_as_latex_has_formulas_in_math_mode():
    assert render(shape_table(mlp()).table(), "latex") == LATEX


def test_the_table_as_csv_has_plain_numbers():
    rows = list(csv.DictReader(render(shape_table(mlp(), {"B": 5000}).table(), "csv").split("\n")))
    assert len(rows) == 4
    assert rows[1] == {
        "node": "first", "operator": "linear 4", "shapes": "[5000, 4]", "dtypes": "float32",
        "parameters": "16", "macs": "60000", "elementwise": "20000",
    }  # fmt: skip


def test_the_table_as_json_has_lists_and_formulas():
    found = json.loads(render(shape_table(mlp()).table(), "json"))
    assert (found["title"], len(found["rows"])) == ("mlp", 4)
    assert found["rows"][3] == {
        "node": "head", "operator": "linear 2", "shapes": [["B", 2]], "dtypes": "float32",
        "parameters": 10, "macs": "8*B", "elementwise": "2*B",
    }  # fmt: skip
    assert found["total"] == {
        "node": "total", "parameters": 26, "macs": "20*B", "elementwise": "10*B"
    }  # fmt: skip


def test_an_unknown_format_gets_the_nearest_name():
    with pytest.raises(InputError) as caught:
        render(shape_table(mlp()).table(), "markdwon")
    assert str(caught.value) == (
        "there is no table format 'markdwon'\n  hint: did you mean 'markdown'?"
    )


def test_a_table_without_totals_and_notes_ends_with_its_rows():
    table = Table("t", (Column("A", "a"), Column("N", "n", True)), (("x|y", 1234), ("z", None)))
    assert render(table) == "t\n\nA        N\n──────────\nx|y  1,234\nz"
    assert render(table, "markdown").split("\n")[-2:] == [r"| x\|y | 1,234 |", "| z |  |"]


def test_several_shapes_stand_side_by_side():
    table = Table("t", (Column("S", "s"),), ((Shapes(((2, 3), ())),),))
    assert render(table).split("\n")[-1] == "[2, 3] []"
    assert render(table, "latex").split("\n")[4] == r"$[2, 3]$ $[]$ \\"


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        (lambda n: 12000 * n + 1000, "12,000*N_2000 + 1,000"),
        (lambda n: maximum(n, 5000), "max(N_2000, 5000)"),
    ],
)
def test_formulas_in_text_separate_thousands(formula, text):
    assert cell_text(formula(Symbols().declare("N_2000"))) == text


def test_latex_escapes_its_special_characters():
    assert latex_text(r"a_b & 50% {x} ~^\ ×") == (
        r"a\_b \& 50\% \{x\} \textasciitilde{}\textasciicircum{}\textbackslash{} $\times$"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("formula", "latex"),
    [
        (lambda h, w: ceildiv(h, 2), r"\lceil H/2 \rceil"),
        (lambda h, w: (h // 16) * (w // 16) + 1,
         r"\lfloor H/16 \rfloor \cdot \lfloor \mathit{wide\_1}/16 \rfloor + 1"),
        (lambda h, w: maximum(h, 5), r"\max(H, 5)"),
        (lambda h, w: h % 8, r"H \bmod 8"),
        (lambda h, w: 2 * h * h, r"2 \cdot H^{2}"),
        (lambda h, w: h - 3, "H - 3"),
        (lambda h, w: (h + 1) * h // 7, r"\lfloor (H^{2} + H)/7 \rfloor"),
    ],
)  # fmt: skip
def test_formulas_in_latex(formula, latex):
    sizes = Symbols()
    assert latex_size(formula(sizes.declare("H"), sizes.declare("wide_1"))) == latex


# ------------------------------------------------------------------ sums and folds


def test_totals_in_symbols_agree_with_totals_in_numbers():
    symbolic, numeric = shape_table(stacked(3)), shape_table(stacked(3), {"B": 7})
    assert symbolic.macs.at({"B": 7}) == numeric.macs == total(row.macs for row in numeric.rows)
    assert symbolic.elementwise.at({"B": 7}) == numeric.elementwise


def test_a_depth_folds_scopes_into_one_row_each():
    assert names_and_parameters(shape_table(stacked(), depth=0)) == [
        ("x", "input", 0), ("encoder.0", "block", 12), ("encoder.1", "block", 12),
        ("head", "linear 2", 8),
    ]  # fmt: skip


def test_equal_copies_are_shown_once():
    table = shape_table(stacked(12), depth=0, fold_copies=True)
    assert names_and_parameters(table) == [
        ("x", "input", 0), ("encoder ×12", "block", 144), ("head", "linear 2", 8)
    ]  # fmt: skip
    assert str(table.rows[1].macs) == "108*B"


def test_equal_copies_can_be_shown_once_with_their_nodes():
    assert names_and_parameters(shape_table(stacked(12), fold_copies=True)) == [
        ("x", "input", 0), ("encoder ×12.linear", "linear 3", 144), ("encoder ×12.relu", "relu", 0),
        ("head", "linear 2", 8),
    ]  # fmt: skip


def test_copies_that_differ_stay_apart():
    hand = Hand(B={})
    x = hand.input("x", "B", 3)
    for copy in range(2):
        hand.scope(f"down.{copy}", "halve", copy, 2)
        x = hand.add(f"down.{copy}.linear", "linear", x, out=5 + copy)
    table = shape_table(hand.done(y=x), depth=0, fold_copies=True)
    assert [row.name for row in table.rows] == ["x", "down.0", "down.1"]


def test_copies_within_copies_fold_from_the_inside():
    hand = Hand(B={})
    x = hand.input("x", "B", 3)
    for outer in range(2):
        hand.scope(f"stage.{outer}", "stage", outer, 2)
        for inner in range(2):
            hand.scope(f"stage.{outer}.unit.{inner}", "unit", inner, 2)
            x = hand.add(f"stage.{outer}.unit.{inner}.relu", "relu", x)
    graph = hand.done(y=x)
    assert [row.name for row in shape_table(graph, fold_copies=True).rows] == [
        "x", "stage ×2.unit ×2.relu"
    ]  # fmt: skip
    assert [row.name for row in shape_table(graph, depth=1, fold_copies=True).rows] == [
        "x", "stage ×2.unit ×2"
    ]  # fmt: skip


def test_a_tied_weight_counts_once_and_is_shown_where_it_is_used_again():
    hand = Hand()
    x = hand.input("x", 2, 3)
    x = hand.add("a", "linear", x, out=3)
    table = shape_table(hand.done(y=hand.add("b", "linear", x, out=3, share="a")))
    assert (table.parameters, [(r.parameters, r.tied) for r in table.rows]) == (
        12, [(0, 0), (12, 0), (0, 12)]
    )  # fmt: skip
    assert render(table.table()).split("\n")[2].split() == [
        "Node", "Operator", "Output", "Type", "Parameters", "Tied", "MACs", "Elementwise"
    ]  # fmt: skip


def test_running_statistics_are_not_counted_as_parameters():
    hand = Hand(B={})
    x = hand.input("x", "B", 5, 4, 4)
    table = shape_table(hand.done(y=hand.add("norm", "batch_norm", x)))
    assert (table.parameters, table.buffers, table.rows[1].parameters) == (10, 10, 10)
    assert table.notes[1] == "10 numbers are stored but not learned; they are not counted"


def test_an_unknown_size_is_refused():
    with pytest.raises(ShapeError) as caught:
        shape_table(mlp(), {"b": 1})
    assert caught.value.fact == "no size is called b"


@pytest.mark.parametrize(
    ("op", "attributes", "text"),
    [
        ("relu", {}, "relu"),
        ("linear", {"out": 128, "bias": False}, "linear 128, bias false"),
        ("conv", {"out": 64, "kernel": (3, 5), "pad": 1}, "conv, out 64, kernel [3, 5], pad 1"),
        ("scale", {"by": 0.1 + 0.2}, "scale 0.3"),
        ("constant", {"value": tuple(range(99))},
         "constant [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, …"),
    ],
)  # fmt: skip
def test_an_operator_in_a_few_words(op, attributes, text):
    assert describe(find_op(op)(**attributes)) == text
