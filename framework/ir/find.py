"""Nodes by the name that a person types, and the scopes around them.

Parts of a path may be left out:

encoder.0.attention           the node, or one whose path has these parts in this order
attend.weights                the result ``weights`` of the node ``attend``
"""

from __future__ import annotations

from collections.abc import Iterator

from framework.errors import InputError, nearest
from framework.ir.graph import Graph, Node, Value

MOST_SHOWN = 5


def find_value(graph: Graph, text: str) -> Value:
    """The result that ``text`` names; raises InputError where it is none or several."""
    exact = exact_value(graph, text)
    if exact is not None:
        return exact
    found = list(abbreviated(graph, text))
    if len(found) == 1:
        return found[0]
    raise ambiguous(graph, text, found) if found else unknown(graph, text)


def value_name(graph: Graph, value: Value) -> str:
    """The full name of a result: that of its node, with the output's where there are several."""
    node = graph[value.node]
    return node.name if value.output == 0 else result_names(node)[value.output]


def result_names(node: Node) -> list[str]:
    """``node.output`` for each result."""
    return [f"{node.name}.{name}" for name in node.op.output_names(len(node.outputs))]


def scopes_around(graph: Graph, name: str) -> list[str]:
    """Paths of the block copies that hold a node, outermost first."""
    parts = name.split(".")
    prefixes = (".".join(parts[:end]) for end in range(1, len(parts)))
    return [path for path in prefixes if path in graph.scopes]


def outermost(graph: Graph, name: str) -> str:
    """Path of the outermost block copy that holds a node; its own name where there is none."""
    end = name.find(".")
    while end >= 0 and name[:end] not in graph.scopes:
        end = name.find(".", end + 1)
    return name if end < 0 else name[:end]


def exact_value(graph: Graph, text: str) -> Value | None:
    """The result of exactly this name."""
    if text in graph:
        return Value(text)
    for end, character in enumerate(text):
        if character == "." and text[:end] in graph:
            names = result_names(graph[text[:end]])
            if text in names:
                return Value(text[:end], names.index(text))
    return None


def abbreviated(graph: Graph, text: str) -> Iterator[Value]:
    """Results whose path contains the parts of ``text``; the node's own name must be among them."""
    wanted = text.split(".")
    for node in graph:
        path = node.name.split(".")
        if is_short_for(wanted, path, len(path)):
            yield Value(node.name)
            continue
        for output, name in enumerate(result_names(node)):
            if is_short_for(wanted, name.split("."), len(path)):
                yield Value(node.name, output)


def is_short_for(wanted: list[str], path: list[str], own: int) -> bool:
    """Do all parts occur in this order, and the last ones in full?

    The last ones are the node's own name, which is part ``own`` of the path or, where that is
    the number of a copy, the part before it, and all that follows.
    """
    first = own - 1
    while first > 0 and path[first].isdecimal():
        first -= 1
    tail = path[first:]
    if wanted[-len(tail) :] != tail:
        return False
    rest = iter(path[:first])
    return all(part in rest for part in wanted[: -len(tail)])


def ambiguous(graph: Graph, text: str, found: list[Value]) -> InputError:
    """Several nodes fit."""
    names = [value_name(graph, value) for value in found]
    more = f" and {len(names) - MOST_SHOWN} more" if len(names) > MOST_SHOWN else ""
    return InputError(
        f"'{text}' fits {len(names)} nodes: {', '.join(names[:MOST_SHOWN])}{more}\n"
        f"  hint: write more of the path"
    )


def unknown(graph: Graph, text: str) -> InputError:
    """No node fits."""
    inside = [node.name for node in graph if node.name.startswith(f"{text}.")]
    if inside:
        return InputError(f"'{text}' is a block\n  hint: name a node in it, e.g. '{inside[-1]}'")
    owner, _, output = text.rpartition(".")
    if owner in graph:
        names = ", ".join(result_names(graph[owner]))
        return InputError(f"node '{owner}' has no result '{output}'\n  hint: it has {names}")
    near = closest(graph, text)
    hint = f"\n  hint: did you mean '{near}'?" if near else ""
    return InputError(f"no node is called '{text}'{hint}")


def closest(graph: Graph, text: str) -> str | None:
    """The node whose name, or its last part, is most like ``text``."""
    last = {node.name.rpartition(".")[2]: node.name for node in graph}
    near = nearest(text, [*last, *(node.name for node in graph)])
    return near if near is None or near in graph else last[near]
