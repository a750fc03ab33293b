# Pure: no clock, no files.
"""JavaScript's errors, and what perdure's own are called there.

``JsException`` is what a program catches; its ``name`` and ``message`` are the platform's wherever
programs match on them.
"""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from ....actors.errors import (
    InvalidClose,
    NotInHandler,
    SocketLimitExceeded,
    SocketStateError,
)
from ....actors.http_errors import (
    BodyAlreadyUsed,
    ImmutableHeaders,
    InvalidHeader,
    InvalidInit,
    InvalidJson,
    InvalidStatus,
)
from ....storage.errors import PerdureError, ValueNotSerializable
from .proxies import JsException


class Error(JsException):
    """``js.Error.new("text")``; it can be raised."""


class TypeError_(Error, js_name="TypeError"):
    """JavaScript's TypeError, which Python's is not."""


class RangeError(Error):
    """JavaScript's RangeError."""


class SyntaxError_(Error, js_name="SyntaxError"):
    """JavaScript's SyntaxError."""


class ReferenceError_(Error, js_name="ReferenceError"):
    """JavaScript's ReferenceError."""


class DOMException(Error):
    """``DOMException.new(message, name)``."""

    def __init__(self, message: str = "", name: str = "Error") -> None:
        super().__init__(message)
        self.name = name


class NotAvailable(Error, js_name="NotSupportedError"):
    """The platform has it, and perdure does not.

    Attributes:
        what: Its name.
        instead: What a program can use.
    """

    def __init__(self, what: str, instead: str) -> None:
        super().__init__(f"{what} is not available on perdure: {instead}")
        self.what = what
        self.instead = instead


_BY_NAME = {cls.js_name: cls for cls in (Error, TypeError_, RangeError, SyntaxError_)}
# What the native objects call things, and what a program in this style does.
_SPELLINGS = (
    ("ctx.accept_web_socket()", "state.acceptWebSocket()"),
    ("accept_web_socket()", "acceptWebSocket()"),
)
_BODY_USED = (
    "Body has already been used. It can only be used once. Use tee() first if you need to read it "
    "twice."
)


def error_named(name: str, message: str) -> JsException:
    """A new error of JavaScript's class ``name``."""
    known = _BY_NAME.get(name)
    return DOMException(message, name) if known is None else known(message)


def js_error(error: BaseException) -> JsException:
    """What a program in the platform's style gets for a native error.

    What is not perdure's becomes a PythonError whose message is the traceback, as on the platform.
    """
    if isinstance(error, JsException):
        return error
    if isinstance(error, PerdureError | OSError | ValueError | TypeError | OverflowError):
        name, message = _name_and_message(error)
        result = error_named(name, message)
    else:
        message = "".join(traceback.format_exception(error))
        result = JsException.named("PythonError", message)
    result.__cause__ = error
    return result


def _name_and_message(error: Exception) -> tuple[str, str]:
    text = str(error)
    for native, spelled in _SPELLINGS:
        text = text.replace(native, spelled)
    if isinstance(error, NotInHandler):
        return "Error", f"Disallowed operation called within global scope: {text}"
    if isinstance(error, InvalidClose):
        is_length = "123 bytes" in text
        return "SyntaxError" if is_length else "InvalidAccessError", text
    if isinstance(error, SocketLimitExceeded):
        is_pair = text.startswith(("Request cannot", "Response cannot"))
        return "RangeError" if is_pair else "Error", text
    if isinstance(error, InvalidStatus):
        return "RangeError", text
    if isinstance(error, BodyAlreadyUsed):
        return "TypeError", _BODY_USED
    if isinstance(error, ImmutableHeaders):
        return "TypeError", "Can't modify immutable headers."
    if isinstance(error, InvalidJson):
        return "SyntaxError", text
    if isinstance(error, ValueNotSerializable):
        return "DataCloneError", text
    if isinstance(error, SocketStateError | InvalidHeader | InvalidInit | TypeError):
        return "TypeError", text
    if isinstance(error, ValueError | OverflowError) and not isinstance(error, PerdureError):
        return "RangeError", text
    return "Error", text


@contextmanager
def platform_errors() -> Iterator[None]:
    """Raise what a native call inside raises as a program in the platform's style expects it."""
    try:
        yield
    except JsException:
        raise
    except Exception as error:
        raise js_error(error) from error
