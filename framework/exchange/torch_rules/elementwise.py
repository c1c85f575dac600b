"""Arithmetic, comparison, logic and functions of each element."""

from __future__ import annotations

import math

from framework.exchange.torch_rules.registry import Answer, Rule, Site, dtype_text, emits, helper

FUNCTIONS = {
    "abs": "torch.abs",
    "acos": "torch.acos",
    "acosh": "torch.acosh",
    "asin": "torch.asin",
    "asinh": "torch.asinh",
    "atan": "torch.atan",
    "atanh": "torch.atanh",
    "ceil": "torch.ceil",
    "cos": "torch.cos",
    "cosh": "torch.cosh",
    "det": "torch.linalg.det",
    "erf": "torch.erf",
    "exp": "torch.exp",
    "expm1": "torch.expm1",
    "floor": "torch.floor",
    "hard_swish": "F.hardswish",
    "is_nan": "torch.isnan",
    "log": "torch.log",
    "log1p": "torch.log1p",
    "log_sigmoid": "F.logsigmoid",
    "mish": "F.mish",
    "reciprocal": "torch.reciprocal",
    "relu": "F.relu",
    "relu6": "F.relu6",
    "round": "torch.round",
    "sigmoid": "torch.sigmoid",
    "sign": "torch.sign",
    "silu": "F.silu",
    "sin": "torch.sin",
    "sinh": "torch.sinh",
    "softsign": "F.softsign",
    "sqrt": "torch.sqrt",
    "square": "torch.square",
    "tan": "torch.tan",
    "tanh": "torch.tanh",
    "trunc": "torch.trunc",
}
"""Operators without attributes that are one function of one tensor."""

SIGNS = {
    "sub": "-",
    "equal": "==",
    "not_equal": "!=",
    "greater": ">",
    "greater_or_equal": ">=",
    "less": "<",
    "less_or_equal": "<=",
    "logical_and": "&",
    "logical_or": "|",
    "logical_xor": "^",
    "bitwise_and": "&",
    "bitwise_or": "|",
    "bitwise_xor": "^",
}
FOLDED = {"add": "+", "mul": "*"}
PAIRWISE = {"maximum": "torch.maximum", "minimum": "torch.minimum"}

SATURATE = helper('''
def saturate(x: Tensor, dtype: torch.dtype) -> Tensor:
    """Whole parts as whole numbers; what is out of range takes the nearest limit, NaN takes 0."""
    info = torch.iinfo(dtype)
    wide = x.double().nan_to_num(0.0, math.inf, -math.inf)
    whole = wide.clamp(info.min, info.max).to(dtype)
    return torch.where(wide >= info.max, torch.full_like(whole, info.max), whole)
''')

SHIFT_BITS = helper('''
def shift_bits(a: Tensor, b: Tensor, left: bool) -> Tensor:
    """Bits of a moved by b places; all of them leave where b is not below their number."""
    a, b = torch.broadcast_tensors(a, b)
    inside = (b >= 0) & (b < 8 * a.element_size())
    count = torch.where(inside, b, torch.zeros_like(b))
    if left:
        return torch.where(inside, a << count, torch.zeros_like(a))
    return torch.where(inside, a >> count, torch.where(a < 0, ~torch.zeros_like(a), 0))
''')


def function(name: str) -> Rule:
    """A rule that calls one function of one tensor."""

    def rule(n: Site) -> Answer:
        return f"{name}({n['x']})"

    return rule


for _op, _name in FUNCTIONS.items():
    emits(_op)(function(_name))


@emits(*FOLDED)
def folded(n: Site) -> Answer:
    """``a + b + c``."""
    texts = n.every("xs")
    return f"{texts[0]}.clone()" if len(texts) == 1 else f" {FOLDED[n.op.name]} ".join(texts)


@emits(*SIGNS)
def binary(n: Site) -> Answer:
    """``a - b``."""
    return f"{n['a']} {SIGNS[n.op.name]} {n['b']}"


@emits("div")
def div(n: Site) -> Answer:
    """``a / b``, rounded where asked; torch refuses a whole number divided by 0."""
    if n.op.rounding == "none":
        return f"{n['a']} / {n['b']}"
    return f'torch.div({n["a"]}, {n["b"]}, rounding_mode="{n.op.rounding}")'


@emits("mod")
def mod(n: Site) -> Answer:
    """``torch.remainder`` has the sign of b, ``torch.fmod`` that of a."""
    name = "remainder" if n.op.rounding == "floor" else "fmod"
    return f"torch.{name}({n['a']}, {n['b']})"


@emits("pow")
def power(n: Site) -> Answer:
    """``a ** b`` in the dtype of a."""
    base, exponent = n.type("a").dtype, n.type("b").dtype
    if base == exponent and "float" in base:
        return f"{n['a']} ** {n['b']}"
    if "float" in base:
        return f"{n['a']} ** {n['b']}.to({n['a']}.dtype)"
    return f"{SATURATE}({n['a']}.double() ** {n['b']}.double(), {dtype_text(base)})"


@emits(*PAIRWISE)
def pairwise(n: Site) -> Answer:
    """``torch.maximum(torch.maximum(a, b), c)``."""
    first, *rest = n.every("xs")
    text = first
    for other in rest:
        text = f"{PAIRWISE[n.op.name]}({text}, {other})"
    return text


@emits("neg")
def neg(n: Site) -> Answer:
    """``-x``."""
    return f"-{n['x']}"


@emits("logical_not", "bitwise_not")
def inverted(n: Site) -> Answer:
    """``~x``."""
    return f"~{n['x']}"


@emits("bit_shift")
def bit_shift(n: Site) -> Answer:
    """A shift that knows no undefined counts."""
    return f"{SHIFT_BITS}({n['a']}, {n['b']}, {n.op.direction == 'left'})"


@emits("bit_cast")
def bit_cast(n: Site) -> Answer:
    """``view``."""
    if n.op.dtype == "bool":
        return f"{n['x']}.view(torch.uint8) != 0"
    return f"{n['x']}.view({dtype_text(n.op.dtype)})"


@emits("cast")
def cast(n: Site) -> Answer:
    """``to``; from real to whole numbers with limits, which torch leaves undefined."""
    if "float" in n.type("x").dtype and "int" in n.op.dtype:
        return f"{SATURATE}({n['x']}, {dtype_text(n.op.dtype)})"
    return f"{n['x']}.to({dtype_text(n.op.dtype)})"


@emits("is_inf")
def is_inf(n: Site) -> Answer:
    """On either side or on one."""
    if n.op.negative and n.op.positive:
        return f"torch.isinf({n['x']})"
    if not (n.op.negative or n.op.positive):
        return f"torch.zeros_like({n['x']}, dtype=torch.bool)"
    return f"torch.{'isposinf' if n.op.positive else 'isneginf'}({n['x']})"


@emits("where")
def where(n: Site) -> Answer:
    """``torch.where``."""
    return f"torch.where({n['condition']}, {n['a']}, {n['b']})"


@emits("clip")
def clip(n: Site) -> Answer:
    """``clamp``, with limits that the dtype has."""
    limits = {"min": n.op.min, "max": n.op.max}
    if "int" in n.type("x").dtype:
        limits = {
            "min": None if n.op.min is None else whole(n.op.min, n.type("x").dtype, math.ceil),
            "max": None if n.op.max is None else whole(n.op.max, n.type("x").dtype, math.floor),
        }
    given = [f"{k}={n.number(v, k)}" for k, v in limits.items() if v is not None]
    return f"{n['x']}.clamp({', '.join(given)})" if given else f"{n['x']}.clone()"


def whole(value: float, dtype: str, inwards: object) -> int:
    """A limit within the range of a dtype of whole numbers."""
    bits = int(dtype.lstrip("uint"))
    low, high = (0, 2**bits - 1) if dtype[0] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    if value <= low or value >= high:
        return low if value <= low else high
    return math.ceil(value) if inwards is math.ceil else math.floor(value)


@emits("identity")
def identity(n: Site) -> Answer:
    """The tensor itself."""
    return n["x"]


@emits("scale")
def scale(n: Site) -> Answer:
    """``x * by + shift``."""
    text = n["x"] if n.op.by == 1 else f"{n['x']} * {n.number(n.op.by, 'by')}"
    if n.op.shift == 0:
        return text
    if n.op.shift < 0:
        return f"{text} - {n.number(-n.op.shift, 'shift')}"
    return f"{text} + {n.number(n.op.shift, 'shift')}"


NARROW = {
    "bfloat16": ("bfloat16", None),
    "float8e4m3fn": ("float8_e4m3fn", 448.0),
    "float8e4m3fnuz": ("float8_e4m3fnuz", 240.0),
    "float8e5m2": ("float8_e5m2", 57344.0),
    "float8e5m2fnuz": ("float8_e5m2fnuz", 57344.0),
}
"""Torch's dtypes of narrow numbers, and their largest numbers (bfloat16 has infinity)."""


@emits("round_to")
def round_to(n: Site) -> Answer:
    """There and back, for the kinds that torch has as dtypes."""
    if n.op.kind not in NARROW or "float" not in n.type("x").dtype:
        return None
    name, most = NARROW[n.op.kind]
    bound = "" if most is None or not n.op.saturate else f".clamp(-{most}, {most})"
    return f"{n['x']}{bound}.to(torch.{name}).to({n['x']}.dtype)"
