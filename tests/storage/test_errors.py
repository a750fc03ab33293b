"""Errors are classes with data; their text says what was wrong, where, and what to do."""

import pickle
from pathlib import Path

import pytest

from perdure.storage.errors import (
    CommitTooLarge,
    ConstraintsViolatedAtCommit,
    DatabaseFailed,
    DirectoryInUse,
    InternalError,
    InvalidArgument,
    LimitExceeded,
    PerdureError,
    SpaceLow,
    SqlError,
    StorageError,
    UsageError,
    ValueCorrupt,
    ValueNotSerializable,
)

HERE = Path("data")
EXAMPLES: list[tuple[PerdureError, str]] = [
    (
        ValueNotSerializable("object", "value[3]"),
        "value[3] is of type object, which cannot be stored or sent",
    ),
    (
        ValueNotSerializable("object", "value", "do this"),
        "value is of type object, which cannot be stored or sent: do this",
    ),
    (
        LimitExceeded("bytes in a key", "key_size_bytes_max", 2048, 3000),
        (
            "bytes in a key: 3000, and no more than 2048 is allowed "
            "(perdure.limits.key_size_bytes_max)"
        ),
    ),
    (InvalidArgument("keys are str"), "keys are str"),
    (SqlError("no such table: t", "SQLITE_ERROR"), "no such table: t: SQLITE_ERROR"),
    (
        SqlError("UNIQUE", "SQLITE_CONSTRAINT", "SQLITE_CONSTRAINT_UNIQUE", 7),
        "UNIQUE at offset 7: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_UNIQUE)",
    ),
    (SqlError("No."), "No."),
    (
        ConstraintsViolatedAtCommit("FOREIGN KEY constraint failed"),
        (
            "Durable Object was reset and rolled back to its last known good state because the "
            "application left the database in a state where constraints were violated: "
            "FOREIGN KEY constraint failed"
        ),
    ),
    (StorageError(HERE, "is full"), "data: is full"),
    (StorageError(HERE, "is full", "Make room."), "data: is full. Make room."),
    (DatabaseFailed(HERE, "is full", code="SQLITE_FULL"), "data: is full"),
    (
        CommitTooLarge.of(HERE, "bytes of a record", 12, 7, "Write less"),
        "data: bytes of a record: 12, and no more than 7 is possible. Write less",
    ),
    (
        SpaceLow.of(HERE, 1_234_567, 268_435_456),
        (
            "data: the file system has 1,234,567 bytes left, and below 268,435,456 no new actor is "
            "begun; those that exist go on. Make room on it, or change "
            "perdure.free_space_size_bytes_min"
        ),
    ),
    (DirectoryInUse(HERE, "is in use", pid=7), "data: is in use"),
    (
        ValueCorrupt("nothing is there"),
        "the bytes of this value cannot be read back: nothing is there",
    ),
    (InternalError("should not be"), "should not be"),
]


@pytest.mark.parametrize(("error", "text"), EXAMPLES, ids=lambda e: type(e).__name__)
def test_text(error: PerdureError, text: str) -> None:
    assert str(error) == text


@pytest.mark.parametrize("error", [error for error, _ in EXAMPLES], ids=lambda e: type(e).__name__)
def test_an_error_is_rebuilt_from_its_arguments(error: PerdureError) -> None:
    """As RPC does it: class and args, and the same text."""
    assert str(type(error)(*error.args)) == str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_whose_fault_is_answered_by_the_class() -> None:
    for error in (ValueNotSerializable, LimitExceeded, InvalidArgument, SqlError):
        assert issubclass(error, UsageError)
    assert issubclass(DatabaseFailed, StorageError)
    assert not issubclass(ConstraintsViolatedAtCommit, StorageError)
    assert issubclass(LimitExceeded, ValueError)
    assert issubclass(InvalidArgument, TypeError)
