"""Arguments, methods and exceptions as they travel between actors."""

import asyncio
import errno
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from perdure.actors.base import DurableObject
from perdure.actors.errors import (
    ActorAborted,
    ActorOverloaded,
    ActorReset,
    InvalidClose,
    NoSuchMethod,
    RemoteError,
    ReservedMethod,
)
from perdure.actors.http_errors import InvalidHeader, InvalidJson
from perdure.actors.packing import pack, pack_call
from perdure.actors.rpc import (
    RESERVED,
    decode_error,
    encode_error,
    find_method,
    is_fatal,
)
from perdure.storage.errors import (
    DatabaseFailed,
    LimitExceeded,
    SqlError,
    ValueNotSerializable,
)
from perdure.storage.values import decode, encode

# Arguments.


def test_arguments_travel_by_position_and_by_name() -> None:
    packed = pack_call([1, "two"], {"three": [3]}, "add", 1000)
    assert isinstance(packed, bytes)
    args, kwargs = decode(packed)
    assert (args, kwargs) == ([1, "two"], {"three": [3]})


class Point:
    """Of the app's own, which does not travel."""


@pytest.mark.parametrize(
    ("args", "kwargs", "where"),
    [
        ([1, Point()], {}, "argument 2 of add()"),
        ([], {"point": Point()}, 'argument "point" of add()'),
        ([[0, {"x": Point()}]], {}, 'argument 1 of add()[1]["x"]'),
        ([], {"p": [1, Point()]}, 'argument "p" of add()[1]'),
        ([{(1, 2): 3}], {}, "the key (1, 2) of argument 1 of add()"),
        ([0, [{(1, 2): 3}]], {}, "the key (1, 2) of argument 2 of add()[0]"),
        ([{Point}], {}, "argument 1 of add(){...}"),
    ],
)
def test_an_argument_that_cannot_be_sent_is_named(
    args: list[Any], kwargs: dict[str, Any], where: str
) -> None:
    with pytest.raises(ValueNotSerializable) as refused:
        pack_call(args, kwargs, "add", 1000)
    assert refused.value.where == where
    assert str(refused.value).startswith(f"{where} is of type ")


def test_arguments_that_contain_themselves_are_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(ValueNotSerializable, match=r"argument 1 of add\(\).*contains itself"):
        pack_call([endless], {}, "add", 1000)


def test_a_refusal_that_names_no_place_still_names_the_method(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(value: Any, *, what: str, otherwise: object) -> bytes:
        raise ValueNotSerializable("list", what, "too deep for this stack")

    monkeypatch.setattr("perdure.actors.packing.encode", refuse)
    with pytest.raises(ValueNotSerializable, match=r"an argument of add\(\) is of type list"):
        pack_call([[]], {}, "add", 1000)


def test_too_much_at_once_is_refused_with_the_limit() -> None:
    pack_call([bytes(900)], {}, "add", 1000)
    with pytest.raises(LimitExceeded) as exceeded:
        pack_call([bytes(2000)], {}, "add", 1000)
    assert exceeded.value.limit == "rpc_message_size_bytes_max"
    assert exceeded.value.what == "the arguments of add()"
    with pytest.raises(LimitExceeded, match="the result of add"):
        pack(bytes(11), "the result of add()", None, 10)


# Methods.


class Counter:
    """What may be called, and what may not."""

    attribute = 5

    def __init__(self) -> None:
        self.on_instance = lambda: "not a method"

    def increment(self) -> str:
        return "increment"

    @staticmethod
    def static() -> str:
        return "static"

    @classmethod
    def of_class(cls) -> str:
        return cls.__name__

    @property
    def computed(self) -> int:
        return 1

    def _private(self) -> None: ...

    def get(self) -> str:
        return "get"


@pytest.mark.parametrize(
    ("name", "result"),
    [("increment", "increment"), ("static", "static"), ("of_class", "Counter"), ("get", "get")],
)
def test_public_methods_of_the_class_can_be_called(name: str, result: str) -> None:
    assert find_method(Counter(), name)() == result


@pytest.mark.parametrize(
    "name", ["missing", "_private", "__init__", "__class__", "attribute", "computed", "on_instance"]
)
def test_nothing_else_can(name: str) -> None:
    assert find_method(Counter(), name) is None


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_names_of_handlers_are_reserved(name: str) -> None:
    with pytest.raises(ReservedMethod) as reserved:
        find_method(Counter(), name)
    assert str(reserved.value) == f"{name!r} is a reserved method and cannot be called over RPC."


def test_what_the_base_class_has_is_not_callable() -> None:
    public = [name for name in vars(DurableObject) if not name.startswith("_")]
    assert public == ["on_restart"]
    assert find_method(DurableObject.__new__(DurableObject), "on_restart") is None


# Exceptions.


class Broke(Exception):
    """Of the app's own: at the top of a module, so that it can be found."""


class NotFound(Exception):
    """Makes its text out of something else, as many do."""

    def __init__(self, room: str) -> None:
        super().__init__(f"no room {room}")
        self.room = room


class Many(Exception):
    """Takes more than it passes on."""

    def __init__(self, a: int, b: int, *, c: int = 0) -> None:
        super().__init__(f"{a}, {b}")
        self.a, self.b, self.c = a, b, c


class Custom(Exception):
    """Its text is not in its args."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code

    def __str__(self) -> str:
        return f"code {self.code}"


class Holds(Exception):
    """Its text comes from something that cannot be sent."""

    def __init__(self, thing: object) -> None:
        super().__init__()
        self.thing = thing

    def __str__(self) -> str:
        return f"holds {self.thing}"


class Careless(Exception):
    def __str__(self) -> str:
        raise ZeroDivisionError


class Slotted(Exception):
    """Lets nobody set the flags."""

    @property
    def remote(self) -> str:
        return "mine"


class Mixed(Broke, KeyError):
    """Two bases."""


def travelled(error: BaseException, *, is_handlers: bool = True) -> Any:
    """The error as the caller catches it; raised, so that it has a traceback."""
    try:
        raise error
    except BaseException as raised:
        return decode_error(encode_error(raised, is_handlers=is_handlers))


@pytest.mark.parametrize(
    "error",
    [
        ValueError("text"),
        ValueError(),
        ValueError("two", 2),
        KeyError("key"),
        ZeroDivisionError("division by zero"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        OSError(errno.ENOENT, "No such file", "a.txt"),
        FileNotFoundError(errno.ENOENT, "No such file", "a.txt", None, "b.txt"),
        TimeoutError(),
        json.JSONDecodeError("Expecting value", "[x]", 1),
        Broke("broken", Decimal("1.5")),
        NotFound("lobby"),
        Many(1, 2, c=3),
        Custom(42),
        Mixed("mixed"),
        ActorOverloaded(7),
        ActorReset("why"),
        NoSuchMethod("frob"),
        ReservedMethod("alarm"),
        InvalidClose("Invalid WebSocket close code: 5."),
        LimitExceeded("keys", "keys_per_batch_max", 128, 129),
        ValueNotSerializable("app.Point", "value[0]", "hint"),
        SqlError("no such table: t", "SQLITE_ERROR", None, 14),
        InvalidHeader("X-Y", "a line break"),
        InvalidJson("request", "Expecting value", "[x]", 1),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_exception_is_caught_by_its_class_and_says_the_same(error: Any) -> None:
    found = travelled(error)
    assert type(found) is type(error)
    assert str(found) == str(error)
    assert found.args == error.args
    flags = {"remote", "retryable", "overloaded", "durable_object_reset"}
    mine, theirs = ({k: v for k, v in vars(e).items() if k not in flags} for e in (error, found))
    theirs.pop("__notes__")
    assert theirs == mine


def test_attributes_that_somebody_set_travel_too() -> None:
    error = Broke("x")
    error.code, error.thing = 5, object()  # type: ignore[attr-defined]  # as users do
    found = travelled(error)
    assert found.code == 5
    assert not hasattr(found, "thing")


def test_an_exception_about_what_cannot_be_sent_keeps_its_class_and_its_text() -> None:
    with pytest.raises(ArithmeticError) as failed:
        Decimal("x")
    found = travelled(failed.value)
    assert type(found) is type(failed.value)
    assert str(found) == str(failed.value) == "[<class 'decimal.ConversionSyntax'>]"


def test_files_are_told_by_their_path() -> None:
    found = travelled(DatabaseFailed(Path("/data/x.db"), "it is full", "buy more", code="FULL"))
    assert isinstance(found, DatabaseFailed)
    assert str(found) == "/data/x.db: it is full. buy more"
    assert found.code == "FULL"


class Outer:
    """Holds a class that can be found, though not at the top of its module."""

    class Inner(Exception):
        pass


def test_classes_inside_classes_are_found() -> None:
    assert type(travelled(Outer.Inner("x"))) is Outer.Inner


def local_class() -> type[Exception]:
    class Local(Exception):
        pass

    return Local


@pytest.mark.parametrize(
    ("error", "name", "text"),
    [
        (local_class()("x"), "local_class.<locals>.Local", "x"),
        (Holds(object), "Holds", "holds <class 'object'>"),
        (Careless("x"), "Careless", "<its __str__ raised ZeroDivisionError>"),
        (ExceptionGroup("several", [ValueError("x")]), "", "several (1 sub-exception)"),
        (StopIteration(5), "", "5"),
        (KeyError(object), "", "<class 'object'>"),
        (asyncio.CancelledError("stop"), "CancelledError", "stop"),
        (ActorAborted("gone"), "ActorAborted", "gone"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_what_cannot_be_rebuilt_is_a_remote_error(error: Any, name: str, text: str) -> None:
    found = travelled(error)
    assert type(found) is RemoteError
    assert found.type_name.endswith(name or type(error).__name__)
    assert found.message == text
    assert str(found) == f"{found.type_name}: {text}"


def test_a_class_that_cannot_be_found_here_is_a_remote_error() -> None:
    error = Broke("x")
    record = decode(encode_error(error))
    for module, name in [("not.imported", "Broke"), (__name__, "Missing"), (__name__, "travelled")]:
        found = decode_error(encode(record | {"module": module, "name": name}))
        assert (type(found), str(found)) == (RemoteError, f"{module}.{name}: x")


def test_no_class_but_an_exception_is_ever_called() -> None:
    """A record that somebody has tampered with reaches no other constructor."""
    record = decode(encode_error(Broke("x")))
    for module, name in [
        ("builtins", "print"),
        ("subprocess", "Popen"),
        ("builtins", "SystemExit"),
    ]:
        assert module in sys.modules or module == "subprocess"
        assert type(decode_error(encode(record | {"module": module, "name": name}))) is RemoteError


def test_nothing_is_imported_to_rebuild_an_exception() -> None:
    record = decode(encode_error(Broke("x")))
    sys.modules.pop("this", None)
    found = decode_error(encode(record | {"module": "this", "name": "Broke"}))
    assert type(found) is RemoteError
    assert "this" not in sys.modules


# Flags, notes.


def test_an_exception_of_a_handler_is_remote_and_has_no_other_flag() -> None:
    found = travelled(ValueError("x"))
    flags = [found.remote, found.retryable, found.overloaded, found.durable_object_reset]
    assert flags == [True, False, False, False]


def test_our_own_news_of_an_actor_is_not_remote() -> None:
    reset = travelled(ActorReset("why"), is_handlers=False)
    assert [reset.remote, reset.retryable, reset.durable_object_reset] == [False, True, True]
    full = travelled(ActorOverloaded(5), is_handlers=False)
    assert [full.remote, full.retryable, full.overloaded] == [False, False, True]
    assert travelled(ValueError("of a constructor"), is_handlers=False).remote is True


def test_the_reset_of_a_third_actor_is_not_the_reset_of_the_one_called() -> None:
    """Else a stub of an actor that is well would be broken."""
    found = travelled(ActorReset("of a third one"))
    assert type(found) is ActorReset
    assert [found.remote, found.retryable, found.durable_object_reset] == [True, True, False]


def test_a_flag_that_somebody_has_set_travels() -> None:
    error = ValueError("x")
    error.durable_object_reset = True  # type: ignore[attr-defined]  # as an actor that breaks does
    assert travelled(error, is_handlers=False).durable_object_reset is True


def test_a_class_that_lets_nobody_set_flags_travels_without() -> None:
    found = travelled(Slotted("x"))
    assert (found.remote, found.overloaded) == ("mine", False)


def test_the_traceback_of_the_other_side_is_a_note() -> None:
    found = travelled(ValueError("x"))
    [note] = found.__notes__
    assert note.startswith("Traceback of the other side:\nTraceback (most recent call last):")
    assert "in travelled\n    raise error\nValueError: x" in note


def test_notes_travel_before_the_traceback() -> None:
    error = ValueError("x")
    error.add_note("mine")
    error.__notes__.append(5)  # type: ignore[arg-type]  # no text: it is left out
    found = travelled(error)
    assert found.__notes__[0] == "mine"
    assert len(found.__notes__) == 2


def test_text_that_is_not_valid_unicode_travels_in_a_readable_form() -> None:
    error = ValueError("bad \udcff")
    error.add_note("note \udcff")
    found = travelled(error)
    assert type(found) is ValueError
    assert str(found) == r"bad \udcff"
    assert found.__notes__[0] == r"note \udcff"


def test_only_the_end_of_the_program_is_fatal() -> None:
    assert is_fatal(KeyboardInterrupt())
    assert is_fatal(SystemExit())
    assert not is_fatal(ValueError())
    assert not is_fatal(ActorAborted())
