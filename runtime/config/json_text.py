"""``wrangler.json`` and ``wrangler.jsonc``: values, and where each key stands.

JSON with comments, and commas behind the last item. Both are blanked out, so that all else keeps
its line and column; what remains is read by ``json``, and by tree-sitter for the places.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NoReturn

import tree_sitter_json
from tree_sitter import Language, Node, Parser

from .positions import KeyPath, Places, Position, Positions

_COMMENT = r"//[^\n]*|/\*(?>.*?(?:\*/|\Z))"
_TOKEN = re.compile(
    rf"""(?P<string>"(?>(?:\\.|[^"\\\n])*)"?)|(?P<comment>{_COMMENT})"""
    rf"""|(?P<last>,(?=(?>\s|{_COMMENT})*+[\]}}]))|(?P<word>[A-Za-z_$][\w$]*)|\S""",
    re.DOTALL,
)
_NOT_JSON = frozenset({"NaN", "Infinity"})
HINTS = {
    "Expecting value": "A value is text in double quotes, a number, true, false, null, [ ] or { }.",
    "Expecting property name enclosed in double quotes": 'Keys have double quotes: "name".',
    "Expecting ',' delimiter": "A comma, or the end of the array or object, is missing here.",
    "Expecting ':' delimiter": "A colon stands between a key and its value.",
    "Unterminated string starting at": "A string is opened with a quote that is never closed.",
    "Invalid control character at": "A string ends on the line where it began; \\n is a new line.",
    "Extra data": "The file is one object, { ... }; something stands behind its end.",
}
HINT = "The file is not well-formed JSON from here on; comments and trailing commas are fine."


class JsonError(ValueError):
    """A text is not what was expected.

    Attributes:
        message: What is wrong.
        place: Where; None when it is not known.
        hint: What to do.
    """

    def __init__(self, message: str, place: Position | None, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.hint = hint


def parse_json(text: str) -> tuple[Mapping[str, object], Positions]:
    """Return the object that a text holds, and the places of its keys and items.

    Of a key that stands twice the last one counts, as in wrangler.

    Raises:
        JsonError: The text is not well-formed, or holds something else.
        RecursionError: It is nested too deeply.
    """
    plain = _blanked(text)
    try:
        value = json.loads(plain)
    except json.JSONDecodeError as error:
        place = Position(error.lineno, error.colno)
        raise JsonError(error.msg, place, HINTS.get(error.msg, HINT)) from None
    except ValueError:  # Python refuses to read it, for that takes long
        hint = "Write it as text, in double quotes."
        raise JsonError("A number has too many digits.", None, hint) from None
    if not isinstance(value, dict):
        hint = 'Write { "name": ..., "main": ... }.'
        raise JsonError("The file should hold an object.", Position(1, 1), hint)
    source = plain.encode("utf-8", "surrogatepass")
    return value, Positions(_Walk(source).document(_parser().parse(source).root_node))


def _blanked(text: str) -> str:
    """Return a text with blanks for comments and for commas behind a last item."""
    parts: list[str] = []
    end, before = 0, ""
    for token in _TOKEN.finditer(text):
        found, kind = token[0], token.lastgroup
        if kind == "comment" and found.startswith("/*") and not found.endswith("*/", 2):
            _refuse(text, token.start(), "A comment is opened with /* that is never closed.")
        if kind == "word" and found in _NOT_JSON:
            _refuse(text, token.start(), f"JSON has no {found}.")
        # A comma that nothing stands before is a slip, and json says so.
        is_left_out = kind == "comment" or (kind == "last" and before not in {"[", "{", ","})
        if is_left_out:
            parts += [text[end : token.start()], re.sub(r"[^\n]", " ", found)]
            end = token.end()
        if kind != "comment":
            before = found
    return "".join([*parts, text[end:]])


def _refuse(text: str, at: int, message: str) -> NoReturn:
    line_start = text.rfind("\n", 0, at) + 1
    raise JsonError(message, Position(text.count("\n", 0, at) + 1, at - line_start + 1), HINT)


@cache
def _parser() -> Parser:
    return Parser(Language(tree_sitter_json.language()))


class _Walk:
    """One pass over a syntax tree, in document order."""

    def __init__(self, source: bytes) -> None:
        self._places = Places(source)

    def document(self, root: Node) -> Mapping[KeyPath, Position]:
        for node in root.named_children:
            self._value((), node)
        return self._places.found

    def _value(self, path: KeyPath, node: Node) -> None:
        if node.type == "object":
            for key, value in _pairs(node):
                below = (*path, json.loads(key.text or b'""'))
                self._places.forget(below)
                self._places.note(below, key)
                self._value(below, value)
        elif node.type == "array":
            for index, item in enumerate(node.named_children):
                self._places.note((*path, index), item)
                self._value((*path, index), item)


def _pairs(node: Node) -> Iterator[tuple[Node, Node]]:
    for pair in node.named_children:
        key, value = pair.child_by_field_name("key"), pair.child_by_field_name("value")
        if key is not None and value is not None:
            yield key, value
