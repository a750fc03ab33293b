"""Streams that somebody else writes into: what calls carry besides streams to be read."""

import asyncio
from collections.abc import Callable
from inspect import isawaitable
from typing import Any, Self

from ..storage.errors import InvalidArgument, UsageError
from .rpc_target import RpcTarget

_NOBODY = "nobody writes into this stream any more, and it was not closed"


class ByteSink(RpcTarget):
    """Takes what is written, one chunk after the other; called where it was made."""

    __slots__ = ("_calls", "_is_over", "_turn")

    def __init__(self, calls: dict[str, Callable[..., Any] | None]) -> None:
        self._calls = calls
        self._turn = asyncio.Lock()
        self._is_over = False

    async def write(self, data: bytes) -> None:
        """Take a chunk; return when there is room for another one."""
        await self._do("write", data)

    async def close(self) -> None:
        """There is no more."""
        await self._do("close")

    async def abort(self, reason: BaseException) -> None:
        """There is no more, and what came is not all."""
        if not self._is_over:
            await self._do("abort", reason)

    async def dispose(self) -> None:
        """Nobody can write any more."""
        await self.abort(UsageError(_NOBODY))

    async def _do(self, name: str, *arguments: Any) -> None:
        async with self._turn:
            if self._is_over:
                raise UsageError("this stream is closed")
            self._is_over = name != "write"
            call = self._calls[name]
            result = None if call is None else call(*arguments)
            if isawaitable(result):
                await result


class WritableStream:
    """Takes bytes: ``await stream.write(b"...")``, and ``await stream.close()`` at the end.

    Whoever is sent one by a call writes into the functions that it was made of, where those are:
    each call of them is an event of who has sent it. ``async with stream`` closes it at the end, or
    aborts it with what was raised. One that was received is aborted when the handler that got it
    ends before it was closed.

    Args:
        write: Called with each chunk, one after the other; may be async, and the writer waits.
        close: Called at the end.
        abort: Called with an exception in its place, if it does not come.
    """

    __slots__ = ("sink",)

    def __init__(
        self,
        write: Callable[[bytes], Any],
        close: Callable[[], Any] | None = None,
        abort: Callable[[BaseException], Any] | None = None,
    ) -> None:
        self.sink: Any = ByteSink({"write": write, "close": close, "abort": abort})

    @classmethod
    def leading_to(cls, sink: Any) -> Self:
        """One that writes into another's; for the runtime."""
        self = cls.__new__(cls)
        self.sink = sink
        return self

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write a chunk; return when there is room for another one.

        Raises:
            InvalidArgument: It is no bytes.
            UsageError: The stream is closed.
        """
        if not isinstance(data, bytes | bytearray | memoryview):
            raise InvalidArgument(f"a stream takes bytes, not {type(data).__name__}")
        await self.sink.write(bytes(data))

    async def close(self) -> None:
        """There is no more."""
        await self.sink.close()

    async def abort(self, reason: BaseException) -> None:
        """There is no more, and what came is not all. Harmless after the end."""
        await self.sink.abort(reason)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is None:
            await self.close()
        else:
            await self.abort(error)
