"""What a mutant is: one place of a source file, found on its syntax tree, and made wrong.

*Promise*: ``mutate`` changes exactly one place, or raises ``NoLongerApplies``: a mutant whose place
is gone, or has become two, would show nothing for ever after.

Places are found by the class or function they are in and by what is called, tested or assigned
there, not by lines, so that a mutant outlives most changes of the code around it.
"""

import ast
import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass

Find = Callable[[ast.AST], bool]
Change = Callable[[ast.AST], "ast.AST | list[ast.stmt]"]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One thing that the code promises, not done.

    Attributes:
        name: What is wrong then.
        file: Where, relative to the root of the repository.
        where: The class, function or ``Class.method`` that holds the place; "" for the whole file.
        find: Tells the one node that is to be changed.
        change: Returns what stands in its place.
        caught_by: Tests (pytest's node ids) that all must fail.
    """

    name: str
    file: str
    where: str
    find: Find
    change: Change
    caught_by: tuple[str, ...]


class NoLongerApplies(Exception):
    """The code has changed, and a mutant has no place in it, or more than one.

    Attributes:
        mutant: Which.
        places: How many there are.
    """

    def __init__(self, mutant: Mutant, places: int) -> None:
        self.mutant = mutant
        self.places = places
        super().__init__(
            f"mutant {mutant.name!r} no longer applies: {places} places in {mutant.where or 'all'} "
            f"of {mutant.file} fit; mend it in tests/mutants/, or take it out if what it breaks "
            "is not promised any more"
        )


def mutate(mutant: Mutant, text: str) -> str:
    """Return the source ``text`` with the mutant's place changed.

    Raises:
        NoLongerApplies: There is not exactly one such place.
    """
    mutation = _Mutation(mutant)
    tree = mutation.visit(ast.parse(text))
    if mutation.places != 1:
        raise NoLongerApplies(mutant, mutation.places)
    assert isinstance(tree, ast.Module), "a place is inside of the file"
    mutated = ast.unparse(ast.fix_missing_locations(tree))
    compile(mutated, mutant.file, "exec")
    return mutated + "\n"


class _Mutation(ast.NodeTransformer):
    def __init__(self, mutant: Mutant) -> None:
        self.places = 0
        self._mutant = mutant
        self._path: list[str] = []

    def visit(self, node: ast.AST) -> "ast.AST | list[ast.stmt]":
        is_named = isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if is_named:
            self._path.append(node.name)  # type: ignore[attr-defined]  # just asked
        try:
            if self._is_inside() and self._mutant.find(node):
                self.places += 1
                return self._mutant.change(node)
            self.generic_visit(node)
            return node
        finally:
            if is_named:
                self._path.pop()

    def _is_inside(self) -> bool:
        path, where = ".".join(self._path), self._mutant.where
        return not where or path == where or path.startswith(where + ".")


# --- finding --------------------------------------------------------------------------------


def called(node: ast.AST) -> str | None:
    """Return the last name of what ``node`` calls; None if it is no call."""
    if not isinstance(node, ast.Call):
        return None
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else None


def calls(name: str, *words: str) -> Find:
    """Find a statement that calls ``name`` somewhere, and has all these names in it.

    A plain one, no ``if`` or loop.
    """

    def find(node: ast.AST) -> bool:
        is_plain = isinstance(node, ast.Expr | ast.Assign | ast.AnnAssign | ast.Return)
        if not is_plain or not set(words) <= names(node):
            return False
        return any(called(each) == name for each in ast.walk(node))

    return find


def call_of(name: str) -> Find:
    """Find a call of ``name``."""
    return lambda node: called(node) == name


def assigns(name: str) -> Find:
    """Find an assignment to the variable or attribute ``name``."""

    def find(node: ast.AST) -> bool:
        return isinstance(node, ast.Assign) and any(name in names(each) for each in node.targets)

    return find


def branch_on(*words: str) -> Find:
    """Find an ``if`` whose condition has all these names in it."""
    return lambda node: isinstance(node, ast.If) and set(words) <= names(node.test)


def expression(text: str) -> Find:
    """Find an expression that is written like this."""
    wanted = ast.dump(ast.parse(text, mode="eval").body)
    return lambda node: isinstance(node, ast.expr) and ast.dump(node) == wanted


def block(*statements: Find) -> Find:
    """Find what has, directly in its body, statements that fit these, in this order."""
    return lambda node: _positions(node, statements) is not None


def names(node: ast.AST) -> set[str]:
    """Return the variables and attributes that stand in ``node``."""
    found = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    return found | {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}


def _positions(node: ast.AST, statements: Iterable[Find]) -> list[int] | None:
    body = getattr(node, "body", None)
    if not isinstance(body, list):
        return None
    positions: list[int] = []
    at = 0
    for fits in statements:
        while at < len(body) and not any(fits(each) for each in _own_nodes(body[at])):
            at += 1
        if at == len(body):
            return None
        positions.append(at)
        at += 1
    return positions


def _own_nodes(statement: ast.stmt) -> Iterable[ast.AST]:
    """A loop counts for what it does; a function that is only defined here does nothing."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return ()
    return ast.walk(statement)


# --- changing -------------------------------------------------------------------------------


def nothing(_: ast.AST) -> ast.AST:
    """Leave the statement out."""
    return ast.Pass()


def to(text: str) -> Change:
    """Put this expression in its place."""
    return lambda _: ast.parse(text, mode="eval").body


def statements(text: str) -> Change:
    """Put these statements in its place."""
    return lambda _: ast.parse(text).body


def never(node: ast.AST) -> ast.AST:
    """Never take the branch."""
    return _with_test(node, value=False)


def always(node: ast.AST) -> ast.AST:
    """Always take the branch."""
    return _with_test(node, value=True)


def _with_test(node: ast.AST, *, value: bool) -> ast.AST:
    assert isinstance(node, ast.If), "only a branch is taken or not"
    node.test = ast.Constant(value)
    return node


def preceded_by(text: str) -> Change:
    """Do something before it."""

    def change(node: ast.AST) -> list[ast.stmt]:
        assert isinstance(node, ast.stmt), "something is done before a statement"
        return [*ast.parse(text).body, node]

    return change


def without(first: Find) -> Change:
    """Leave out the first statement of the block that fits."""

    def change(node: ast.AST) -> ast.AST:
        positions = _positions(node, (first,))
        assert positions is not None, "it was found by this one"
        node.body[positions[0]] = ast.Pass()  # type: ignore[attr-defined]  # it has been searched
        return node

    return change


def swapped(first: Find, second: Find, between: str = "") -> Change:
    """Do what comes first in the block after what comes second, and ``between`` in between."""

    def change(node: ast.AST) -> ast.AST:
        positions = _positions(node, (first, second))
        assert positions is not None, "it was found by these two"
        body: list[ast.stmt] = node.body  # type: ignore[attr-defined]  # it has been searched
        early, late = positions
        late_one = body.pop(late)
        body[early:early] = [late_one, *ast.parse(between).body]
        return node

    return change


def at_once(only_if: str | None = None) -> Change:
    """Turn ``emit(partial(f, a))`` and ``emit(f, a)`` into ``f(a)``; or where ``only_if`` holds."""

    def change(node: ast.AST) -> ast.AST:
        assert isinstance(node, ast.Call), "an output is a call of emit"
        action, *arguments = node.args
        if called(action) == "partial":
            assert isinstance(action, ast.Call), "just asked"
            direct = ast.Call(action.args[0], action.args[1:], action.keywords)
        else:
            direct = ast.Call(action, arguments, [])
        if only_if is None:
            return direct
        condition = ast.parse(only_if, mode="eval").body
        return ast.IfExp(condition, direct, copy.deepcopy(node))

    return change
