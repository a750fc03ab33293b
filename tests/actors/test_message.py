"""What requests and responses have in common: lazy headers, and a body that is read once."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from multidict import CIMultiDict

from perdure.actors.body import BytesSource, IteratorSource
from perdure.actors.form import File
from perdure.actors.http import Request, Response
from perdure.actors.http_errors import BodyAlreadyUsed, ImmutableHeaders, InvalidBody, InvalidJson
from perdure.actors.message import Message

EMPTY: CIMultiDict[str] = CIMultiDict()


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def messages_with(*parts: bytes) -> list[Request | Response]:
    """The same body in each way a message can have it."""
    whole = b"".join(parts)
    return [
        Request("http://do/", method="POST", body=whole),
        Request("http://do/", method="POST", body=chunks(*parts)),
        Request.incoming("POST", "http://do/", EMPTY, whole),
        Request.incoming("POST", "http://do/", EMPTY, IteratorSource(chunks(*parts))),
        Response(whole),
        Response(chunks(*parts)),
        Response.incoming(200, "OK", EMPTY, BytesSource(whole)),
    ]


READERS: list[Callable[[Request | Response], Awaitable[Any]]] = [
    lambda message: message.bytes(),
    lambda message: message.text(),
    lambda message: message.json(),
]


async def test_a_body_reads_as_bytes_text_or_json() -> None:
    for message in messages_with(b'{"a"', b': "\xc3', b'\xa9"}'):
        assert await message.bytes() == b'{"a": "\xc3\xa9"}'
    for message in messages_with(b'{"a"', b': "\xc3', b'\xa9"}'):
        assert await message.text() == '{"a": "é"}'
    for message in messages_with(b'{"a"', b': "\xc3', b'\xa9"}'):
        assert await message.json() == {"a": "é"}


async def test_a_body_streams_in_chunks() -> None:
    for message in messages_with(b"a", b"b"):
        assert message.body is not None
        assert b"".join([chunk async for chunk in message.body]) == b"ab"


@pytest.mark.parametrize("read", READERS)
async def test_a_body_is_read_once(
    read: Callable[[Request | Response], Awaitable[Any]],
) -> None:
    for message in messages_with(b"1"):
        assert not message.body_used
        await read(message)
        assert message.body_used
        for again in READERS:
            with pytest.raises(BodyAlreadyUsed, match="call clone"):
                await again(message)
        assert message.body is not None
        with pytest.raises(BodyAlreadyUsed):
            [chunk async for chunk in message.body]
        with pytest.raises(BodyAlreadyUsed):
            message.take_content()


async def test_what_was_begun_as_a_stream_cannot_be_read_whole() -> None:
    for message in messages_with(b"a", b"b"):
        stream = message.body
        assert stream is not None
        assert message.body is stream
        assert not message.body_used
        await stream.read_chunk()
        assert message.body_used
        with pytest.raises(BodyAlreadyUsed):
            await message.text()


async def test_a_stream_that_was_only_looked_at_can_be_read_whole() -> None:
    for message in messages_with(b"a", b"b"):
        assert message.body is not None
        assert await message.text() == "ab"


async def test_no_body_reads_as_nothing_any_number_of_times() -> None:
    for message in (Request("http://do/"), Response(None)):
        assert message.body is None
        for _ in range(2):
            assert await message.bytes() == b""
            assert await message.text() == ""
        assert not message.body_used
        assert message.take_content() is None
        with pytest.raises(InvalidJson, match="is not JSON: Expecting value"):
            await message.json()


async def test_text_that_is_not_utf8_says_where() -> None:
    for message in messages_with(b"ab\xff"):
        with pytest.raises(InvalidBody, match=r"is not UTF-8: byte 0xff at offset 2; .* bytes\(\)"):
            await message.text()
    with pytest.raises(InvalidBody, match="not UTF-8"):
        await Response(b"\xff").json()


async def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert await Response(b"\xef\xbb\xbf{}").text() == "{}"
    assert await Response(b"\xef\xbb\xbf{}").json() == {}


async def test_broken_json_says_where() -> None:
    with pytest.raises(InvalidJson, match=r"^the body of this request is not JSON: .* line 1") as e:
        await Request("http://do/", method="POST", body="{'a': 1}").json()
    assert e.value.pos == 1
    with pytest.raises(InvalidJson, match="the body of this response"):
        await Response("nope").json()


async def test_json_nested_without_end_is_refused() -> None:
    with pytest.raises(InvalidBody, match="nested too deeply"):
        await Response("[" * 1_000_000).json()


async def test_json_takes_the_options_of_the_standard_library() -> None:
    assert await Response("1.5").json(parse_float=str) == "1.5"
    assert await Request("http://do/", method="POST", body="1.5").json(parse_float=str) == "1.5"


async def test_a_form_is_read_by_its_content_type() -> None:
    kind = "application/x-www-form-urlencoded"
    request = Request("http://do/", method="POST", body=b"a=1", headers={"Content-Type": kind})
    assert (await request.form())["a"] == "1"
    with pytest.raises(BodyAlreadyUsed):
        await request.form()
    with pytest.raises(InvalidBody, match="is not a form"):
        await Response(b"a=1").form()
    part = b'--b\r\nContent-Disposition: form-data; name="f"; filename="n"\r\n\r\nx\r\n--b--'
    response = Response(chunks(part), headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert (await response.form())["f"] == File("f", "n", "application/octet-stream", b"x")


def test_headers_come_into_being_when_asked_for() -> None:
    for message in (Request("http://do/"), Response(None)):
        headers = message.headers
        assert message.headers is headers
        headers.set("X", "1")
        assert message.header_fields()["x"] == "1"


def test_headers_from_the_network_are_immutable() -> None:
    fields = CIMultiDict({"X": "1"})
    for message in (
        Request.incoming("GET", "http://do/", fields),
        Response.incoming(200, "OK", fields),
    ):
        assert message.headers["x"] == "1"
        assert message.header_fields() is fields
        with pytest.raises(ImmutableHeaders):
            message.headers.set("X", "2")


def test_text_names_its_type_and_bytes_do_not() -> None:
    plain = "text/plain;charset=UTF-8"
    assert Response("a").headers["Content-Type"] == plain
    assert Response("a", headers={"X": "1"}).headers["Content-Type"] == plain
    assert Response("a", headers={"content-type": "text/html"}).headers.get_all("Content-Type") == [
        "text/html"
    ]
    assert "Content-Type" not in Response(b"a").headers
    assert Request("http://do/", method="PUT", body="a").headers["Content-Type"] == plain


def test_one_message_does_not_change_the_headers_of_the_next() -> None:
    Response("a").headers.set("Content-Type", "text/html")
    assert Response("b").headers["Content-Type"] == "text/plain;charset=UTF-8"


async def test_the_body_can_be_taken_and_replaced_by_the_runtime() -> None:
    for message in messages_with(b"a", b"b"):
        content = message.take_content()
        assert content is not None
        assert message.body_used
        source = BytesSource(content) if isinstance(content, bytes) else content
        message.replace_content(source)
        assert message.content is source
        assert not message.body_used
        assert await message.text() == "ab"


async def test_a_body_can_be_passed_on() -> None:
    for message in messages_with(b"a", b"b"):
        passed_on = Response(message.body)
        assert message.body_used
        assert await passed_on.text() == "ab"
        with pytest.raises(BodyAlreadyUsed):
            Response(message.body)


async def test_a_clone_is_read_apart() -> None:
    for message in messages_with(b"a", b"b"):
        copy: Message = message.clone()
        assert await message.text() == "ab"
        assert not copy.body_used
        assert await copy.text() == "ab"


async def test_what_was_read_cannot_be_cloned() -> None:
    for message in messages_with(b"a"):
        await message.bytes()
        with pytest.raises(BodyAlreadyUsed):
            message.clone()
        assert message.body_used


async def test_a_clone_of_a_stream_that_was_looked_at_takes_it_over() -> None:
    response = Response(chunks(b"a", b"b"))
    stream = response.body
    assert stream is not None
    copy = response.clone()
    with pytest.raises(BodyAlreadyUsed):
        await stream.read_chunk()
    assert await response.text() == await copy.text() == "ab"


def test_headers_that_came_from_another_process_can_be_changed_as_those_that_were_made_here() -> (
    None
):
    fields = CIMultiDict({"A": "1"})
    request = Request.incoming("GET", "http://x/", fields)
    assert request.is_immutable
    assert request.headers["A"] == "1"
    request.make_mutable()
    assert not request.is_immutable
    request.headers.set("A", "2")
    assert request.header_fields()["A"] == "2"
