"""A size as LaTeX: ``\\lceil H/2 \\rceil``, ``\\lfloor H/16 \\rfloor \\cdot N + 1``."""

from __future__ import annotations

import ast

from framework.ir.dims import Size

BINDING: dict[type[ast.operator], int] = {
    ast.Add: 1,
    ast.Sub: 1,
    ast.Mult: 2,
    ast.Div: 2,
    ast.Mod: 2,
    ast.Pow: 4,
}
ATOM = 5
SIGNS: dict[type[ast.operator], str] = {
    ast.Add: " + ",
    ast.Sub: " - ",
    ast.Mult: r" \cdot ",
    ast.Div: "/",
    ast.Mod: r" \bmod ",
}
ROUNDED = {"ceil": (r"\lceil ", r" \rceil"), "floor": (r"\lfloor ", r" \rfloor")}


def latex_size(size: Size) -> str:
    """The formula in LaTeX's math mode, without dollar signs.

    A size prints as a Python expression, so Python's own parser reads it; nothing is evaluated.
    """
    return written(ast.parse(str(size), mode="eval").body)[0]


def written(tree: ast.expr) -> tuple[str, int]:
    """Text of an expression, and how tightly its outermost operator binds."""
    match tree:
        case ast.Constant(value=value):
            return str(value), ATOM
        case ast.Name(id=name):
            return variable(name), ATOM
        case ast.UnaryOp(operand=operand):
            return f"-{within(operand, 2)}", 1
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return called(name, [written(argument)[0] for argument in arguments]), ATOM
        case ast.BinOp(left=left, op=op, right=right):
            return operation(left, op, right)
    raise ValueError(f"{ast.unparse(tree)} is no size")


def operation(left: ast.expr, op: ast.operator, right: ast.expr) -> tuple[str, int]:
    """Two operands and their operator."""
    if isinstance(op, ast.FloorDiv):
        return f"\\lfloor {within(left, 2)}/{within(right, 3)} \\rfloor", ATOM
    if isinstance(op, ast.Pow):
        return f"{within(left, ATOM)}^{{{written(right)[0]}}}", BINDING[ast.Pow]
    binding = BINDING[type(op)]
    stronger = binding + (not isinstance(op, ast.Add | ast.Mult))
    return f"{within(left, binding)}{SIGNS[type(op)]}{within(right, stronger)}", binding


def within(tree: ast.expr, binding: int) -> str:
    """Text of an operand, in parentheses unless it binds at least that tightly."""
    text, own = written(tree)
    return text if own >= binding else f"({text})"


def called(name: str, arguments: list[str]) -> str:
    """A function: brackets for ceil and floor, a name for the others."""
    inside = ", ".join(arguments)
    if name in ROUNDED:
        return inside.join(ROUNDED[name])
    return rf"\{name}({inside})"


def variable(name: str) -> str:
    """A letter as it is, a word upright enough to read as one name."""
    return name if len(name) == 1 else rf"\mathit{{{name.replace('_', chr(92) + '_')}}}"
