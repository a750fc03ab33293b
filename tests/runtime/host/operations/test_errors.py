"""What an operator is told, and the advice that comes with it."""

from pathlib import Path

from perdure.runtime.host.operations.errors import (
    AmbiguousNamespace,
    NoSuchActor,
    OperatorError,
    SourceUnusable,
)


def test_the_text_is_the_problem_and_the_advice_stands_apart() -> None:
    error = NoSuchActor("nobody", "try another")
    assert (str(error), error.hint) == ("nobody", "try another")
    assert isinstance(error, OperatorError)


def test_several_namespaces_are_named_by_their_keys() -> None:
    error = AmbiguousNamespace("Room", ["a-Room", "b-Room"])
    assert str(error) == '"Room" names several namespaces'
    assert error.hint == "Name one by its key: a-Room, b-Room"


def test_a_file_is_named_first() -> None:
    assert str(SourceUnusable(Path("a"), "is empty")) == "a: is empty"
