"""Answers as messages of ASGI."""

from collections.abc import AsyncIterator

import pytest

from perdure import Response
from perdure.runtime.embedded.asgi_answer import AsgiAnswer
from perdure.runtime.embedded.asgi_request import Message


async def sent(response: Response, method: str = "GET", kind: str = "http") -> list[Message]:
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    await AsgiAnswer(send, method, show_errors=False, kind=kind).write(response, None)
    return messages


async def test_a_whole_answer_is_two_messages_with_its_length() -> None:
    headers = [("X-A", "ü"), ("Connection", "close"), ("Content-Length", "99")]
    assert await sent(Response(b"abc", 201, headers=headers)) == [
        {
            "type": "http.response.start",
            "status": 201,
            "headers": [(b"x-a", b"\xc3\xbc"), (b"content-length", b"3")],
        },
        {"type": "http.response.body", "body": b"abc", "more_body": False},
    ]


async def test_a_stream_leaves_piece_by_piece() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"a"
        yield b"b"

    start, *bodies = await sent(Response(pieces()))
    assert start["headers"] == []
    assert [(one["body"], one["more_body"]) for one in bodies] == [
        (b"a", True),
        (b"b", True),
        (b"", False),
    ]


async def test_a_stream_of_another_length_than_it_says_is_an_error() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"abc"

    for length in ("2", "4"):
        with pytest.raises(ValueError, match=f"Content-Length is {length}"):
            await sent(Response(pieces(), headers={"Content-Length": length}))


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 304)])
async def test_where_no_body_may_be_there_is_none(method: str, status: int) -> None:
    response = Response(None, status, headers={"Content-Length": "5"})
    start, body = await sent(response, method)
    assert body["body"] == b""
    assert start["headers"] == ([(b"content-length", b"5")] if method == "HEAD" else [])


async def test_a_denial_has_messages_of_its_own_name() -> None:
    kinds = [message["type"] for message in await sent(Response("no", 401), kind="websocket.http")]
    assert kinds == ["websocket.http.response.start", "websocket.http.response.body"]
