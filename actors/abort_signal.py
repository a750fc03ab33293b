"""What says that something is called off: calls carry it, and tell of it later."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Self

from ..storage.errors import ValueNotSerializable
from ..storage.values import decode, encode
from .body import BodyStream
from .http_errors import BodyAlreadyUsed
from .rpc import decode_error, encode_error

# The first byte of a reason: what follows is an exception, or a value.
_RAISED, _VALUE = b"e", b"v"


class AbortSignal:
    """Says, once, that somebody no longer wants what was begun: ``reason = await signal.wait()``.

    Whoever is sent one by a call is told as long as the handler runs that got it. The one that was
    sent is not used up.

    Args:
        wait: Waits until it is called off, and gives the reason: an exception, or a value that is
            not too large for one chunk. It is called, where it is, for each who is sent the signal.

    Attributes:
        is_aborted: Whether it had been called off when it was made, or sent.
        reason: Why, if it had.
    """

    __slots__ = ("_stream", "_told", "_wait", "is_aborted", "reason")

    def __init__(self, wait: Callable[[], Awaitable[Any]]) -> None:
        self._wait: Callable[[], Awaitable[Any]] | None = wait
        self._stream: BodyStream | None = None
        self._told: asyncio.Future[Any] | None = None
        self.is_aborted = False
        self.reason: Any = None

    @classmethod
    def aborted(cls, reason: Any) -> Self:
        """One that has been called off."""

        async def wait() -> Any:
            return reason

        self = cls(wait)
        self.is_aborted, self.reason = True, reason
        return self

    @classmethod
    def told_by(cls, stream: BodyStream) -> Self:
        """One whose reason comes in ``stream``; for the runtime."""
        self = cls.__new__(cls)
        self._wait, self._stream, self._told = None, stream, None
        self.is_aborted, self.reason = False, None
        return self

    async def wait(self) -> Any:
        """Wait until it is called off, and give the reason.

        Raises:
            asyncio.CancelledError: Nobody tells any more: the handler that got it has ended.
        """
        if self._wait is not None:
            return await self._wait()
        if self._told is None:
            assert self._stream is not None, "one or the other"
            self._told = asyncio.ensure_future(self._read(self._stream))
        return await asyncio.shield(self._told)

    async def _read(self, stream: BodyStream) -> Any:
        try:
            told = await stream.read_chunk()
        except BodyAlreadyUsed:  # it was closed at the end of the handler
            told = b""
        if not told:
            raise asyncio.CancelledError
        self.is_aborted, self.reason = True, reason_of(told)
        return self.reason

    async def telling(self) -> AsyncIterator[bytes]:
        """The stream for who is sent it; for the runtime."""
        yield payload_of(await self.wait())


def payload_of(reason: Any) -> bytes:
    """A reason as it travels; what cannot be sent is its text."""
    if isinstance(reason, BaseException):
        return _RAISED + encode_error(reason, is_handlers=True)
    try:
        return _VALUE + encode(reason)
    except ValueNotSerializable:
        return _VALUE + encode(str(reason))


def reason_of(payload: bytes) -> Any:
    """The reason.

    Raises:
        ValueError: It is none.
    """
    if payload[:1] == _VALUE:
        return decode(payload[1:])
    if payload[:1] != _RAISED:
        raise ValueError("a reason that is none")
    try:
        return decode_error(payload[1:])
    except Exception as error:
        raise ValueError(f"an exception that is none: {type(error).__name__}") from None
