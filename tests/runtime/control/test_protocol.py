"""What travels between the operator's command and a server."""

from pathlib import Path

import pytest

from perdure.runtime.control.protocol import (
    Failure,
    OperationFailed,
    failure_of,
    failure_of_bug,
)
from perdure.runtime.host.operations.errors import NoSuchActor
from perdure.storage.errors import DatabaseFailed, PerdureError, SqlError


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (NoSuchActor("gone", "look"), Failure("NoSuchActor", "gone", "look", is_usage=True)),
        (
            DatabaseFailed(Path("a.db"), "is damaged", "restore it"),
            Failure("DatabaseFailed", "a.db: is damaged", "restore it"),
        ),
        (SqlError("syntax", "SQLITE_ERROR"), Failure("SqlError", "syntax: SQLITE_ERROR")),
        (OperationFailed(Failure("A", "b")), Failure("A", "b")),
    ],
)
def test_errors_keep_their_class_their_words_and_their_advice(
    error: PerdureError, failure: Failure
) -> None:
    assert failure_of(error) == failure
    assert str(OperationFailed(failure)) == failure.message


def test_a_bug_is_told_as_one() -> None:
    failure = failure_of_bug(KeyError("x"))
    assert failure.kind == "InternalError"
    assert "KeyError: 'x'" in failure.message
