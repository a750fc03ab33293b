"""Bodies as they flow: chunks from a source, read once.

A body is either bytes that are already here, or a ``StreamSource``: the network's, a user's
async generator, or the body of another request or response that is passed on.
"""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from typing import Protocol, runtime_checkable

from .http_errors import BodyAlreadyUsed, InvalidBody, InvalidInit


@runtime_checkable
class StreamSource(Protocol):
    """Where the chunks of a body come from. The seam between this package and the network."""

    async def read_chunk(self) -> bytes:
        """Return the next chunk, or ``b""`` at the end, and ``b""`` again after it.

        One call at a time. After a call that failed or was cancelled the next one gets the
        chunk, or fails: it never passes for the end.

        Raises:
            Exception: The rest will never come, for instance because the peer is gone.
        """
        ...

    def cancel(self, reason: BaseException | None = None) -> None:
        """Nobody will read on; let go of what the source holds. Harmless after the end."""
        ...


# A body as it lies in a message: all of it, where it comes from, or that there is none.
Content = bytes | StreamSource | None

# What a body can be made of.
BodyInit = str | bytes | bytearray | memoryview | StreamSource | AsyncIterable[bytes] | None


class BodyStream:
    """The body of one request or response: ``async for chunk in request.body``.

    Chunks are bytes, never empty, cut as the sender or the network cut them. The iteration can
    be left and taken up again; after its end the body is used up.
    """

    __slots__ = ("_owner", "_source", "used")

    def __init__(self, source: StreamSource, owner: str) -> None:
        self._source: StreamSource | None = source
        self._owner = owner
        self.used = False

    def __repr__(self) -> str:
        return f"<BodyStream of a {self._owner}{', used' if self.used else ''}>"

    def __aiter__(self) -> AsyncIterator[bytes]:
        if self._source is None:
            raise BodyAlreadyUsed(self._owner)
        return self

    async def __anext__(self) -> bytes:
        chunk = await self.read_chunk()
        if not chunk:
            self._source = None
            raise StopAsyncIteration
        return chunk

    async def read_chunk(self) -> bytes:
        """Return the next chunk; ``b""`` at the end.

        Raises:
            BodyAlreadyUsed: The body was passed on or read up by somebody else.
        """
        self.used = True
        if self._source is None:
            raise BodyAlreadyUsed(self._owner)
        return await self._source.read_chunk()

    def cancel(self, reason: BaseException | None = None) -> None:
        """Read no further; the sender may learn of it."""
        self.used = True
        source, self._source = self._source, None
        if source is not None:
            source.cancel(reason)

    def take(self) -> StreamSource:
        """Hand the source over to whoever passes this body on; this stream is used then.

        Raises:
            BodyAlreadyUsed: A part of it was read already.
        """
        if self.used or self._source is None:
            raise BodyAlreadyUsed(self._owner)
        source, self._source = self._source, None
        self.used = True
        return source


class BytesSource:
    """Bytes that are already here, as a source of one chunk."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def read_chunk(self) -> bytes:
        data, self._data = self._data, b""
        return data

    def cancel(self, reason: BaseException | None = None) -> None:
        del reason
        self._data = b""


class IteratorSource:
    """A user's async iterable of bytes as a source."""

    __slots__ = ("_failure", "_iterator")

    def __init__(self, chunks: AsyncIterable[bytes]) -> None:
        self._iterator: AsyncIterator[bytes] | None = aiter(chunks)
        self._failure: Exception | None = None

    async def read_chunk(self) -> bytes:
        while self._iterator is not None:
            try:
                chunk = _checked_chunk(await anext(self._iterator))
            except StopAsyncIteration:
                self._iterator = None
            except BaseException as error:
                # A generator that has raised, or was cancelled, says that it is at its end when
                # it is asked again; a body that was cut off must not look complete.
                self._iterator = None
                self._failure = (
                    error
                    if isinstance(error, Exception)
                    else InvalidBody("stream", "is cut off: reading it was cancelled")
                )
                raise
            else:
                if chunk:
                    return chunk
        if self._failure is not None:
            raise self._failure
        return b""

    async def close(self) -> None:
        """End the iterator here and now, so that its ``finally`` blocks run where its code ran."""
        iterator, self._iterator = self._iterator, None
        if isinstance(iterator, AsyncGenerator):
            await iterator.aclose()

    def cancel(self, reason: BaseException | None = None) -> None:
        """Let go of the iterator: the event loop closes an async generator nobody holds."""
        del reason
        self._iterator = None


def _checked_chunk(chunk: object) -> bytes:
    if isinstance(chunk, bytes | bytearray | memoryview):
        return bytes(chunk)
    advice = "; call .encode() on the text" if isinstance(chunk, str) else ""
    raise InvalidInit(
        f"a streaming body yields bytes; this one yielded {type(chunk).__name__}{advice}"
    )


def content_of(body: BodyInit, owner: str) -> Content:
    """What ``body`` is made of: None, bytes, or the source of a stream.

    Raises:
        InvalidInit: Nothing that could be a body; ``owner`` says whose.
        BodyAlreadyUsed: The body of another request or response that was read already.
    """
    if body is None or isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, BodyStream):
        return body.take()
    if isinstance(body, bytearray | memoryview):
        return bytes(body)
    if isinstance(body, StreamSource):
        return body
    if isinstance(body, AsyncIterable):
        return IteratorSource(body)
    raise InvalidInit(f"Unsupported type in {owner}: {type(body).__name__}. {_advice(body, owner)}")


def _advice(body: object, owner: str) -> str:
    if isinstance(body, dict | list | tuple) and owner == "Response":
        return "To send JSON, use Response.json(data)."
    if isinstance(body, dict | list | tuple):
        return 'To send JSON, use json.dumps(data) and the header "Content-Type: application/json".'
    if hasattr(body, "__next__"):
        return "To stream, use an async generator of bytes (async def ... yield)."
    return "A body is None, str, bytes, or an async iterable of bytes."
