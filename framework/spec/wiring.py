"""Which value goes to which port: ``in:``, the previous node, and q -> k -> v."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from framework.errors import Mistake, Place, did_you_mean
from framework.ir.graph import Value
from framework.ir.op import Op
from framework.spec.document import Block, NodeSpec, Reference
from framework.spec.frames import Frame, Result
from framework.spec.values import PlacedMistake, Reported

Wired = dict[str, Value | tuple[Value, ...]]

FALLBACK = {"k": "q", "v": "k"}
"""Ports that take another port's value where they are not given."""


@dataclass(frozen=True)
class PortSpec:
    """A port as the builder sees it, of an operator or a block."""

    name: str
    optional: bool = False
    variadic: bool = False
    slot: bool = False


def ports_of_op(op: type[Op]) -> tuple[PortSpec, ...]:
    """Tensor ports first, then the parameter slots, which only a mapping can fill."""
    return tuple(
        PortSpec(p.name, p.optional or p.parameter, p.variadic, p.parameter)
        for p in op.ports.inputs
    )


def ports_of_block(block: Block) -> tuple[PortSpec, ...]:
    """The declared inputs."""
    return tuple(PortSpec(spec.name) for spec in block.inputs)


def connect(
    spec: NodeSpec, ports: Sequence[PortSpec], previous: Result | None, frame: Frame
) -> Wired:
    """Values by port name; raises `Reported` where one of them is broken."""
    if spec.wiring is None:
        found = implicit(spec, ports, previous)
    elif spec.wiring.named:
        found = by_name(spec, ports, previous, frame)
    else:
        found = by_order(spec, ports, previous, frame)
    required = [port.name for port in ports if not port.optional]
    for name in required:
        source = FALLBACK.get(name)
        if name not in found and source in found:
            found[name] = found[source]
    missing = [f"'{name}'" for name in required if name not in found]
    if missing:
        inputs = "input" if len(missing) == 1 else "inputs"
        raise at(spec, f"{spec.label} needs the {inputs} {' and '.join(missing)}", signature(ports))
    return found


def implicit(spec: NodeSpec, ports: Sequence[PortSpec], previous: Result | None) -> Wired:
    """Without ``in:`` the previous result goes to the one port that needs a value."""
    if all(port.slot or port.optional for port in ports):
        return {}
    needed = without_default(ports)
    if len(needed) != 1 or needed[0].variadic:
        example = "[prev, x]"
        if len(needed) > 1:
            example = f"{{{needed[0].name}: prev, {needed[1].name}: ...}}"
        fact = f"{spec.label} takes {listed(ports, '')}: write in:"
        raise Mistake(fact, hint=f"write e.g. in: {example}", code="in")
    if previous is None:
        raise Reported
    return {needed[0].name: previous.plain}


def without_default(ports: Sequence[PortSpec]) -> list[PortSpec]:
    """Required ports that no other required port can stand in for."""
    required = [port for port in ports if not port.optional]
    names = [port.name for port in required]
    return [port for port in required if FALLBACK.get(port.name) not in names]


def by_name(
    spec: NodeSpec, ports: Sequence[PortSpec], previous: Result | None, frame: Frame
) -> Wired:
    """``in: {q: n, k: memory}``, in the order of the ports."""
    known = {port.name: port for port in ports}
    found: Wired = {}
    for name, (key, references) in (spec.wiring.named if spec.wiring else {}).items():
        port = known.get(name)
        if port is None:
            hint = did_you_mean(name, known) or signature(ports)
            raise PlacedMistake(
                key.place, f"{spec.label} has no input '{name}'", hint=hint, code="unknown-port"
            )
        if len(references) != 1 and not port.variadic:
            raise PlacedMistake(
                key.place, f"the input '{name}' takes one value, {len(references)} given", code="in"
            )
        values = tuple(resolve(reference, previous, frame) for reference in references)
        found[name] = values if port.variadic else values[0]
    return {name: found[name] for name in known if name in found}


def by_order(
    spec: NodeSpec, ports: Sequence[PortSpec], previous: Result | None, frame: Frame
) -> Wired:
    """``in: x`` or ``in: [x, y]``."""
    references = spec.wiring.listed if spec.wiring else ()
    values = tuple(resolve(reference, previous, frame) for reference in references)
    tensors = [port for port in ports if not port.slot]
    if tensors and tensors[0].variadic:
        return {tensors[0].name: values} if values else {}
    if len(values) > len(tensors):
        count = f"{len(tensors)} input{'' if len(tensors) == 1 else 's'}"
        raise at(spec, f"{spec.label} takes {count}, {len(values)} given", signature(ports))
    return {port.name: value for port, value in zip(tensors, values, strict=False)}


def resolve(reference: Reference, previous: Result | None, frame: Frame) -> Value:
    """The value that a reference means."""
    result = previous if reference.name == "prev" else frame.results.get(reference.name)
    if result is None:
        raise Reported
    if reference.output is None:
        return result.plain
    if reference.output not in result.values:
        names = [name for name in result.values if name]
        hint = f"outputs: {', '.join(names)}" if names else f"write {reference.name}"
        if result.block is not None:
            hint = f"block '{result.block}' shows outside what its outputs: list"
        hint = did_you_mean(reference.output, names) or hint
        raise PlacedMistake(
            reference.place,
            f"'{reference.name}' has no output '{reference.output}'",
            hint=hint,
            code="unknown-output",
        )
    return result.values[reference.output]


def at(spec: NodeSpec, fact: str, hint: str) -> PlacedMistake:
    """A mistake at the node's ``in:``, or at its operator."""
    return PlacedMistake(place_of(spec), fact, hint=hint, code="in")


def place_of(spec: NodeSpec) -> Place:
    """Where the inputs of a node are written."""
    return spec.wiring.place if spec.wiring is not None else spec.word.place


def signature(ports: Sequence[PortSpec]) -> str:
    """``inputs: q, k, v, keep?``."""
    return f"inputs: {listed(ports) or 'none'}"


def listed(ports: Sequence[PortSpec], many: str = "…") -> str:
    """The tensor ports, optional ones with ``?``."""
    tensors = [port for port in ports if not port.slot]
    return ", ".join(
        port.name + ("?" if port.optional else "") + (many if port.variadic else "")
        for port in tensors
    )
