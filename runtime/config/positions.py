"""Where each key of a configuration file stands; json_text.py has the same for JSON.

``tomllib`` gives values and no positions; tree-sitter gives positions and no values. Both
read the same text, and a key path is what ties them together: ``("migrations", 0, "tag")``.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

import tree_sitter_toml
from tree_sitter import Language, Node, Parser

KeyPath = tuple[str | int, ...]

KEYS = frozenset({"bare_key", "quoted_key", "dotted_key"})
BARE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a text file; ``line`` and ``column`` count from 1, columns in characters."""

    line: int
    column: int


class Positions:
    """The place of every key path of one file."""

    def __init__(self, places: Mapping[KeyPath, Position]) -> None:
        self._places = places

    def find(self, path: KeyPath) -> Position | None:
        """Return the place of ``path``, or of the closest thing around it; None for the root.

        A key that is missing has no place, its table has: so ``a.b.c`` falls back to ``a.b``.
        """
        while path:
            if place := self._places.get(path):
                return place
            path = path[:-1]
        return None


def toml_positions(text: str) -> Positions:
    """Return the positions of all keys and array items in a TOML text that is known to parse."""
    source = text.encode()
    tree = parser().parse(source)
    return Positions(Walk(source).document(tree.root_node))


def path_text(path: KeyPath) -> str:
    """Return a key path as people write it: ``env.prod.migrations[0].tag``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if part and BARE.issuperset(part) else f'"{part}"'
            text += f".{name}" if text else name
    return text


@cache
def parser() -> Parser:
    return Parser(Language(tree_sitter_toml.language()))


class Places:
    """The places of key paths, as a walk over a syntax tree comes upon them."""

    def __init__(self, source: bytes) -> None:
        self._lines = source.split(b"\n")
        self.found: dict[KeyPath, Position] = {}

    def note(self, path: KeyPath, node: Node) -> None:
        """Keep the place of a path, unless it has one already."""
        row, byte = node.start_point
        # tree-sitter counts columns in bytes, editors in characters.
        column = len(self._lines[row][:byte].decode("utf-8", "surrogatepass"))
        self.found.setdefault(path, Position(row + 1, column + 1))

    def forget(self, path: KeyPath) -> None:
        """Drop a path and all below it, if it has been noted."""
        if path in self.found:
            length = len(path)
            self.found = {p: at for p, at in self.found.items() if p[:length] != path}


class Walk:
    """One pass over a syntax tree, in document order."""

    def __init__(self, source: bytes) -> None:
        self._places = Places(source)
        self._sizes: dict[KeyPath, int] = {}  # of arrays of tables, by their path

    def document(self, root: Node) -> Mapping[KeyPath, Position]:
        for node in root.named_children:
            if node.type == "pair":
                self._pair((), node)
            elif node.type in {"table", "table_array_element"}:
                self._table(node)
        return self._places.found

    def _table(self, node: Node) -> None:
        header = next((child for child in node.named_children if child.type in KEYS), None)
        if header is None:
            return  # a syntax error that tomllib did not see; its keys fall back to their table
        path: KeyPath = ()
        *parents, last = key_parts(header)
        for name, part in parents:
            path = self._innermost((*path, name))
            self._places.note(path, part)
        name, part = last
        path = (*path, name)
        self._places.note(path, part)
        if node.type == "table_array_element":
            index = self._sizes.get(path, 0)
            self._sizes[path] = index + 1
            path = (*path, index)
            self._places.note(path, part)
        for child in node.named_children:
            if child.type == "pair":
                self._pair(path, child)

    def _innermost(self, path: KeyPath) -> KeyPath:
        """A header that goes through an array of tables means the array's latest element."""
        size = self._sizes.get(path)
        return path if size is None else (*path, size - 1)

    def _pair(self, path: KeyPath, node: Node) -> None:
        key, *rest = node.named_children
        for name, part in key_parts(key):
            path = (*path, name)
            self._places.note(path, part)
        for child in rest:
            self._value(path, child)

    def _value(self, path: KeyPath, node: Node) -> None:
        if node.type == "inline_table":
            for child in node.named_children:
                if child.type == "pair":
                    self._pair(path, child)
        elif node.type == "array":
            items = (child for child in node.named_children if child.type != "comment")
            for index, item in enumerate(items):
                self._places.note((*path, index), item)
                self._value((*path, index), item)


def key_parts(node: Node) -> Iterator[tuple[str, Node]]:
    """Yield the names of a possibly dotted key, each with its node."""
    if node.type == "dotted_key":
        for child in node.named_children:
            yield from key_parts(child)
        return
    text = (node.text or b"").decode()
    if node.type == "quoted_key":
        # Escapes are the parser's business, and a key alone is nearly a document.
        (text,) = tomllib.loads(f"{text} = 0")
    yield text, node
