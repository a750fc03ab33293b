"""Streams on their way to and from other objects: native ones there, JavaScript's here."""

from typing import Any

from ....actors.body import BodyStream
from ....actors.writable_stream import WritableStream as NativeWritable
from .buffers import JsBuffer, Uint8Array, bytes_of
from .errors import TypeError_
from .promises import as_error
from .streams import ReadableStream, WritableStream
from .values import NATIVE_VIEWS


def native_readable(stream: ReadableStream) -> BodyStream:
    """What is sent for ``stream``, which is used up."""
    return BodyStream(stream.take_source(), "stream")


def native_writable(stream: WritableStream) -> NativeWritable:
    """What is sent for ``stream``, which is locked."""
    writer = stream.getWriter()

    async def write(data: bytes) -> None:
        await writer.write(Uint8Array(data))

    async def close() -> None:
        await writer.close()

    async def abort(reason: BaseException) -> None:
        await writer.abort(reason)

    return NativeWritable(write, close, abort)


def writable_of(native: NativeWritable) -> WritableStream:
    """A stream that somebody has sent, to be written into."""

    async def write(chunk: Any, _controller: Any = None) -> None:
        if not isinstance(chunk, JsBuffer | bytes | bytearray | memoryview):
            raise TypeError_("This WritableStream takes bytes: a buffer, or an array of them.")
        await native.write(bytes_of(chunk))

    async def abort(reason: Any = None) -> None:
        await native.abort(as_error(reason))

    return WritableStream(write=write, close=native.close, abort=abort)


NATIVE_VIEWS[BodyStream] = ReadableStream.of
NATIVE_VIEWS[NativeWritable] = writable_of
