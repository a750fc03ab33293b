"""What the operator's command and a server say to each other.

HTTP on a Unix socket, ``control.sock`` in the data directory, which only the server's user may
open. ``POST /<operation>`` with the arguments in msgpack; the answer is a stream of messages in
msgpack, each a dict of one key:

    {"progress": [what, done, total]}   total may be None
    {"item": {...}}                     one of the things asked for
    {"result": {...}}                   the end: it is done
    {"error": {...}}                    the end: a Failure
"""

from dataclasses import dataclass

from ...storage.errors import InternalError, PerdureError, StorageError
from ..host.operations.errors import OperatorError

SOCKET_NAME = "control.sock"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an operation did not come to its end, in a form that travels.

    Attributes:
        kind: The error's class.
        message: What went wrong.
        hint: What to do.
        is_usage: What was asked for cannot be; else something has failed.
    """

    kind: str
    message: str
    hint: str = ""
    is_usage: bool = False


class OperationFailed(PerdureError):
    """An operation did not come to its end, wherever it ran.

    Attributes:
        failure: Why.
    """

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(failure)

    def __str__(self) -> str:
        return self.failure.message


class Leaving(PerdureError):
    """A process that goes takes nothing more; nothing of what it was asked for was done."""

    def __str__(self) -> str:
        return "The process is on its way out"


# The kind of failure of what is not waited for (``Operation.is_given_up``).
GIVEN_UP = "GivenUp"


def given_up() -> Failure:
    """The failure of an operation whose process is to end."""
    message = "It was given up: the server, or one of its processes, is being stopped or replaced"
    hint = "Nothing was changed, and nothing is left of it. Ask again when that is over"
    return Failure(GIVEN_UP, message, hint)


def failure_of(error: PerdureError) -> Failure:
    """Return ``error`` as the operator is told of it."""
    kind = type(error).__name__
    if isinstance(error, OperationFailed):
        return error.failure
    if isinstance(error, OperatorError):
        return Failure(kind, error.problem, error.hint, is_usage=True)
    if isinstance(error, StorageError):
        return Failure(kind, f"{error.path}: {error.problem}", error.hint)
    return Failure(kind, str(error), getattr(error, "hint", ""))


def failure_of_bug(error: Exception) -> Failure:
    """Return an error that nobody foresaw; the server's log has its traceback."""
    message = f"The server met a bug of its own: {type(error).__name__}: {error}"
    return Failure(InternalError.__name__, message, "Its log has the traceback; please report it")
