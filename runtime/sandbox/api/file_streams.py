"""Files of any size, piece by piece."""

from collections.abc import AsyncIterator

from ....actors.body import BodyStream
from ..asking import Output, SandboxRefused, SandboxStream
from ..errors import SandboxError
from ..file_stream import FileMetadata, events_of, is_text
from .events import sse
from .files import Files, mime_type_of
from .held_stream import held
from .part import as_error, told


class FileStreams(Files):
    """Reads files as streams. ``write_file`` takes one."""

    async def read_file_stream(self, path: str, *, session_id: str | None = None) -> BodyStream:
        """Read a file as server-sent events, for ``stream_file``, ``collect_file``, or a browser.

        The events are "metadata" (``mime_type``, ``size``, ``is_binary``, ``encoding``), "chunk"
        (``data``: text, or base64 if it is binary), and "complete" (``bytes_read``) or "error".

        Raises:
            SandboxFileError: It cannot be opened.
        """
        stream, size = await self._open(path, 0, None, session_id)
        pieces = aiter(_pieces(stream))
        beginning = await anext(pieces, b"")
        is_binary = not is_text(beginning)
        metadata = FileMetadata(
            mime_type=mime_type_of(path, is_binary=is_binary),
            size=size,
            is_binary=is_binary,
            encoding="base64" if is_binary else "utf-8",
        )
        return held(stream, _told(events_of(_again(beginning, pieces), metadata)))

    async def read_file_bytes(
        self,
        path: str,
        *,
        offset: int = 0,
        length: int | None = None,
        session_id: str | None = None,
    ) -> BodyStream:
        """Read a file, or a part of it, as it is: a stream of bytes, as a body of ``Response``.

        Args:
            path: Which file.
            offset: Where to begin, in bytes.
            length: How much, in bytes; None: to the end.
            session_id: Where a relative path begins.

        Raises:
            SandboxFileError: It cannot be opened.
        """
        stream, _ = await self._open(path, offset, length, session_id)
        return held(stream, _pieces(stream))

    async def _open(
        self, path: str, offset: int, length: int | None, session_id: str | None
    ) -> tuple[SandboxStream, int]:
        fields = {"path": await self._path(path, session_id), "offset": offset, "length": length}
        connection = await self._reach()
        with told():
            stream = connection.stream("read_file", **fields)
            stream.end()
            try:
                first = await anext(aiter(stream))
            except BaseException:
                stream.cancel()
                raise
        return stream, int(first.get("size", 0)) if isinstance(first, dict) else 0


async def _pieces(stream: SandboxStream) -> AsyncIterator[bytes]:
    try:
        async for item in stream:
            if isinstance(item, Output):
                yield item.data
    except SandboxRefused as refused:
        raise as_error(refused) from None


async def _again(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for each in rest:
        yield each


async def _told(events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Have what goes wrong on the way as an event: the stream has begun."""
    try:
        async for event in events:
            yield event
    except SandboxError as error:
        yield sse({"type": "error", "error": str(error), "code": error.code})
