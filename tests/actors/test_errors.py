"""Errors that callers, handlers and operators of actors meet."""

import inspect
from typing import Any

import pytest

from perdure.actors import errors
from perdure.actors.errors import (
    ActorAborted,
    ActorError,
    ActorOverloaded,
    ActorQuarantined,
    ActorReset,
    GateDeadlock,
    InvalidClose,
    InvalidEventTimeout,
    NoSuchMethod,
    NotInHandler,
    RemoteError,
    ReservedMethod,
    SocketLimitExceeded,
    SocketStateError,
    StorageAccess,
    StubDisposed,
    TransactionClosed,
    WrongThread,
)
from perdure.actors.rpc import decode_error, encode_error
from perdure.storage.errors import PerdureError, UsageError

ERRORS: list[Exception] = [
    NotInHandler("fetch() works only while a handler runs"),
    StorageAccess("from another thread"),
    WrongThread("a stub"),
    TransactionClosed("it has ended"),
    GateDeadlock("it would wait for itself"),
    SocketStateError("not accepted"),
    InvalidClose("Invalid WebSocket close code: 5."),
    InvalidEventTimeout(604_800_001, 604_800_000),
    SocketLimitExceeded("too many tags", "websocket_tags_max", 10, 11),
    ReservedMethod("alarm"),
    StubDisposed(),
    ActorReset("out of memory"),
    ActorOverloaded(10_000),
    ActorQuarantined("app-Room", "ab" * 32, "lobby", 1_700_000_000_000, "SQLITE_CORRUPT: it is"),
    NoSuchMethod("frob"),
    RemoteError("app.Broken", "it broke"),
]


def test_every_error_is_shown_here() -> None:
    defined = {
        cls
        for _, cls in inspect.getmembers(errors, inspect.isclass)
        if cls.__module__ == errors.__name__ and issubclass(cls, BaseException)
    }
    assert defined == {type(error) for error in ERRORS} | {ActorError, ActorAborted}


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_whose_fault_it_is_can_be_caught(error: Exception) -> None:
    assert isinstance(error, PerdureError)
    assert isinstance(error, UsageError) is not isinstance(error, ActorError)


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (SocketStateError("x"), TypeError),
        (InvalidClose("x"), ValueError),
        (ReservedMethod("x"), TypeError),
        (NoSuchMethod("x"), AttributeError),
    ],
)
def test_some_are_builtins_as_well(error: Exception, builtin: type[Exception]) -> None:
    assert isinstance(error, builtin)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ReservedMethod("alarm"), "'alarm' is a reserved method and cannot be called over RPC."),
        (ActorReset("out of memory"), "out of memory"),
        (
            ActorOverloaded(3),
            (
                "Durable Object is overloaded. Too many requests queued. (3 events wait; "
                "perdure.limits.mailbox_events_max says how many may)"
            ),
        ),
        (NoSuchMethod("frob"), 'The RPC receiver does not implement the method "frob".'),
        (NoSuchMethod("fetch"), "Handler does not export a fetch() function."),
        (RemoteError("app.Broken", "it broke"), "app.Broken: it broke"),
        (RemoteError("app.Broken", ""), "app.Broken"),
    ],
)
def test_messages_that_programs_match_on(error: Exception, text: str) -> None:
    assert str(error) == text


@pytest.mark.parametrize(
    ("error", "flags"),
    [
        (ActorReset("x"), (False, True, False)),
        (ActorOverloaded(1), (False, False, True)),
        (NoSuchMethod("x"), (True, False, False)),
        (RemoteError("x", "y"), (True, False, False)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_flags_say_whether_to_try_again(error: ActorError, flags: tuple[bool, ...]) -> None:
    assert (error.remote, error.retryable, error.overloaded) == flags


def test_errors_carry_what_they_are_about() -> None:
    assert ReservedMethod("alarm").name == "alarm"
    assert ActorReset("why").cause == "why"
    assert ActorReset("why").durable_object_reset
    assert ActorOverloaded(5).waiting == 5
    assert NoSuchMethod("frob").method == "frob"
    error = RemoteError("app.Broken", "it broke")
    assert (error.type_name, error.message) == ("app.Broken", "it broke")


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_each_crosses_from_actor_to_actor(error: Exception) -> None:
    found: Any = decode_error(encode_error(error))
    assert type(found) is type(error)
    assert str(found) == str(error)


def test_an_abort_is_not_caught_by_mistake() -> None:
    assert not issubclass(ActorAborted, Exception)


@pytest.mark.parametrize(
    ("name", "who"), [("lobby", f"'lobby' ({'ab' * 32})"), (None, "ab" * 32)], ids=["name", "id"]
)
def test_a_quarantined_actors_error_says_who_since_when_why_and_what_to_do(
    name: str | None, who: str
) -> None:
    error = ActorQuarantined("app-Room", "ab" * 32, name, 1_700_000_000_000, "SQLITE_CORRUPT: x")
    text = str(error)
    assert f"Durable Object {who} of app-Room" in text
    assert "since 2023-11-14T22:13:20+00:00" in text
    assert "(SQLITE_CORRUPT: x)" in text
    assert "perdure actors restore" in text
    assert not error.retryable
