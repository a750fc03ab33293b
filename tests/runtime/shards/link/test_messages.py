"""Requests and responses as they travel."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from perdure.actors.body import BytesSource
from perdure.actors.http import Request, Response
from perdure.actors.http_errors import BodyAlreadyUsed, ImmutableHeaders
from perdure.actors.socket_pair import WebSocketPair
from perdure.runtime.shards.link import messages
from perdure.runtime.shards.link.errors import LinkBroken
from perdure.runtime.shards.link.fields import is_request, is_response
from perdure.runtime.shards.link.framing import FrameWriter, read_body
from perdure.runtime.shards.link.messages import (
    read_request,
    read_response,
    write_request,
    write_response,
)
from perdure.runtime.shards.link.streams import Streams
from tests.runtime.shards.link.ends import joined
from tests.runtime.shards.link.surface import Sockets


class Ways:
    """From ``here`` to ``there``, through msgpack."""

    def __init__(self, here: Streams, there: Streams) -> None:
        self.here, self.there = here, there
        self.sockets = Sockets()
        self.wire: list[Any] = []

    def request(self, request: Request) -> Request:
        wire, stream = write_request(request, self.here)
        self.wire = self._travel(wire)
        assert is_request(self.wire)
        assert (stream is None) is (type(self.wire[5]) is not int)
        return read_request(self.wire, self.there)

    def response(self, response: Response) -> Response:
        wire, stream = write_response(response, self.here, self.sockets)
        self.wire = self._travel(wire)
        assert is_response(self.wire)
        assert (stream is None) is (type(self.wire[3]) is not int)
        return read_response(self.wire, self.there, self.sockets)

    def _travel(self, wire: list[Any]) -> list[Any]:
        [there] = read_body(FrameWriter().body([wire]))
        assert isinstance(there, list)
        return there


@pytest.fixture
async def ways() -> AsyncIterator[Ways]:
    async with joined() as links:
        found = Ways(Streams(links[0]), Streams(links[1]))
        yield found
        await found.here.close()
        await found.there.close()


async def test_every_part_of_a_request_survives(ways: Ways) -> None:
    request = Request("http://x/a?b=c", method="put", headers=[("A", "1"), ("a", "2")], body="x")
    request.client_address = "2001:db8::1"
    request.redirect = "error"
    request.resumed = True
    there = ways.request(request)
    for name in ("method", "url", "client_address", "redirect", "resumed", "content"):
        assert getattr(there, name) == getattr(request, name), name
    assert list(there.header_fields().items()) == list(request.header_fields().items())
    assert there.parsed_url.path == "/a"


async def test_every_part_of_a_response_survives(ways: Ways) -> None:
    fields = Response(headers=[("A", "1"), ("a", "2")]).header_fields()
    response = Response.incoming(404, "Gone fishing", fields, b"x", "http://y/", redirected=True)
    there = ways.response(response)
    for name in ("status", "status_text", "url", "redirected", "content", "web_socket"):
        assert getattr(there, name) == getattr(response, name), name
    assert list(there.header_fields().items()) == [("A", "1"), ("a", "2")]


async def test_whether_headers_can_be_changed_is_kept(ways: Ways) -> None:
    ways.request(Request("http://x")).headers.set("A", "1")
    ways.response(Response()).headers.set("A", "1")
    fields = Request("http://x", headers={"A": "1"}).header_fields()
    with pytest.raises(ImmutableHeaders):
        ways.request(Request.incoming("GET", "http://x", fields)).headers.set("A", "2")
    with pytest.raises(ImmutableHeaders):
        ways.response(Response.incoming(200, "", fields)).headers.set("A", "2")
    assert fields["A"] == "1"


@pytest.mark.parametrize("body", [None, b"", b"some"])
async def test_a_body_that_is_here_is_there(ways: Ways, body: bytes | None) -> None:
    assert ways.response(Response(body)).content == body
    assert ways.request(Request("http://x", method="POST", body=body)).content == body


async def test_a_body_that_streams_does_so_there(ways: Ways) -> None:
    request = Request("http://x", method="POST", body=BytesSource(b"some"))
    assert await ways.request(request).bytes() == b"some"
    assert request.body_used
    assert await ways.response(Response(BytesSource(b"more"))).bytes() == b"more"


async def test_a_used_body_is_used_there(ways: Ways) -> None:
    response = Response("some")
    await response.text()
    there = ways.response(response)
    assert there.body_used
    with pytest.raises(BodyAlreadyUsed):
        await there.text()


async def test_bytes_beyond_all_measure_are_streamed_and_say_how_many_they_are(
    ways: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "WHOLE_SIZE_BYTES_MAX", 10)
    there = ways.response(Response(b"x" * 11))
    assert there.headers["Content-Length"] == "11"
    assert await there.bytes() == b"x" * 11
    named = ways.response(Response(b"x" * 11, headers={"Content-Length": "11"}))
    assert named.headers["Content-Length"] == "11"
    asked = ways.request(Request("http://x", method="POST", body=b"y" * 11))
    assert "Content-Length" not in asked.headers
    assert await asked.bytes() == b"y" * 11
    assert ways.response(Response(b"x" * 10)).content == b"x" * 10


async def test_a_websocket_is_lent_and_borrowed(ways: Ways) -> None:
    client, _ = WebSocketPair()
    there = ways.response(Response(None, 101, web_socket=client))
    assert there.web_socket is client
    assert ways.wire[6] == ["0", 2, 1]
    with pytest.raises(LinkBroken):
        read_response(ways.wire, ways.there, ways.sockets)
