"""Calls between actors: copying arguments and results, and exceptions by class.

Nothing is ever unpickled: an exception is rebuilt from its class and its ``args``, and only
when the class is a builtin, ours, or can be found in a module the program has imported.
"""

import builtins
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

from ..storage.errors import LimitExceeded, PerdureError, ValueNotSerializable
from ..storage.values import decode, encode
from .errors import ActorAborted, ActorError, RemoteError, ReservedMethod

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

_FLAGS = ("retryable", "overloaded", "durable_object_reset")


def encode_call(
    args: Sequence[Any], kwargs: Mapping[str, Any], method: str, size_bytes_max: int
) -> bytes:
    """Arguments as they travel.

    Raises:
        ValueNotSerializable: An argument cannot be sent; the message names it.
        LimitExceeded: They are too large together.
    """
    try:
        data = encode([list(args), dict(kwargs)], what=method)  # lists: quicker than tuples
    except ValueNotSerializable as error:
        raise ValueNotSerializable(
            error.type_name, _name_of_argument(error.where, method), error.hint
        ) from None
    check_size(data, f"the arguments of {method}()", size_bytes_max)
    return data


def check_size(data: bytes, what: str, size_bytes_max: int) -> None:
    if len(data) > size_bytes_max:
        raise LimitExceeded(what, "rpc_message_size_bytes_max", size_bytes_max, len(data))


def _name_of_argument(where: str, method: str) -> str:
    """``add[0][2]["x"]`` (where in the pair that travels) as a person reads it."""
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


def encode_error(error: BaseException) -> bytes:
    """An exception as it travels: its class, its args, its text, its flags, its traceback."""
    cls = type(error)
    try:
        args: Any = encode(list(_arguments_of(error)), what="args")
    except (PerdureError, RecursionError):
        args = None  # rebuilt as RemoteError, from the text
    record = {
        "module": cls.__module__,
        "name": cls.__qualname__,
        "args": args,
        "text": _text_of(error),
        "notes": [note for note in getattr(error, "__notes__", ()) if isinstance(note, str)],
        "flags": [flag for flag in _FLAGS if getattr(error, flag, False) is True],
        "traceback": "".join(traceback.format_exception(error)),
    }
    return encode(_printable(record))


def decode_error(data: bytes) -> Exception:
    """The exception as the caller catches it.

    It carries ``remote`` (True), ``retryable`` and ``overloaded``, and the traceback of the
    other side as a note.
    """
    record = decode(data)
    error = _rebuild(record)
    flags = record["flags"]
    for name, value in (
        ("remote", not isinstance(error, ActorError) or error.remote),
        ("retryable", "retryable" in flags),
        ("overloaded", "overloaded" in flags),
        ("durable_object_reset", "durable_object_reset" in flags),
    ):
        _mark(error, name, value)
    for note in record["notes"]:
        error.add_note(note)
    error.add_note("Traceback of the other side:\n" + record["traceback"].rstrip())
    return error


def _arguments_of(error: BaseException) -> tuple[Any, ...]:
    # An OSError keeps its file name out of args, and KeyError's text is the repr of its arg.
    if isinstance(error, OSError) and error.filename is not None:
        return (error.errno, error.strerror, str(error.filename))
    return error.args


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as failed:
        return f"<its __str__ raised {type(failed).__name__}>"


def _printable(record: dict[str, Any]) -> dict[str, Any]:
    """Lone surrogates cannot travel as text; they stand in messages about bad file names."""
    for key in ("text", "traceback"):
        record[key] = record[key].encode("utf-8", "backslashreplace").decode()
    record["notes"] = [n.encode("utf-8", "backslashreplace").decode() for n in record["notes"]]
    return record


def _rebuild(record: dict[str, Any]) -> Exception:
    cls = _find_class(record["module"], record["name"])
    if cls is not None and record["args"] is not None:
        try:
            return cls(*decode(record["args"]))
        except Exception:  # a constructor with other arguments than args: told by text instead
            cls = None
    name = (
        record["name"] if record["module"] == "builtins" else f"{record['module']}.{record['name']}"
    )
    return RemoteError(name, record["text"])


def _find_class(module: str, name: str) -> type[Exception] | None:
    found: Any = builtins if module == "builtins" else sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if not isinstance(found, type) or not issubclass(found, Exception):
        return None
    return found


def _mark(error: Exception, name: str, value: bool) -> None:  # noqa: FBT001  # a plain setter
    if getattr(error, name, None) != value:
        try:
            setattr(error, name, value)
        except AttributeError:  # a class with __slots__ and no place for it
            return


def is_fatal(error: BaseException) -> bool:
    """The program is being ended; no handler's answer."""
    return not isinstance(error, Exception | ActorAborted)
