"""The engine's view of a statement: the tree that `EXPLAIN AST` prints, and the last clauses of canonical text."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from . import literals

_LINE = re.compile(r"(?P<indent> *)(?P<kind>\S+) ?(?P<name>.*?)(?: \(alias .*\))?(?: \(children \d+\))?$")
_FORMAT = re.compile(r" FORMAT (\w+|`_+`)$")  # the engine quotes a name that is a keyword: `Null`
_SETTINGS = re.compile(r" SETTINGS ((?:\w+ = [^\s,()\[\]{}]+, )*\w+ = [^\s,()\[\]{}]+)$")
_PAIR = re.compile(r"(\w+) = ('(?:[^'\\]|\\.)*'|[^\s,]+)(?:, )?", re.DOTALL)
_UNESCAPED = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "f": "\f"}


@dataclass
class Node:
    """One line of the tree."""

    kind: str
    name: str
    depth: int
    parent: "Node | None" = None
    children: "list[Node]" = field(default_factory=list)

    def walk(self) -> "Iterator[Node]":
        """This node and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True)
class Tail:
    """A canonical statement without the clauses that say how its result looks, and those clauses."""

    body: str
    format: str
    settings: dict[str, str]
    settings_clauses: int


def tree(explained: str) -> Node:
    """The tree of an `EXPLAIN AST` answer; raises ValueError for lines that are none."""
    path: list[Node] = []
    root: Node | None = None
    for line in explained.splitlines():
        found = _LINE.match(line)
        if not found:
            raise ValueError(f"no line of a tree: {line!r}")
        depth = len(found["indent"])
        del path[depth:]
        node = Node(found["kind"], found["name"], depth, path[-1] if path else None)
        if node.parent:
            node.parent.children.append(node)
        elif root:
            raise ValueError("a second statement")
        root = root or node
        path.append(node)
    if not root:
        raise ValueError("an empty tree")
    return root


def tail(canonical: str) -> Tail:
    """Take the last clauses off a canonical statement; the outer settings stand above the inner ones."""
    body, clauses = canonical, list[dict[str, str]]()
    body = _take_settings(body, clauses)
    fmt = _FORMAT.search(literals.covered(body))
    name = body[fmt.start(1) : fmt.end(1)].strip("`") if fmt else ""
    if fmt:
        body = _take_settings(body[: fmt.start()], clauses)
    settings = {name: value for clause in reversed(clauses) for name, value in clause.items()}
    return Tail(body, name, settings, len(clauses))


def _take_settings(text: str, clauses: list[dict[str, str]]) -> str:
    found = _SETTINGS.search(literals.covered(text))
    if not found:
        return text
    clauses.append({name: _value(literal) for name, literal in _PAIR.findall(text[found.start(1) :])})
    return text[: found.start()]


def _value(literal: str) -> str:
    if not literal.startswith("'"):
        return literal
    return re.sub(r"\\(.)", lambda escape: _UNESCAPED.get(escape[1], escape[1]), literal[1:-1], flags=re.DOTALL)
