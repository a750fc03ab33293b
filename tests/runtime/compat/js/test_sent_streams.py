"""Streams on their way to and from other objects; tests/compat/test_rpc.py sends them."""

import asyncio
from typing import Any

import pytest

from perdure.actors.blob import Blob as NativeBlob
from perdure.actors.body import BodyStream
from perdure.actors.pipe import Pipe
from perdure.actors.writable_stream import WritableStream as NativeWritable
from perdure.runtime.compat.js.blobs import Blob, File
from perdure.runtime.compat.js.buffers import Uint8Array
from perdure.runtime.compat.js.proxies import JsException
from perdure.runtime.compat.js.sent_streams import native_readable, native_writable, writable_of
from perdure.runtime.compat.js.streams import ReadableStream, WritableStream
from perdure.runtime.compat.js.values import from_native
from perdure.runtime.compat.views.raw import raw_incoming, raw_outgoing


def stream_of(*chunks: bytes) -> ReadableStream:
    def start(controller: Any) -> None:
        for chunk in chunks:
            controller.enqueue(Uint8Array(chunk))
        controller.close()

    return ReadableStream(start=start)


async def test_a_stream_that_is_sent_is_used_up_and_is_one_again() -> None:
    stream = stream_of(b"a", b"b")
    native = native_readable(stream)
    assert stream.locked
    with pytest.raises(JsException, match="locked"):
        native_readable(stream)
    again = from_native(native)
    assert isinstance(again, ReadableStream)
    assert [bytes(chunk) async for chunk in again] == [b"a", b"b"]


async def test_a_stream_that_came_and_is_sent_on_is_read_by_who_gets_it() -> None:
    came = BodyStream(Pipe(asyncio.get_running_loop()), "stream")
    sent = native_readable(from_native(came))
    assert came.used
    assert not sent.used


async def test_what_a_native_writer_writes_reaches_the_sink_as_arrays() -> None:
    heard: list[Any] = []
    stream = WritableStream(write=heard.append, close=lambda: heard.append(1))
    native = native_writable(stream)
    assert stream.locked
    await native.write(b"ab")
    await native.close()
    assert (type(heard[0]), bytes(heard[0]), heard[1]) == (Uint8Array, b"ab", 1)


async def test_a_native_writers_error_aborts_the_sink() -> None:
    heard: list[Any] = []
    native = native_writable(WritableStream(abort=heard.append))
    await native.abort(ValueError("no more"))
    assert [str(error) for error in heard] == ["no more"]


async def test_what_is_written_into_one_that_came_reaches_who_has_sent_it() -> None:
    heard: list[Any] = []
    native = NativeWritable(heard.append, lambda: heard.append("end"), heard.append)
    writer = writable_of(native).getWriter()
    await writer.write(Uint8Array(b"ab"))
    with pytest.raises(JsException, match="takes bytes"):
        await writer.write("text")
    await writer.close()
    assert heard == [b"ab", "end"]


async def test_one_that_came_is_aborted_with_the_reason() -> None:
    heard: list[Any] = []
    stream = from_native(NativeWritable(heard.append, abort=heard.append))
    assert isinstance(stream, WritableStream)
    await stream.abort("no more")
    assert [type(error).__name__ for error in heard] == ["JsException"]
    assert "no more" in str(heard[0])


def test_blobs_and_files_are_the_same_after_a_call() -> None:
    blob, file = Blob(["te", "xt"], type="text/plain"), File(["a"], "a.csv", lastModified=5)
    sent = raw_outgoing([blob, file])
    assert sent == [NativeBlob(b"text", "text/plain"), NativeBlob(b"a", "", "a.csv", 5)]
    came = raw_incoming(sent)
    assert [type(one) for one in came] == [Blob, File]
    assert (came[0].data, came[0].type) == (b"text", "text/plain")
    assert (came[1].data, came[1].name, came[1].lastModified) == (b"a", "a.csv", 5)
