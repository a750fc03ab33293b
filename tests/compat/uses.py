"""What the text of a program uses: names of modules, members, and what its marks say that it shows."""

import ast
import io
import tokenize
from collections.abc import Iterator

MARK = "shows: "


def uses(text: str) -> set[str]:
    """All that a program can be said to show.

    ``js.Object.fromEntries`` of a module's names, however it was imported, ``js.Object`` with it;
    ``pyodide.ffi.to_js(depth=)`` of an option of a call; ``.to_py`` of a member of anything; and
    the words of each ``# shows: ws == other`` that stands behind code.
    """
    tree = ast.parse(text)
    imported = dict(_imported(tree))
    found = set(_marked(text))
    for node in ast.walk(tree):
        name = _dotted(node, imported)
        while name:
            found.add(name)
            name = name.rpartition(".")[0]
        if isinstance(node, ast.Attribute):
            found.add(f".{node.attr}")
        if isinstance(node, ast.Call) and (called := _dotted(node.func, imported)):
            found.update(f"{called}({keyword.arg}=)" for keyword in node.keywords)
    return found


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """What a name in the program stands for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (top, top)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _dotted(node: ast.AST, imported: dict[str, str]) -> str:
    """``js.Object.values`` for that expression; nothing if it begins with no imported name."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        return imported.get(node.id, "")
    if isinstance(node, ast.Attribute):
        inner = _dotted(node.value, imported)
        return f"{inner}.{node.attr}" if inner else ""
    match node:
        case ast.Call(func=ast.Name("getattr"), args=[of, ast.Constant(str(attribute)), *_]):
            inner = _dotted(of, imported)
            return f"{inner}.{attribute}" if inner else ""
    return ""


def _marked(text: str) -> Iterator[str]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and token.line[: token.start[1]].strip():
            said = token.string.split("# ")[1:]
            yield from (each.removeprefix(MARK).strip() for each in said if each.startswith(MARK))
