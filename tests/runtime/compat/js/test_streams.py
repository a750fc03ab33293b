"""``ReadableStream``, ``WritableStream`` and ``TransformStream``."""

import asyncio
import types
from collections.abc import AsyncIterator
from typing import Any

import pytest

from perdure.actors.body import BodyStream, BytesSource, StreamSource
from perdure.runtime.compat.js.proxies import JsException
from perdure.runtime.compat.js.pyproxies import PyProxy
from perdure.runtime.compat.js.streams import ChunkSource, ReadableStream
from tests.world import turns


async def chunks_of(stream: Any) -> list[Any]:
    return [chunk async for chunk in stream]


async def test_a_source_fills_a_stream_when_it_starts(js: types.ModuleType) -> None:
    def start(controller: Any) -> None:
        controller.enqueue("a")
        controller.enqueue("b")
        controller.close()

    stream = js.ReadableStream.new(js.Object.fromEntries([["start", PyProxy(start)]]))
    assert await chunks_of(stream) == ["a", "b"]
    assert await chunks_of(stream) == []


async def test_a_source_is_asked_for_each_chunk(js: types.ModuleType) -> None:
    asked: list[int] = []

    async def pull(controller: Any) -> None:
        asked.append(len(asked))
        await asyncio.sleep(0)
        if len(asked) == 3:
            controller.close()
        else:
            controller.enqueue(js.Uint8Array.new([len(asked)]))

    stream = js.ReadableStream.new(pull=PyProxy(pull))
    assert asked == []
    reader = stream.getReader()
    result = await reader.read()
    assert (result.done, result.value.to_bytes(), asked) == (False, b"\1", [0])
    assert (await reader.read()).value.to_bytes() == b"\2"
    assert await reader.read() == {"done": True, "value": None}


async def test_a_reader_has_the_stream_for_itself(js: types.ModuleType) -> None:
    stream = getattr(js.ReadableStream, "from")(["a", "b"])
    reader = stream.getReader()
    assert stream.locked
    with pytest.raises(js.TypeError, match="currently locked to a reader"):
        stream.getReader()
    with pytest.raises(js.TypeError, match="currently locked"):
        await stream.cancel()
    assert (await reader.read()).value == "a"
    reader.releaseLock()
    with pytest.raises(js.TypeError, match="released"):
        reader.read()
    assert await chunks_of(stream) == ["b"]


async def test_reads_that_wait_get_chunks_in_order(js: types.ModuleType) -> None:
    held: list[Any] = []
    stream = js.ReadableStream.new(start=held.append)
    reader = stream.getReader()
    reads = [asyncio.ensure_future(reader.read()) for _ in range(3)]
    await asyncio.sleep(0)
    assert held[0].desiredSize == 1
    for text in ("a", "b"):
        held[0].enqueue(text)
    held[0].close()
    assert [result.value for result in await asyncio.gather(*reads)] == ["a", "b", None]
    with pytest.raises(js.TypeError, match="closed"):
        held[0].enqueue("c")


async def test_a_failing_source_fails_who_reads(js: types.ModuleType) -> None:
    def pull(controller: Any) -> None:
        raise OSError("broken")

    with pytest.raises(JsException, match="broken"):
        await chunks_of(js.ReadableStream.new(pull=pull))
    stream = js.ReadableStream.new(start=lambda controller: controller.error("told"))
    with pytest.raises(JsException, match="told"):
        await stream.getReader().read()


async def test_who_cancels_tells_the_source_once(js: types.ModuleType) -> None:
    told: list[Any] = []

    async def cancel(reason: Any) -> None:
        told.append(reason)

    stream = js.ReadableStream.new(cancel=PyProxy(cancel), pull=lambda controller: None)
    reader = stream.getReader()
    read = asyncio.ensure_future(reader.read())
    await asyncio.sleep(0)
    await reader.cancel("enough")
    await reader.cancel("again")
    assert told == ["enough"]
    assert (await read).done


async def test_a_native_body_is_a_stream_of_byte_arrays(js: types.ModuleType) -> None:
    source = BodyStream(BytesSource(b"data"), "request")
    stream = ReadableStream.of(source)
    [chunk] = await chunks_of(stream)
    assert chunk.to_bytes() == b"data"
    assert isinstance(chunk, js.Uint8Array)
    other = BodyStream(BytesSource(b"data"), "request")
    await ReadableStream.of(other).cancel()
    assert other.used


async def test_a_stream_is_the_source_of_a_native_body(js: types.ModuleType) -> None:
    stream = getattr(js.ReadableStream, "from")([b"", js.Uint8Array.new(b"ab"), bytearray(b"c")])
    source = stream.take_source()
    assert isinstance(source, StreamSource)
    assert [await source.read_chunk() for _ in range(4)] == [b"ab", b"c", b"", b""]
    with pytest.raises(js.TypeError, match="locked"):
        stream.take_source()
    with pytest.raises(js.TypeError, match="did not return bytes"):
        await ChunkSource(getattr(js.ReadableStream, "from")(["text"])).read_chunk()
    told: list[Any] = []
    ChunkSource(js.ReadableStream.new(cancel=told.append)).cancel(None)
    assert told == [None]


async def test_both_branches_get_all_chunks(js: types.ModuleType) -> None:
    async def numbers() -> AsyncIterator[int]:
        for number in range(3):
            yield number

    one, other = getattr(js.ReadableStream, "from")(numbers()).tee()
    assert await chunks_of(one) == [0, 1, 2]
    assert await chunks_of(other) == [0, 1, 2]


async def test_what_is_written_is_taken_in_order(js: types.ModuleType) -> None:
    seen: list[str] = []

    async def write(chunk: str, controller: Any = None) -> None:
        await asyncio.sleep(0)
        seen.append(chunk)

    stream = js.WritableStream.new(write=write, close=lambda: seen.append("closed"))
    writer = stream.getWriter()
    with pytest.raises(js.TypeError, match="locked to a writer"):
        stream.getWriter()
    writer.write("a")
    writer.write("b")
    await writer.ready
    await writer.close()
    await writer.closed
    assert seen == ["a", "b", "closed"]
    with pytest.raises(js.TypeError, match="has been closed"):
        await writer.write("c")
    writer.releaseLock()
    with pytest.raises(js.TypeError, match="released"):
        writer.write("d")


async def test_a_write_waits_for_who_reads(js: types.ModuleType) -> None:
    pair = js.TransformStream.new()
    writer = pair.writable.getWriter()
    write = asyncio.ensure_future(writer.write("a"))
    await turns()
    assert not write.done()
    assert (await pair.readable.getReader().read()).value == "a"
    await write


async def test_a_transformer_changes_what_passes(js: types.ModuleType) -> None:
    async def transform(chunk: str, controller: Any) -> None:
        controller.enqueue(chunk.upper())

    pair = js.TransformStream.new(
        transform=PyProxy(transform), flush=lambda controller: controller.enqueue("end")
    )
    source = getattr(js.ReadableStream, "from")(["a", "b"])
    assert await chunks_of(source.pipeThrough(pair)) == ["A", "B", "end"]


async def test_who_writes_learns_that_nobody_reads(js: types.ModuleType) -> None:
    pair = js.TransformStream.new()
    writer = pair.writable.getWriter()
    write = asyncio.ensure_future(writer.write("a"))
    await asyncio.sleep(0)
    await pair.readable.cancel()
    with pytest.raises(js.TypeError, match="closed"):
        await write
    other = js.TransformStream.new()
    await other.writable.getWriter().abort("why")
    with pytest.raises(JsException, match="why"):
        await other.readable.getReader().read()


async def test_a_stream_is_piped(js: types.ModuleType) -> None:
    seen: list[str] = []
    target = js.WritableStream.new(write=seen.append)
    await getattr(js.ReadableStream, "from")(["a"]).pipeTo(target, preventClose=True)
    await getattr(js.ReadableStream, "from")(["b"]).pipeTo(target)
    assert seen == ["a", "b"]
    assert target.is_closed
