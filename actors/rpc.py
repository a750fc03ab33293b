"""Calls between actors: copying arguments and results, and exceptions by class.

Nothing is ever unpickled: an exception is rebuilt from its class, its ``args`` and those of its
attributes that can be sent, and only when the class is a builtin, ours, or can be found in a
module the program has imported. What is rebuilt says what the original said, or it is told as a
RemoteError.
"""

import builtins
import sys
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

from ..storage.errors import PerdureError
from ..storage.values import decode, encode
from .errors import ActorAborted, ActorError, RemoteError, ReservedMethod
from .tracebacks import keep_traceback, user_traceback

# Names that belong to handlers or to Python; they are no methods to call from outside.
RESERVED = frozenset(
    {
        "alarm",
        "connect",
        "constructor",
        "dup",
        "fetch",
        "web_socket_close",
        "web_socket_error",
        "web_socket_message",
    }
)

_RESET = "durable_object_reset"
_FLAGS = ("retryable", "overloaded", _RESET)


def name_of_argument(where: str, method: str) -> str:
    """``add[0][2]["x"]`` (where in the pair that travels) as a person reads it."""
    key, found, place = where.rpartition(f" of {method}[")
    if found:  # the key of a dict, and where the dict is
        return f"{key} of {name_of_argument(f'{method}[{place}', method)}"
    rest = where.removeprefix(method)
    if rest.startswith("[0][") and (end := rest.find("]", 4)) > 0:
        return f"argument {int(rest[4:end]) + 1} of {method}(){rest[end + 1 :]}"
    if rest.startswith("[1][") and (end := rest.find("]", 4)) > 0:
        return f"argument {rest[4:end]} of {method}(){rest[end + 1 :]}"
    return f"an argument of {method}()"


def find_method(instance: object, name: str) -> Any:
    """The bound method ``name`` that may be called from outside, or None.

    Public methods of the class only: no underscore, no attribute of the instance, nothing that
    DurableObject itself defines.

    Raises:
        ReservedMethod: The name belongs to a handler.
    """
    if name in RESERVED:
        raise ReservedMethod(name)
    if name.startswith("_") or not callable(getattr(type(instance), name, None)):
        return None
    return getattr(instance, name)


def encode_error(error: BaseException, *, is_handlers: bool = False) -> bytes:
    """An exception as it travels: its class, args, attributes, text, flags and traceback.

    Args:
        error: What was raised.
        is_handlers: A handler of the actor called raised it, so that actor itself was not reset,
            even if the error is that of another one which was.
    """
    cls = type(error)
    record = {
        "module": cls.__module__,
        "name": cls.__qualname__,
        "args": _encoded(list(_arguments_of(error))),
        "attributes": _attributes_of(error),
        "text": _text_of(error),
        "notes": [_printable(note) for note in _notes_of(error)],
        "flags": [
            flag
            for flag in _FLAGS
            if getattr(error, flag, False) is True and not (is_handlers and flag == _RESET)
        ],
        "is_handlers": is_handlers,
        "traceback": _printable(user_traceback(error)),
    }
    return encode(record)


def decode_error(data: bytes, *, is_ours: bool = False) -> Exception:
    """The exception as the caller catches it.

    It carries ``remote`` (True), ``retryable`` and ``overloaded``, and the traceback of the
    other side as a note. Not so an error of the runtime's own (``is_ours``), for instance of the
    network: there is no code of anybody's on its other side.
    """
    record = decode(data)
    error = _rebuild(record)
    flags = record["flags"]
    is_remote = record["is_handlers"] or not isinstance(error, ActorError) or error.remote
    _mark(error, "remote", is_remote and not is_ours)
    for flag in _FLAGS:
        _mark(error, flag, flag in flags)
    for note in record["notes"]:
        error.add_note(note)
    if not is_ours:
        error.add_note("Traceback of the other side:\n" + record["traceback"].rstrip())
    return error


def decode_sent_error(data: bytes) -> Exception:
    """Likewise, of bytes that stood in a value, where anything may stand.

    Raises:
        ValueError: They are no exception.
    """
    try:
        return decode_error(data)
    except Exception as error:
        raise ValueError(f"an exception that is none: {type(error).__name__}") from None


def decode_shown(data: bytes) -> Exception:
    """The exception as a process without user code tells of it: as its own process would.

    Its traceback is that of the other side.
    """
    record = decode(data)
    error = _rebuild(record)
    keep_traceback(error, record["traceback"].rstrip())
    return error


def _encoded(value: Any) -> bytes | None:
    try:
        return encode(value)
    except (PerdureError, RecursionError):
        return None


def _arguments_of(error: BaseException) -> tuple[Any, ...]:
    args = error.args
    if isinstance(error, OSError) and error.filename is not None:  # it keeps these out of args
        args = (error.errno, error.strerror, error.filename)
        if error.filename2 is not None:
            args += (None, error.filename2)
    return tuple(str(arg) if isinstance(arg, PurePath) else arg for arg in args)


def _attributes_of(error: BaseException) -> dict[str, bytes]:
    """What the error's constructor, or who raised it, has set; as far as it can be sent."""
    found = {
        name: _encoded(str(value) if isinstance(value, PurePath) else value)
        for name, value in vars(error).items()
        if not name.startswith("__") and name != "remote" and name not in _FLAGS
    }
    return {name: data for name, data in found.items() if data is not None}


def _notes_of(error: BaseException) -> list[str]:
    return [note for note in getattr(error, "__notes__", ()) if isinstance(note, str)]


def _text_of(error: BaseException) -> str:
    try:
        return _printable(str(error))
    except Exception as failed:
        return f"<its __str__ raised {type(failed).__name__}>"


def _printable(text: str) -> str:
    """Lone surrogates cannot travel as text; they stand in messages about bad file names."""
    return text.encode("utf-8", "backslashreplace").decode()


def _rebuild(record: dict[str, Any]) -> Exception:
    module, name, text = record["module"], record["name"], record["text"]
    cls = _find_class(module, name)
    if cls is not None:
        attributes = {name: decode(data) for name, data in record["attributes"].items()}
        args = None if record["args"] is None else decode(record["args"])
        # Two ways with the args that it had, and one with its text in the place of those.
        for make, given in ((_construct, args), (_fill, args), (_fill, [text])):
            error = None if given is None else _try_to(make, cls, given, attributes, text)
            if error is not None:
                return error
    return RemoteError(name if module == "builtins" else f"{module}.{name}", text)


Make = Callable[[type[Exception], list[Any]], Exception]


def _construct(cls: type[Exception], args: list[Any]) -> Exception:
    return cls(*args)


def _fill(cls: type[Exception], args: list[Any]) -> Exception:
    """Without its constructor: one that takes other arguments than it passes on to Exception."""
    error: Exception = cls.__new__(cls, *args)
    error.args = tuple(args)
    return error


def _try_to(
    make: Make, cls: type[Exception], args: list[Any], attributes: dict[str, Any], text: str
) -> Exception | None:
    """The exception made so, if that works and it then says ``text``."""
    try:
        error = make(cls, args)
        vars(error).update(attributes)
        return error if _printable(str(error)) == text else None
    except Exception:  # the class is user code, which may raise anything
        return None


def _find_class(module: str, name: str) -> type[Exception] | None:
    found: Any = builtins if module == "builtins" else sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if not isinstance(found, type) or not issubclass(found, Exception):
        return None
    return None if issubclass(found, StopIteration) else found  # no future takes one


def _mark(error: Exception, name: str, value: bool) -> None:  # noqa: FBT001  # a plain setter
    if getattr(error, name, None) != value:
        try:
            setattr(error, name, value)
        except AttributeError:  # a class with __slots__ and no place for it
            return


def is_fatal(error: BaseException) -> bool:
    """The program is being ended; no handler's answer."""
    return not isinstance(error, Exception | ActorAborted)
