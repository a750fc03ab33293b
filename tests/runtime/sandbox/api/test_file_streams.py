"""Files of any size, behind a real wall."""

import hashlib
import resource
from collections.abc import AsyncIterator

import pytest

from perdure.runtime.sandbox.api.events import parse_sse_stream
from perdure.runtime.sandbox.asking import SandboxRefused
from perdure.runtime.sandbox.errors import (
    SandboxError,
    SandboxFileDenied,
    SandboxFileError,
    SandboxFileNotFound,
)
from perdure.runtime.sandbox.file_stream import collect_file, stream_file
from tests.runtime.sandbox.boxes import Boxes

MIB = 1024 * 1024


async def test_text_comes_as_text_whatever_the_pieces(boxes: Boxes) -> None:
    box = boxes.box()
    text = "é" * 500_000 + "\n"
    await box.write_file("text.md", text)
    kinds = [
        event["type"] async for event in parse_sse_stream(await box.read_file_stream("text.md"))
    ]
    assert kinds == ["metadata", *["chunk"] * (len(kinds) - 2), "complete"]
    found = await collect_file(await box.read_file_stream("text.md"))
    assert found.content == text
    assert found.metadata.mime_type == "text/markdown"
    assert (found.metadata.size, found.metadata.is_binary) == (1_000_001, False)


async def test_bytes_come_as_bytes(boxes: Boxes) -> None:
    box = boxes.box()
    await box.exec("head -c 1000003 /dev/urandom > data")
    digest = hashlib.sha256()
    async for piece in stream_file(await box.read_file_stream("data")):
        assert isinstance(piece, bytes)
        digest.update(piece)
    assert (await box.exec("sha256sum data")).stdout.split()[0] == digest.hexdigest()
    found = await collect_file(await box.read_file_stream("data"))
    assert found.metadata.encoding == "base64"
    assert found.metadata.mime_type == "application/octet-stream"


async def test_an_empty_file_is_one(boxes: Boxes) -> None:
    box = boxes.box()
    await box.write_file("empty", "")
    found = await collect_file(await box.read_file_stream("empty"))
    assert (found.content, found.metadata.size) == ("", 0)
    assert [piece async for piece in await box.read_file_bytes("empty")] == []


async def test_a_part_of_a_file_can_be_read(boxes: Boxes) -> None:
    box = boxes.box()
    await box.write_file("file", bytes(range(256)) * 1000)
    stream = await box.read_file_bytes("file", offset=200_001, length=10)
    assert b"".join([piece async for piece in stream]) == bytes(range(0x41, 0x4B))
    stream = await box.read_file_bytes("file", offset=255_990)
    assert len(b"".join([piece async for piece in stream])) == 10


async def test_what_is_not_there_is_an_error_at_once(boxes: Boxes) -> None:
    box = boxes.box()
    for call in (box.read_file_stream, box.read_file_bytes):
        with pytest.raises(SandboxFileNotFound, match="nothing"):
            await call("nothing")
        with pytest.raises(SandboxFileError):
            await call("/workspace")


async def zeros(count: int) -> AsyncIterator[bytes]:
    """So many mebibytes."""
    block = bytes(MIB)
    for _ in range(count):
        yield block


async def test_a_large_file_needs_no_memory_to_be_written_and_read(boxes: Boxes) -> None:
    box = boxes.box()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = await boxes.called(lambda: box.write_file("large", zeros(256)))
    assert result.size == 256 * MIB
    size = 0
    async for piece in await box.read_file_bytes("large"):
        size += len(piece)
    assert size == 256 * MIB
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 32 * 1024


async def test_what_fills_the_disk_is_ended_until_something_is_deleted(boxes: Boxes) -> None:
    boxes.restart(disk_size_bytes_max=8 * MIB, memory_bytes_max=2048 * MIB)
    box = boxes.box()
    with pytest.raises(SandboxFileDenied, match="more than 8,388,608 bytes") as caught:
        await boxes.called(lambda: box.write_file("large", zeros(100_000)))
    assert caught.value.code == "NO_SPACE"
    with pytest.raises(SandboxFileDenied, match="delete something"):
        await box.write_file("small", "x")
    await box.delete_file("large")
    assert (await box.write_file("small", "x")).size == 1


async def test_a_gigabyte_behind_a_limit_ends_at_the_limit(boxes: Boxes) -> None:
    boxes.restart(file_size_bytes_max=8 * MIB)
    box = boxes.box()
    with pytest.raises(SandboxError) as caught:
        await boxes.called(lambda: box.write_file("large", zeros(1024)))
    assert caught.value.code in {"FILE_TOO_LARGE", "FILESYSTEM_ERROR"}
    assert (await box.exec("stat -c %s large")).stdout.strip() == str(8 * MIB)


async def test_one_that_goes_on_is_read_while_others_work(boxes: Boxes) -> None:
    box = boxes.box()
    await box.exec("head -c 50000000 /dev/zero > file")
    stream = await box.read_file_bytes("file")
    async for _ in stream:
        assert (await box.exec("echo fine")).stdout == "fine\n"
        break


async def test_a_stream_whose_sandbox_ends_says_so(boxes: Boxes) -> None:
    box = boxes.box()
    await box.exec("head -c 50000000 /dev/urandom > file")
    events = parse_sse_stream(await box.read_file_stream("file"))
    plain = await box.read_file_bytes("file")
    await anext(events)
    await box.destroy()
    assert [event async for event in events][-1]["code"] == "CONTAINER_UNAVAILABLE"
    with pytest.raises((SandboxError, SandboxRefused)):
        async for _ in plain:
            pass
    assert (await box.exec("echo again")).success
