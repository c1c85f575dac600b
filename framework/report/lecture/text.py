"""An explanation for people: plain lines under short titles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from framework.ir.dims import symbols_of
from framework.report.lecture.equation import Equation
from framework.report.lecture.node import Lecture
from framework.report.lecture.origins import Stop
from framework.report.tables import cell_text, grouped


def lecture_text(found: Lecture) -> str:
    """The whole explanation, without a line break at its end."""
    parts = [
        "\n".join(heading(found)),
        section("shape", shape_lines(found)),
        section("work", work_lines(found)),
    ]
    if found.parts:
        parts.append(section("inside", aligned([str(part) for part in found.parts])))
    if found.field is not None:
        parts.append(section("receptive field", [str(found.field)]))
    parts.append(section("where the sizes come from", origin_lines(found)))
    return "\n\n".join(parts)


def section(title: str, lines: Iterable[str]) -> str:
    """A title with indented lines."""
    return "\n".join([title, *(f"  {line}" for line in lines)])


def aligned(lines: list[str]) -> list[str]:
    """Lines whose last part, behind two spaces, starts in one column."""
    split = [line.partition("  ") for line in lines]
    width = max(len(left) for left, _, _ in split)
    return [f"{left:{width}}  {right}".rstrip() for left, _, right in split]


def heading(found: Lecture) -> Iterator[str]:
    """Name, operator, what it does, where it stands."""
    yield f"{found.name}: {found.operator}"
    yield found.first_line
    if found.place is not None:
        yield f"{found.place}"
    for around in reversed(found.around):
        given = f" with {around.arguments}" if around.arguments else ""
        where = "" if around.place is None else f" on line {around.place.line}{given}"
        yield f"  in block '{around.block}', used as {around.path}{where}"


def shape_lines(found: Lecture) -> Iterator[str]:
    """Signature, inputs, letters, equations, weights, outputs."""
    yield found.signature
    for port, (name, type_) in found.inputs.items():
        yield f"{port} = {type_} from {name}"
    letters = ", ".join(f"{name} = {size}" for name, size in found.letters)
    if letters:
        yield letters
    yield from map(equation_text, found.equations)
    for slot, shape in found.parameters.items():
        yield f"{slot}: {list(shape)}"
    for name, type_ in found.outputs.items():
        yield f"{name} = {type_}"


def equation_text(equation: Equation) -> str:
    """The equation, and the result in symbols where it is in numbers."""
    general = equation.general
    if general is None or general == equation.value or not symbols_of(general):
        return grouped(str(equation))
    return f"{grouped(str(equation))}   (in general {grouped(str(general))})"


def work_lines(found: Lecture) -> Iterator[str]:
    """The products, the sums, and how the operator counts."""
    yield from map(equation_text, found.work)
    if not found.work:
        yield f"MACs = {cell_text(found.cost.macs)}"
    yield f"elementwise operations = {cell_text(found.cost.elementwise)}"
    if found.reason:
        yield found.reason


def origin_lines(found: Lecture) -> Iterator[str]:
    """For each axis: the nodes that decided its size, the nearest first."""
    for axis, chain in enumerate(found.origins):
        lines = aligned([stop_text(stop, found.sizes) for stop in chain])
        for number, line in enumerate(lines):
            yield f"axis {axis}: {line}" if number == 0 else f"        {line}"


def stop_text(stop: Stop, sizes: Mapping[str, int]) -> str:
    """``ceil(H/2) = 112  stem.conv: conv makes it from H of image``."""
    number = stop.at(sizes)
    size = str(stop.size) if number == stop.size else f"{stop.size} = {number}"
    blocks = f" (in {', in '.join(reversed(stop.blocks))})" if stop.blocks else ""
    return f"{'. ' * stop.depth}{size}  {stop.node}: {stop.what}{blocks}"
