"""Bodies as they flow."""

from collections.abc import AsyncIterator, Callable

import pytest

from perdure.actors.body import (
    BodyInit,
    BodyStream,
    BytesSource,
    IteratorSource,
    StreamSource,
    content_of,
)
from perdure.actors.http_errors import BodyAlreadyUsed, InvalidBody, InvalidInit


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def rest_of(source: StreamSource) -> list[bytes]:
    found = []
    while chunk := await source.read_chunk():
        found.append(chunk)
    return found


class CountingSource:
    """A source that says what was done to it."""

    def __init__(self, *parts: bytes) -> None:
        self.parts = list(parts)
        self.cancelled: list[BaseException | None] = []

    async def read_chunk(self) -> bytes:
        return self.parts.pop(0) if self.parts else b""

    def cancel(self, reason: BaseException | None = None) -> None:
        self.cancelled.append(reason)


async def test_a_stream_gives_its_chunks_and_is_used_up() -> None:
    stream = BodyStream(CountingSource(b"a", b"b"), "request")
    assert not stream.used
    assert repr(stream) == "<BodyStream of a request>"
    assert [chunk async for chunk in stream] == [b"a", b"b"]
    assert stream.used
    assert repr(stream) == "<BodyStream of a request, used>"
    with pytest.raises(BodyAlreadyUsed, match="the body of this request"):
        [chunk async for chunk in stream]


async def test_an_iteration_can_be_left_and_taken_up_again() -> None:
    stream = BodyStream(CountingSource(b"a", b"b", b"c"), "request")
    async for chunk in stream:
        assert chunk == b"a"
        break
    assert [chunk async for chunk in stream] == [b"b", b"c"]


async def test_chunks_can_be_read_one_by_one() -> None:
    stream = BodyStream(CountingSource(b"a"), "request")
    assert await stream.read_chunk() == b"a"
    assert await stream.read_chunk() == b""
    assert await stream.read_chunk() == b""


async def test_a_cancelled_stream_tells_its_source_once() -> None:
    source = CountingSource(b"a")
    stream = BodyStream(source, "request")
    reason = ValueError("enough")
    stream.cancel(reason)
    stream.cancel()
    assert source.cancelled == [reason]
    assert stream.used
    with pytest.raises(BodyAlreadyUsed):
        await stream.read_chunk()


async def test_a_source_can_be_taken_once_and_only_when_unread() -> None:
    source = CountingSource(b"a")
    stream = BodyStream(source, "request")
    assert stream.take() is source
    with pytest.raises(BodyAlreadyUsed):
        stream.take()
    begun = BodyStream(CountingSource(b"a", b"b"), "request")
    await begun.read_chunk()
    with pytest.raises(BodyAlreadyUsed):
        begun.take()


async def test_bytes_are_a_source_of_one_chunk() -> None:
    assert await rest_of(BytesSource(b"abc")) == [b"abc"]
    cancelled = BytesSource(b"abc")
    cancelled.cancel()
    assert await rest_of(cancelled) == []


async def test_a_generator_is_a_source_and_empty_chunks_are_no_end() -> None:
    source = IteratorSource(chunks(b"a", b"", b"b"))
    assert await rest_of(source) == [b"a", b"b"]
    assert await source.read_chunk() == b""


async def test_buffers_in_a_generator_become_bytes() -> None:
    async def buffers() -> AsyncIterator[bytes]:
        yield bytearray(b"a")  # type: ignore[misc]
        yield memoryview(b"b")  # type: ignore[misc]

    found = await rest_of(IteratorSource(buffers()))
    assert found == [b"a", b"b"]
    assert {type(chunk) for chunk in found} == {bytes}


async def test_text_in_a_generator_is_refused_with_what_to_do() -> None:
    async def text() -> AsyncIterator[bytes]:
        yield "a"  # type: ignore[misc]

    with pytest.raises(InvalidInit, match=r"this one yielded str; call \.encode\(\) on the text"):
        await rest_of(IteratorSource(text()))


async def test_other_things_in_a_generator_are_refused() -> None:
    async def numbers() -> AsyncIterator[bytes]:
        yield 5  # type: ignore[misc]

    with pytest.raises(InvalidInit, match=r"this one yielded int$"):
        await rest_of(IteratorSource(numbers()))


async def test_a_generator_that_fails_never_looks_complete() -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield b"a"
        raise ValueError("broken")

    source = IteratorSource(failing())
    assert await source.read_chunk() == b"a"
    for _ in range(2):
        with pytest.raises(ValueError, match="broken"):
            await source.read_chunk()


async def test_a_generator_whose_reading_was_cancelled_never_looks_complete() -> None:
    class Ended(BaseException):
        pass

    async def cancelled() -> AsyncIterator[bytes]:
        yield b"a"
        raise Ended

    source = IteratorSource(cancelled())
    assert await source.read_chunk() == b"a"
    with pytest.raises(Ended):
        await source.read_chunk()
    with pytest.raises(InvalidBody, match="cut off"):
        await source.read_chunk()


async def test_a_cancelled_generator_is_let_go() -> None:
    source = IteratorSource(chunks(b"a", b"b"))
    assert await source.read_chunk() == b"a"
    source.cancel()
    assert await source.read_chunk() == b""


def test_bodies_that_are_here_become_bytes() -> None:
    cases: list[tuple[BodyInit, bytes | None]] = [
        (None, None),
        (b"a", b"a"),
        ("é", b"\xc3\xa9"),
        ("", b""),
        (bytearray(b"a"), b"a"),
        (memoryview(b"ab")[1:], b"b"),
    ]
    for body, expected in cases:
        assert content_of(body, "Response") == expected


async def test_bodies_that_flow_become_sources() -> None:
    source = CountingSource(b"a")
    assert content_of(source, "Response") is source
    stream = BodyStream(source, "response")
    assert content_of(stream, "Response") is source
    assert stream.used
    made = content_of(chunks(b"a", b"b"), "Response")
    assert isinstance(made, IteratorSource)
    assert await rest_of(made) == [b"a", b"b"]


@pytest.mark.parametrize(
    ("make", "owner", "advice"),
    [
        (lambda: {"a": 1}, "Response", r"^Unsupported type in Response: dict\. .*Response\.json"),
        (lambda: [1], "Response", r"list\. .*Response\.json"),
        (lambda: {"a": 1}, "Request", r"^Unsupported type in Request: dict\. .*json\.dumps"),
        (lambda: iter([b"a"]), "Response", r"async generator of bytes"),
        (lambda: 5, "Response", r"int\. A body is None, str, bytes, or"),
    ],
)
def test_what_is_no_body_is_refused_with_what_to_write(
    make: Callable[[], BodyInit], owner: str, advice: str
) -> None:
    with pytest.raises(InvalidInit, match=advice):
        content_of(make(), owner)
