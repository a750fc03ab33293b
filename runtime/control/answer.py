"""Reads the answer to an operation (protocol.py), message by message, from whoever sends it.

*Promise*: what comes out is a message of the protocol, or ``Garbled`` is raised; no more than one
message of ``MESSAGE_SIZE_BYTES_MAX`` is ever kept. Whoever answers may run code of a user, which
has more ways to go wrong than its author thinks.
"""

from collections.abc import Iterator
from typing import Any

from msgpack import OutOfData, Unpacker, UnpackException
from msgpack.exceptions import BufferFull

from ...storage.errors import PerdureError
from .protocol import Failure

# An item is a row of SQL at most, of 2 MB each as long as nobody allows more.
MESSAGE_SIZE_BYTES_MAX = 64 * 2**20
# Lists are of columns, names and the like; room for what a list says it holds is made at once.
_LENGTH_MAX = 2**20


class Garbled(PerdureError):
    """What was answered is no answer.

    Attributes:
        problem: What is wrong with it.
    """

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(problem)

    def __str__(self) -> str:
        return f"What was answered is no answer: {self.problem}"


class AnswerMessages:
    """One answer, as its bytes come."""

    def __init__(self) -> None:
        self._unpacker = Unpacker(
            max_buffer_size=MESSAGE_SIZE_BYTES_MAX,
            max_array_len=_LENGTH_MAX,
            max_map_len=_LENGTH_MAX,
        )

    def read(self, data: bytes) -> Iterator[tuple[str, Any]]:
        """Yield kind and content of each message that has come whole; an error as a ``Failure``.

        Raises:
            Garbled: There is something else.
        """
        try:
            self._unpacker.feed(data)
        except BufferFull as error:
            problem = f"a message is larger than {MESSAGE_SIZE_BYTES_MAX} bytes"
            raise Garbled(problem) from error
        while (message := self._next()) is not None:
            yield message

    def _next(self) -> tuple[str, Any] | None:
        try:
            return _understood(self._unpacker.unpack())
        except OutOfData:
            return None
        except (UnpackException, ValueError, TypeError) as error:
            raise Garbled(str(error) or type(error).__name__) from error


def _understood(message: Any) -> tuple[str, Any]:
    """Return kind and content of a message.

    Raises:
        ValueError: It is none.
        TypeError: Likewise.
    """
    match message:
        case {"progress": [str(), int(), int() | None]} | {"item": dict()} | {"result": dict()}:
            ((kind, value),) = message.items()
            return kind, value
        case {"error": dict() as fields}:
            return "error", Failure(**fields)
    raise ValueError("it is none of those that there are")
