"""How good is the first message?  One token of a bundled model is spoilt; where does it point?

    python tests/mutation_quality.py [--every N] [--misses]

Each file in graphs/ is spoilt in one place at a time, everywhere:

    typo      a letter dropped, doubled, exchanged or swapped in a word of three letters or more:
              an operator, an attribute, a key, a word among several, a reference (also a name in
              an expression), or the declaration of a name
    number    a number plus one, or doubled
    line      a line deleted

Only what makes the file wrong counts.  A message points at the mistake if its place is on the
spoilt line, or if its hint or a note names that line ("line 12"): for a size the place may be
where the disagreement is seen, if a note says where the size comes from.  For a deleted line the
place may also be on the line before or behind the gap, on a line that stood below the deleted
one, or at the node or key that has lost something; and a message that names a word which only
the deleted line had is right wherever it stands.
A suggestion is right if the hint names the word that was there; for a declaration, the word that
stands there now, which is what its users would have to say.
"""

from __future__ import annotations

import argparse
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from framework.api.read import read
from framework.errors import Place, Problem, Source, SpecError
from framework.ir.op import REGISTRY
from framework.source import ListNode, MapNode, Scalar, YamlNode, read_yaml
from framework.spec.read_beside import NODE_KEYS
from framework.spec.read_nodes import STRUCTURE

FOLDER = Path(__file__).parent.parent / "graphs"
NAMES = ("args", "let", "dims", "inputs", "blocks")
NODE_LISTS = ("nodes", "body", "skip", "residual", "sequence")
FREE = ("doc", "name", "draw", "weights", "labels", "from", "import", "format")
WORD = re.compile(r"[A-Za-z_]\w{2,}")
NUMBER = re.compile(r"(?<![\w.])\d+(?![\w.])")


@dataclass(frozen=True)
class Mutation:
    """One spoilt token: what was there, what stands there now, and the whole text."""

    kind: str
    line: int
    old: str
    new: str
    text: str


@dataclass(frozen=True)
class Token:
    """A word or number of the file that may be spoilt."""

    kind: str
    place: Place
    text: str


# ---------------------------------------------------------------------------- tokens


class Tokens:
    """Sorts the words of a file by what they are."""

    def __init__(self, tree: YamlNode) -> None:
        self.names = set(declared(tree))
        self.found: list[Token] = []
        self.top(tree)

    def top(self, tree: YamlNode) -> None:
        """A model, or a block."""
        for key, value in tree if isinstance(tree, MapNode) else ():
            self.add("key", key)
            if key.raw in NAMES:
                self.section(key.raw, value)
            elif key.raw == "outputs":
                self.references(value)
            elif key.raw == "nodes":
                self.nodes(value)
            elif key.raw not in FREE:
                self.values(value)

    def section(self, section: str, tree: YamlNode) -> None:
        """Declarations."""
        for key, value in tree if isinstance(tree, MapNode) else ():
            self.add("declaration", key)
            if section == "blocks":
                self.top(value)
            elif isinstance(value, MapNode):
                for inner, item in value:
                    self.add("key", inner)
                    if inner.raw not in FREE:
                        self.values(item)
            else:
                self.values(value)

    def nodes(self, tree: YamlNode) -> None:
        """A list of nodes."""
        for item in tree if isinstance(tree, ListNode) else ():
            if isinstance(item, Scalar):
                self.add("operator", item)
            for key, value in item if isinstance(item, MapNode) else ():
                self.beside(key, value) if key.raw in NODE_KEYS else self.operator(key, value)

    def beside(self, key: Scalar, value: YamlNode) -> None:
        """A key beside an operator."""
        self.add("key", key)
        if key.raw == "id" and isinstance(value, Scalar):
            self.add("declaration", value)
        elif key.raw in ("in", "share"):
            self.references(value)
        elif key.raw == "with" and isinstance(value, MapNode):
            self.named(value, "key")
        elif key.raw not in FREE:
            self.values(value)

    def operator(self, key: Scalar, value: YamlNode) -> None:
        """An operator or structure word with what stands under it."""
        self.add("operator", key)
        if key.raw == "use" and isinstance(value, Scalar):
            self.add("reference", value)
        elif key.raw in STRUCTURE:
            self.nodes(value)
            for inner, item in value if isinstance(value, MapNode) else ():
                self.add("key", inner)
                self.references(item) if inner.raw == "of" else self.nodes(item)
        elif isinstance(value, MapNode):
            self.named(value, "attribute")
        else:
            self.values(value)

    def named(self, tree: MapNode, kind: str) -> None:
        """Attributes or arguments."""
        for key, value in tree:
            self.add(kind, key)
            self.values(value)

    def references(self, tree: YamlNode) -> None:
        """Ids of nodes, at any depth."""
        if isinstance(tree, Scalar):
            self.add("reference", tree, tree.raw.partition(".")[0])
        for item in tree if isinstance(tree, ListNode) else ():
            self.references(item)
        for key, value in tree if isinstance(tree, MapNode) else ():
            if key.raw != "labels":
                self.references(value)

    def values(self, tree: YamlNode) -> None:
        """Numbers, names in expressions, and words among several, at any depth."""
        for item in tree if isinstance(tree, ListNode) else ():
            self.values(item)
        for _, value in tree if isinstance(tree, MapNode) else ():
            self.values(value)
        if not isinstance(tree, Scalar) or tree.place.width < len(tree.raw):
            return
        for word in WORD.finditer(tree.raw):
            kind = "reference" if word[0] in self.names else "word"
            if kind == "reference" or word[0] == tree.raw:
                self.part(kind, tree, word)
        for number in NUMBER.finditer(tree.raw):
            self.part("number", tree, number)

    def part(self, kind: str, scalar: Scalar, found: re.Match[str]) -> None:
        """A piece of a scalar."""
        offset = found.start() + (not scalar.plain)
        self.found.append(Token(kind, scalar.place.part(offset, len(found[0])), found[0]))

    def add(self, kind: str, scalar: Scalar, text: str | None = None) -> None:
        """A whole word."""
        text = scalar.raw if text is None else text
        if WORD.fullmatch(text) and scalar.plain:
            self.found.append(Token(kind, scalar.place, text))


def declared(tree: YamlNode) -> Iterator[str]:
    """All names that a file declares."""
    for key, value in tree if isinstance(tree, MapNode) else ():
        if key.raw in NAMES and isinstance(value, MapNode):
            yield from value.keys()
        yield from declared(value)


# ---------------------------------------------------------------------------- mutations


def typo(word: str, r: random.Random) -> str:
    """The word with one slip of a finger that changes it."""
    at = r.randrange(len(word) - 1)
    slips = (
        word[:at] + word[at + 1 :],
        word[: at + 1] + word[at:],
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        word[: at + 1] + r.choice("aeinrst") + word[at + 2 :],
    )
    return next((s for s in r.sample(slips, 4) if s != word), word + word[-1])


def mutations(text: str, name: str) -> Iterator[Mutation]:
    """Every place of a file spoilt once; numbers twice."""
    tree = read_yaml(Source(name, text), [])
    r = random.Random(name)
    for token in Tokens(tree).found if tree is not None else ():
        if token.kind == "number":
            yield replaced(text, token, str(int(token.text) + 1))
            yield replaced(text, token, str(max(2, int(token.text) * 2)))
        else:
            yield replaced(text, token, typo(token.text, r))
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.lstrip().startswith("#"):
            rest = "\n".join(lines[: number - 1] + lines[number:])
            yield Mutation("deleted line", number, line, "", rest)


def replaced(text: str, token: Token, new: str) -> Mutation:
    """The text with one token exchanged."""
    lines = text.split("\n")
    line, start = lines[token.place.line - 1], token.place.column - 1
    lines[token.place.line - 1] = line[:start] + new + line[start + len(token.text) :]
    return Mutation(token.kind, token.place.line, token.text, new, "\n".join(lines))


def first_problem(mutation: Mutation, path: Path) -> Problem | None:
    """The first message, or None where the file is still right."""
    try:
        read(Source(path.name, mutation.text), path, {})
    except SpecError as error:
        return error.problems[0]
    return None


# ---------------------------------------------------------------------------- judgement


def points(problem: Problem, mutation: Mutation, original: str) -> bool:
    """Does the message point at what was spoilt, as the head of this file says?"""
    said = " ".join([problem.fact, problem.hint or "", *problem.notes])
    if mutation.kind != "deleted line":
        return mutation.line in lines_named(said) or on_line(problem, mutation.line)
    near = {*around(mutation), *orphans(mutation), owner(original, mutation.line)}
    if any(line in near for line in lines_named(said)) or names_what_is_lost(problem, mutation):
        return True
    return any(on_line(problem, line) for line in near)


def lines_named(said: str) -> set[int]:
    """The lines that hint and notes name."""
    found = re.findall(r"\blines? (\d+(?:(?:, | and )\d+)*)", said)
    return {int(number) for numbers in found for number in re.findall(r"\d+", numbers)}


def around(mutation: Mutation) -> set[int]:
    """The lines before and behind a gap, as they are counted now; empty ones do not count."""
    lines = mutation.text.split("\n")
    full = [n for n, line in enumerate(lines, 1) if line.strip() and line.strip()[0] != "#"]
    before = [n for n in full if n < mutation.line][-1:]
    return {*before, *[n for n in full if n >= mutation.line][:1]}


def on_line(problem: Problem, line: int) -> bool:
    """Is the place of the message on this line?"""
    return problem.place is not None and problem.place.line == line


def owner(original: str, line: int) -> int:
    """The line above that is indented less: the key that has lost an entry."""
    lines = original.split("\n")
    depth = indent(lines[line - 1])
    above = (n for n in range(line - 1, 0, -1) if lines[n - 1].strip())
    return next((n for n in above if indent(lines[n - 1]) < depth), 1)


def indent(line: str) -> int:
    """Spaces before the first word or dash."""
    return len(line) - len(line.lstrip(" "))


def orphans(mutation: Mutation) -> set[int]:
    """The lines that stood below the deleted one, as they are counted now."""
    found = set()
    for number, line in enumerate(mutation.text.split("\n")[mutation.line - 1 :], mutation.line):
        if line.strip() and indent(line) <= indent(mutation.old):
            break
        found.add(number)
    return found


def names_what_is_lost(problem: Problem, mutation: Mutation) -> bool:
    """Does the fact name a name that only the deleted line had, or its key as missing?"""
    code = mutation.old.partition(" #")[0]
    words = {word for word in re.findall(r"\w+", code) if word not in REGISTRY}
    others = set(re.findall(r"\w+", re.sub(r"#.*", "", mutation.text)))
    missing = problem.code == "missing-key" and any(f" {w}" in problem.fact for w in words)
    declared = re.findall(r"\bid: (\w+)|(\w+):", code)
    lost = {word for pair in declared for word in pair} | (words - others)
    return missing or any(f"'{word}'" in problem.fact for word in lost if word)


def suggests(problem: Problem, mutation: Mutation) -> bool:
    """Does the hint name the right word?"""
    wanted = mutation.new if mutation.kind == "declaration" else mutation.old
    return problem.hint is not None and re.search(rf"\b{wanted}\b", problem.hint) is not None


@dataclass
class Score:
    """What a whole measurement found."""

    pointing: Counter[str]
    suggesting: Counter[str]
    total: Counter[str]
    misses: dict[str, list[str]]

    def share(self, of: Counter[str], kinds: list[str]) -> float:
        """The part of these kinds."""
        total = sum(self.total[kind] for kind in kinds)
        return sum(of[kind] for kind in kinds) / total if total else 1.0

    @property
    def typos(self) -> list[str]:
        """The kinds for which a suggestion is due."""
        return [kind for kind in self.total if kind not in ("number", "deleted line")]

    @property
    def pointed(self) -> float:
        """The part of first messages that point at the mistake."""
        return self.share(self.pointing, list(self.total))

    @property
    def suggested(self) -> float:
        """The part of typos that get the right suggestion."""
        return self.share(self.suggesting, self.typos)


def measure(every: int = 1, start: int = 0) -> Score:
    """Spoil every ``every``-th place of all files."""
    score = Score(Counter(), Counter(), Counter(), defaultdict(list))
    for path in sorted(FOLDER.glob("*.yaml")):
        original = path.read_text(encoding="utf-8")
        for mutation in list(mutations(original, path.name))[start::every]:
            problem = first_problem(mutation, path)
            if problem is not None:
                judge(score, mutation, problem, original)
    return score


def judge(score: Score, mutation: Mutation, problem: Problem, original: str) -> None:
    """Count one message."""
    kind = mutation.kind
    score.total[kind] += 1
    good = points(problem, mutation, original)
    score.pointing[kind] += good
    told = f"line {mutation.line}: '{mutation.old.strip()}' -> '{mutation.new}'\n{problem}"
    if not good:
        score.misses[f"{kind}, does not point"].append(told)
    if kind in score.typos:
        right = suggests(problem, mutation)
        score.suggesting[kind] += right
        if not right:
            score.misses[f"{kind}, no suggestion"].append(told)


def main() -> None:
    """Print both figures, by kind, and the misses."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--every", type=int, default=1, help="look at every N-th place only")
    parser.add_argument("--misses", action="store_true", help="print the messages that missed")
    options = parser.parse_args()
    score = measure(options.every)
    print(f"{'kind':14} {'wrong files':>11} {'point':>8} {'suggest':>8}")
    for kind, total in sorted(score.total.items()):
        right = f"{score.suggesting[kind] / total:8.1%}" if kind in score.typos else ""
        print(f"{kind:14} {total:11,} {score.pointing[kind] / total:8.1%} {right}")
    total = sum(score.total.values())
    print(f"{'all':14} {total:11,} {score.pointed:8.1%} {score.suggested:8.1%}")
    for title, misses in sorted(score.misses.items()):
        print(f"\n{len(misses)} x {title}")
        for told in misses if options.misses else ():
            print(f"  {told}".replace("\n", "\n  "))


if __name__ == "__main__":
    main()
