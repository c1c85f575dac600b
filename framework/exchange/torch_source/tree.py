"""Which block copies become modules, which weights belong to which, and who shares with whom."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from framework.ir.graph import Graph, Input, Node, Parameter, Scope

__all__ = ["ROOT", "Tree", "base_of", "inside", "prefixes"]

ROOT = ""


def inside(name: str, path: str) -> str | None:
    """The rest of a name after the path, or None where it does not lie in it."""
    if path == ROOT:
        return name
    return name[len(path) + 1 :] if name.startswith(f"{path}.") else None


def base_of(path: str) -> str | None:
    """The path without the number of the copy; None where there is none."""
    base, _, last = path.rpartition(".")
    return base if base and last.isdecimal() else None


def prefixes(name: str) -> Iterator[str]:
    """Every proper prefix of a dotted name, the longest first."""
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


class Tree:
    """Scopes that can be called like a function, nodes and weights by scope.

    A scope whose nodes do not stand together could need a result before it gave it; it is
    dissolved into the scope around it.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes = [node for node in graph if not isinstance(node.op, Input)]
        self.scopes = dict(self._scopes())
        self.home = {node.name: self.keeper(node.name) for node in self.nodes}
        self.children = self._children()
        self.heights = self._heights()
        self.aliases = dict(self._aliases())
        self.parameters = self._parameters()

    # ------------------------------------------------------------------ scopes

    def _scopes(self) -> Iterator[tuple[str, Scope]]:
        positions: dict[str, list[int]] = defaultdict(list)
        for position, node in enumerate(self.nodes):
            for prefix in prefixes(node.name):
                positions[prefix].append(position)
        for path, found in positions.items():
            if found[-1] - found[0] + 1 != len(found):
                continue
            scope = self.graph.scopes.get(path)
            base = base_of(path)
            if scope is not None:
                yield path, scope
            elif base is not None:  # a repeated sequence has copies, but is no block
                yield path, Scope(path, ".".join(p for p in base.split(".") if not p.isdecimal()))

    def keeper(self, name: str) -> str:
        """The innermost scope that a node or weight lies in."""
        return next((path for path in prefixes(name) if path in self.scopes), ROOT)

    def _children(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for path in dict.fromkeys(path for node in self.nodes for path in self.around(node.name)):
            found[self.keeper(path)].append(path)
        return found

    def around(self, name: str) -> list[str]:
        """The scopes around a name, outermost first."""
        return [path for path in prefixes(name) if path in self.scopes][::-1]

    def _heights(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for path in sorted(self.scopes, key=lambda path: -path.count(".")):
            found[path] = 1 + max((found[child] for child in self.children[path]), default=-1)
        return found

    def ranks(self) -> dict[str, int]:
        """A number for each scope, above those of all blocks that it or its twins use.

        Where blocks contain each other, as only names by hand can make it seem, it is the height.
        """
        inner: dict[str, set[str]] = defaultdict(set)
        for path, children in self.children.items():
            if path != ROOT:
                inner[self.scopes[path].block].update(self.scopes[c].block for c in children)
        ranks = {scope.block: 0 for scope in self.scopes.values()}
        for _ in range(len(ranks) + 1):
            old = dict(ranks)
            for block, used in inner.items():
                ranks[block] = max((old[other] + 1 for other in used), default=0)
            if ranks == old:
                return {path: ranks[scope.block] for path, scope in self.scopes.items()}
        return self.heights

    def contents(self, path: str) -> Iterator[Node | str]:
        """Nodes and inner scopes of a scope, in order."""
        last = None
        for node in self.nodes_in(path):
            if self.home[node.name] == path:
                yield node
                last = None
                continue
            inner = next(p for p in self.around(node.name) if inside(p, path) is not None)
            if inner != last:
                yield inner
            last = inner

    def members(self, path: str) -> set[str]:
        """The next parts of all names of nodes and weights that lie under a path."""
        names = [*(node.name for node in self.nodes), *self.graph.parameters]
        inner = (inside(name, path) for name in names)
        return {rest.partition(".")[0] for rest in inner if rest is not None}

    def nodes_in(self, path: str) -> list[Node]:
        """All nodes of a scope and of those inside it."""
        if path == ROOT:
            return self.nodes
        return [node for node in self.nodes if inside(node.name, path) is not None]

    # ------------------------------------------------------------------ weights

    def _aliases(self) -> Iterator[tuple[str, str]]:
        """Scopes that use the weights of an earlier one throughout: the same module again."""
        done: set[str] = set()
        for path in sorted(self.scopes, key=lambda path: path.count(".")):
            if any(prefix in done for prefix in prefixes(path)):
                continue
            other = self._other(path)
            if other is not None:
                done.add(path)
                yield path, other

    def _other(self, path: str) -> str | None:
        nodes = self.nodes_in(path)
        first = next((node for node in nodes if node.parameters), None)
        if first is None:
            return None
        slot, stored = next(iter(first.parameters.items()))
        tail = f".{inside(first.name, path)}.{slot}"
        other = stored.removesuffix(tail)
        around = self.keeper(path)
        if other == path or not stored.endswith(tail) or other not in self.scopes:
            return None
        if inside(other, around) is None or self.facts(path, other) != self.facts(other, other):
            return None
        return other

    def facts(self, path: str, keeper: str) -> list[object]:
        """What must agree where two scopes are to be one module: operators, wires, weights."""
        found: list[object] = []
        for node in self.nodes_in(path):
            wires = self.graph.wires_of(node.name).items()
            inner = [(port, inside(v.node, path), v.output) for port, v in wires]
            stored = [(slot, inside(name, keeper)) for slot, name in node.parameters.items()]
            found.append((inside(node.name, path), node.op, inner, stored))
        return found

    def _parameters(self) -> dict[str, dict[str, Parameter]]:
        """The weights that each scope keeps, under the names that it knows them by."""
        found: dict[str, dict[str, Parameter]] = defaultdict(dict)
        for name, parameter in self.graph.parameters.items():
            found[self.keeper(name)][name] = parameter
        for path in self.scopes:
            other = self.real(path)
            if other != path:
                kept = found.get(other, {}).items()
                found[path] = {path + name[len(other) :]: value for name, value in kept}
        return found

    def real(self, path: str) -> str:
        """The scope whose weights this one uses: mostly itself."""
        for prefix in (path, *prefixes(path)):
            if prefix in self.aliases:
                return self.aliases[prefix] + path[len(prefix) :]
        return path

    def stored(self, node: Node) -> dict[str, str]:
        """The weights of a node by slot, as its scope calls them."""
        alias = next((p for p in self.around(node.name) if p in self.aliases), None)
        if alias is None:
            return node.parameters
        other = self.aliases[alias]
        return {slot: renamed(name, other, alias) for slot, name in node.parameters.items()}

    def crowds(self) -> Counter[str]:
        """How many weights lie under each path."""
        names = (name for kept in self.parameters.values() for name in kept)
        return Counter(path for name in names for path in prefixes(name))

    def owners(self) -> dict[str, str]:
        """For each path of a module with weights, the node that it is made for."""
        found: dict[str, str] = {}
        for node in self.nodes:
            path = home_of(self.stored(node).items())
            if path is not None and (path not in found or path == node.name):
                found[path] = node.name
        return found


def renamed(name: str, old: str, new: str) -> str:
    """A name in one scope as the same name in another."""
    rest = inside(name, old)
    return name if rest is None else f"{new}.{rest}"


def home_of(stored: Iterable[tuple[str, str]]) -> str | None:
    """The path under which all weights of a node are stored by the names of their slots."""
    homes = {name.removesuffix(f".{slot}") for slot, name in stored if name.endswith(f".{slot}")}
    whole = all(name.endswith(f".{slot}") for slot, name in stored)
    return homes.pop() if whole and len(homes) == 1 else None
