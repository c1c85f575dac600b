"""Symbolic shapes with their right answers, as models: the right formula, the demand, or the error.

The numbers are those of a list whose answers were checked against real runs.
"""

import pytest

import framework as fw

IMAGE = "dims: {B: {}, H: {min: 16}, W: {min: 16}}\ninputs: {x: [B, 3, H, W]}\n"
WORDS = "dims: [B, T, S]\ninputs: {x: [B, T, 4]}\n"

RIGHT = [
    (1, IMAGE, "- conv: {out: 4, kernel: 3, stride: 2, pad: 1}", "[B, 4, ceil(H/2), ceil(W/2)]"),
    (
        2,
        IMAGE,
        "- conv: {out: 4, kernel: 7, stride: 2, pad: 3}\n"
        "- max_pool: {kernel: 3, stride: 2, pad: 1}",
        "[B, 4, ceil(H/4), ceil(W/4)]",
    ),
    (3, IMAGE, "- conv: {out: 4, kernel: 3, dilation: 2, pad: 2}", "[B, 4, H, W]"),
    (7, IMAGE, "- conv: {out: 4, kernel: 3, stride: 3, pad: valid}", "[B, 4, H//3, W//3]"),
    (
        8,
        IMAGE,
        "- max_pool: {kernel: 3, stride: 2, ceil_mode: true}",
        "[B, 3, H//2, W//2]",  # ceil((H - 3)/2) + 1, simplified
    ),
    (
        9,
        IMAGE,
        "- avg_pool: {kernel: 1, stride: 2, ceil_mode: true}",
        "[B, 3, ceil(H/2), ceil(W/2)]",
    ),
    (
        10,
        IMAGE,
        "- max_pool: {kernel: 2, stride: 2, pad: 1, ceil_mode: true}",
        "[B, 3, H//2 + 1, W//2 + 1]",
    ),
    (11, IMAGE, "- conv_transpose: {out: 4, kernel: 4, stride: 2, pad: 1}", "[B, 4, 2*H, 2*W]"),
    (
        12,
        IMAGE,
        "- conv_transpose: {out: 4, kernel: 3, stride: 2, pad: 1, output_pad: 1}",
        "[B, 4, 2*H, 2*W]",
    ),
    (
        17,
        IMAGE,
        "- conv: {out: 3, kernel: 3, pad: 1}\n- add:\n  in: [prev, x]",
        "[B, 3, H, W]",
    ),
    (
        19,
        IMAGE,
        '- conv: {out: 4, kernel: 16, stride: 16}\n- rearrange: "b c h w -> b (h w) c"',
        "[B, (H//16)*(W//16), 4]",
    ),
    (
        20,
        IMAGE,
        '- conv: {out: 4, kernel: 16, stride: 16}\n- rearrange: "b c h w -> b (h w) c"\n  id: p\n'
        "- parameter: [1, 1, 4]\n- expand: [B, 1, 4]\n- concat: 1\n  in: [prev, p]",
        "[B, (H//16)*(W//16) + 1, 4]",
    ),
    (
        21,
        WORDS,
        "- linear: 768\n- reshape: [B, T, 12, 64]\n- transpose: [0, 2, 1, 3]\n"
        "- transpose: [0, 2, 1, 3]\n- reshape: [B, -1, 768]",
        "[B, T, 768]",
    ),
    (24, IMAGE, "- flatten: 2", "[3*B, H*W]"),
    (25, IMAGE, "- flatten: 0", "[1, 3*B*H*W]"),
    (34, WORDS, "- slice: {axis: 1, start: -5}", "[B, min(T, 5), 4]"),
    (36, WORDS, "- slice: {axis: 1, step: 2}", "[B, ceil(T/2), 4]"),
    (37, WORDS, "- slice: {axis: 1, step: -1}", "[B, T, 4]"),
    (42, IMAGE, "- upsample: {scale: 1.5}", "[B, 3, 3*H//2, 3*W//2]"),
    (53, IMAGE, "- reduce: {op: mean, axes: [-1, -2]}", "[B, 3]"),
    (59, WORDS, "- causal_mask: T\n  id: m\n- identity:\n  in: m", "[T, T]"),
    (60, IMAGE, "- global_avg_pool", "[B, 3]"),
    (68, WORDS, "- reshape: [-1, 4]", "[B*T, 4]"),
    ("crop", WORDS, "- slice: {axis: 1, stop: T - T % 8}", "[B, 8*(T//8), 4]"),
    ("three", WORDS, "- concat: 1\n  in: [x, x, x]", "[B, 3*T, 4]"),
    (
        "there and back",
        IMAGE,
        "- conv_transpose: {out: 3, kernel: 2, stride: 2}\n- max_pool: 2",
        "[B, 3, H, W]",
    ),
    (
        "pyramid",
        IMAGE,
        "- sequence: [{conv: {out: 3, kernel: 3, stride: 2, pad: 1}}]\n  repeat: 4",
        "[B, 3, ceil(H/16), ceil(W/16)]",
    ),
    ("no copies", WORDS, "- relu:\n  repeat: 0\n- relu", "[B, T, 4]"),
    ("float scale", IMAGE, "- upsample: {scale: 1.1}", "[B, 3, 11*H//10, 11*W//10]"),
    (
        "same",
        IMAGE,
        "- conv: {out: 3, kernel: 4, dilation: 3, pad: same_upper}",
        "[B, 3, H, W]",
    ),
    (
        "same, stride over kernel",
        IMAGE,
        "- conv: {out: 3, kernel: 2, stride: 5, pad: same_upper}",
        "[B, 3, ceil(H/5), ceil(W/5)]",
    ),
]

WRONG = [
    (
        14,
        IMAGE,
        "- {max_pool: 2, id: a}\n- max_pool: 2\n- upsample: {scale: 4}\n- concat: 1\n"
        "  in: [prev, x]\n- concat: 1\n  in: [prev, prev]",
        "declare H and W as multiple_of: 4",
    ),
    (
        15,
        IMAGE,
        "- {avg_pool: 2, id: a}\n- conv: {out: 4, kernel: 3, stride: 2, pad: 1}\n  in: x\n"
        "- concat: 1\n  in: [a, prev]",
        "declare H and W as multiple_of: 2",
    ),
    (
        16,
        IMAGE,
        "- {slice: {axis: 2, step: 2}, in: x, id: a}\n- slice: {axis: 2, start: 1, step: 2}\n"
        "  in: x\n- concat: 1\n  in: [a, prev]",
        "declare H as multiple_of: 2",
    ),
    (
        23,
        "dims: [B, T]\ninputs: {x: [B, T, 100]}\n",
        "- reshape: [B, -1, 64]",
        "declare T as multiple_of: 16",
    ),
    (27, "dims: [N, M]\ninputs: {a: [N], b: [M]}\n", "- add:\n  in: [a, b]", "N is not always M"),
    (28, "dims: [N]\ninputs: {a: [N], b: [5]}\n", "- add:\n  in: [a, b]", "N is not always 5"),
    (52, "dims: [B, T]\ninputs: {x: [B, 1, T]}\n", "- squeeze", "B or T"),
    (
        62,
        "dims: [B, H]\ninputs: {x: [B, 3, H, H]}\n",
        "- conv: {out: 4, kernel: 7}",
        "declare H with min: 7",
    ),
    (
        64,
        "dims: [B]\ninputs: {a: [B, 64], b: [32, 5]}\n",
        "- matmul:\n  in: [a, b]",
        "64 is never 32",
    ),
    (66, WORDS, "- reshape: [B, T, 3]", "is never"),
    ("weight", WORDS, "- parameter: [1, T, 4]\n  id: p\n- add:\n  in: [x, p]", "depends on T"),
    ("half", WORDS, "- slice: {axis: 1, stop: T/2}", "T / 2 is not a whole number for every size"),
    ("when", WORDS, "- relu:\n  when: T > 1", "cannot be decided for every size: T > 1"),
    ("heads", WORDS, "- multi_head_attention: 3", "heads"),
    ("rearrange", WORDS, '- rearrange: "b t (h d) -> b h t d"', "h"),
    (
        "cache mask",
        "dims: [T, S]\n"
        "inputs: {q: [1, 2, T, 4], k: [1, 2, S + T, 4], m: {shape: [T, T], dtype: bool}}\n",
        "- attention:\n  in: {q: q, k: k, v: k, keep: m}",
        "never",
    ),
]


def text(head, nodes):
    """A whole model around some nodes."""
    lines = "\n".join(f"  {line}" for line in nodes.split("\n"))
    return f"format: 1\n{head}nodes:\n{lines}\n"


@pytest.mark.parametrize(("case", "head", "nodes", "shape"), RIGHT, ids=[str(r[0]) for r in RIGHT])
def test_a_shape_is_the_right_formula(case, head, nodes, shape):
    (found,) = fw.loads(text(head, nodes)).outputs.values()
    assert str(found).partition("[")[2] == shape[1:]


@pytest.mark.parametrize(("case", "head", "nodes", "said"), WRONG, ids=[str(r[0]) for r in WRONG])
def test_a_shape_that_can_fail_is_refused_with_the_cure(case, head, nodes, said):
    with pytest.raises(fw.SpecError) as caught:
        fw.loads(text(head, nodes))
    assert said in str(caught.value)


def test_unequal_halves_of_a_split():
    nodes = "- split: {axis: 1, parts: 2}\n  id: p\n- identity:\n  in: p.1\n  id: last"
    model = fw.loads(text(WORDS, nodes) + "outputs: {y: p.0, z: last}\n")
    assert [str(t) for t in model.outputs.values()] == [
        "float32[B, ceil(T/2), 4]",
        "float32[B, T//2, 4]",
    ]
