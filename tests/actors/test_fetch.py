"""``fetch``: requests from user code to the network."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from perdure.actors.body import BytesSource
from perdure.actors.errors import ActorReset, GateDeadlock, NotInHandler
from perdure.actors.fetch import fetch
from perdure.actors.http import Request, Response
from perdure.actors.http_errors import InvalidInit, InvalidUrl, UnfitAnswer
from perdure.actors.rpc import encode_error
from perdure.actors.websocket import WebSocket
from tests.wire import PATIENCE_S
from tests.world import FakeLink, Lab, World, turns


async def test_a_request_is_made_of_the_arguments(world: World) -> None:
    world.outbound.answer = lambda request: Response("answer", 203)

    async def script(lab: Lab) -> Response:
        return await fetch(
            "http://example.test/x", method="post", headers={"X-A": "1"}, body="b", redirect="error"
        )

    response = await world.inside(script)
    assert (response.status, await response.text()) == (203, "answer")
    [(request, _)] = world.outbound.sent
    assert (request.method, request.url) == ("POST", "http://example.test/x")
    assert (request.headers["X-A"], request.redirect) == ("1", "error")
    assert request.content == b"b"


async def test_a_request_is_sent_as_it_is_or_with_changes(world: World) -> None:
    world.outbound.answer = lambda request: Response(None)
    mine = Request("http://example.test/", headers={"X-A": "1"})

    async def script(lab: Lab) -> None:
        await fetch(mine)
        await fetch(mine, redirect="manual")

    await world.inside(script)
    first, second = [request for request, _ in world.outbound.sent]
    assert first is mine
    assert second is not mine
    assert (second.headers["X-A"], second.redirect) == ("1", "manual")


async def test_a_status_is_an_answer_and_no_exception(world: World) -> None:
    world.outbound.answer = lambda request: Response("broken", 500)
    assert (await world.inside(lambda lab: fetch("http://example.test/"))).status == 500


async def test_what_is_wrong_with_a_request_is_told_before_anything_is_sent(world: World) -> None:
    def script(lab: Lab) -> None:
        with pytest.raises(InvalidUrl):
            fetch("/relative")
        with pytest.raises(InvalidInit, match="GET or HEAD method cannot have a body"):
            fetch("http://example.test/", body="x")

    await world.inside(script)
    assert world.outbound.sent == []


async def test_it_needs_a_handler_around_it() -> None:
    with pytest.raises(NotInHandler, match=r"fetch\(\) works only while"):
        fetch("http://example.test/")


async def test_a_network_that_fails_raises(world: World) -> None:
    async def script(lab: Lab) -> None:
        future = fetch("http://example.test/")
        _, on_reply = world.outbound.sent[0]
        on_reply(None, encode_error(ConnectionRefusedError("nobody listens")))
        with pytest.raises(OSError, match="nobody listens") as raised:
            await future
        # Nobody's code is on the other side of a network that fails.
        assert getattr(raised.value, "remote", False) is False
        assert not getattr(raised.value, "__notes__", [])

    await world.inside(script)


async def test_a_request_waits_for_what_its_actor_has_written(world: World) -> None:
    world.outbound.answer = lambda request: Response(None)

    async def script(lab: Lab) -> None:
        fetch("http://example.test/before")
        lab.ctx.storage.put("a", 1)
        future = fetch("http://example.test/after")
        assert [request.url[-6:] for request, _ in world.outbound.sent] == ["before"]
        await future

    await world.inside(script)
    assert [request.url[20:] for request, _ in world.outbound.sent] == ["before", "after"]


async def test_a_request_of_an_actor_that_breaks_before_it_was_sent_never_leaves(
    world: World,
) -> None:
    def script(lab: Lab) -> None:
        lab.ctx.storage.put("a", 1)
        fetch("http://example.test/")
        lab.ctx.abort("changed its mind")

    with pytest.raises(ActorReset):
        await world.inside(script)
    await turns()
    assert world.outbound.sent == []


async def test_a_request_out_of_a_transaction_that_has_written_is_refused(world: World) -> None:
    async def script(lab: Lab) -> None:
        async def callback(txn: Any) -> None:
            txn.put("a", 1)
            with pytest.raises(GateDeadlock):
                fetch("http://example.test/")

        await lab.ctx.storage.transaction(callback)

    await world.inside(script)
    assert world.outbound.sent == []


async def test_a_streaming_body_is_read_in_the_actors_turns(world: World) -> None:
    async def chunks(lab: Lab) -> AsyncIterator[bytes]:
        for n in range(2):
            await lab.ctx.storage.put("n", n)
            yield str(n).encode()

    async def script(lab: Lab) -> bytes:
        future = fetch("http://example.test/", method="POST", body=chunks(lab))
        request, on_reply = world.outbound.sent[0]
        sent = await request.bytes()
        on_reply(Response(None), None)
        await future
        return sent

    assert await world.inside(script) == b"01"


async def test_other_handlers_run_while_a_request_is_under_way(world: World) -> None:
    waiting = asyncio.ensure_future(world.inside(lambda lab: fetch("http://example.test/")))
    await turns(3)
    assert await world.inside(lambda lab: "other") == "other"
    world.outbound.sent[0][1](Response("late"), None)
    assert (await waiting).status == 200


class Body(BytesSource):
    def __init__(self) -> None:
        super().__init__(b"x")
        self.is_cancelled = False

    def cancel(self, reason: BaseException | None = None) -> None:
        self.is_cancelled = True


async def test_an_answer_that_nobody_waits_for_is_let_go(world: World) -> None:
    """Else its connection would be held for ever."""

    async def script(lab: Lab) -> None:
        for _ in range(3):
            fetch("http://example.test/").cancel()

    await world.inside(script)
    body, link = Body(), FakeLink()
    socket = WebSocket.unaccepted()
    socket.connect(link)
    answers = [
        Response.incoming(200, "OK", {}, body),  # type: ignore[arg-type]  # no fields are no fields
        Response.incoming(101, "", {}, None, "", socket),  # type: ignore[arg-type]  # as above
        None,
    ]
    for (_, on_reply), answer in zip(world.outbound.sent, answers, strict=True):
        on_reply(answer, None if answer else encode_error(OSError("late")))
    assert body.is_cancelled
    assert [frame.code for frame in link.severed] == [1011]


async def test_a_connection_that_comes_when_its_actor_is_gone_is_not_kept(world: World) -> None:
    async def script(lab: Lab) -> None:
        await fetch("ws://upstream.test/", headers={"Upgrade": "websocket"})

    asked = asyncio.ensure_future(world.inside(script))
    await turns()
    world.actor().break_(RuntimeError("over"))
    with pytest.raises(RuntimeError, match="over"):
        await asked
    socket, link = WebSocket.unaccepted(url="ws://upstream.test/"), FakeLink()
    socket.connect(link)
    world.outbound.sent.pop()[1](Response(None, 101, web_socket=socket), None)
    assert [frame.code for frame in link.severed] == [1011]


@pytest.mark.parametrize("status", [0, 99, 101, 199, 600, 999])
async def test_a_status_that_no_response_may_have_is_no_answer(world: World, status: int) -> None:
    body = Body()

    async def script(lab: Lab) -> None:
        future = fetch("http://example.test/x")
        odd = Response.incoming(status, "What", {}, body)  # type: ignore[arg-type]  # no fields
        world.outbound.sent[0][1](odd, None)
        with pytest.raises(UnfitAnswer, match=f"status {status}, not 200 to 599"):
            await future

    await world.inside(script)
    assert body.is_cancelled


async def endless(is_over: asyncio.Event) -> AsyncIterator[bytes]:
    try:
        while True:
            yield b"x" * 100_000
    finally:
        is_over.set()


async def test_a_body_that_nobody_takes_any_more_is_not_read_on(world: World) -> None:
    """Else whoever sends it would wait for ever, and so would a server that stops."""
    is_over = asyncio.Event()

    async def script(lab: Lab) -> None:
        future = fetch("http://example.test/", method="POST", body=endless(is_over))
        await turns()
        world.outbound.sent[0][1](None, encode_error(ConnectionRefusedError("nobody listens")))
        with pytest.raises(OSError, match="nobody listens"):
            await future

    await world.inside(script)
    await asyncio.wait_for(is_over.wait(), PATIENCE_S)


@pytest.mark.parametrize("is_read", [True, False], ids=["read", "cancelled"])
async def test_a_body_is_read_on_until_the_answer_has_ended(world: World, *, is_read: bool) -> None:
    is_over = asyncio.Event()
    refused = BytesSource(b"too large")

    async def script(lab: Lab) -> None:
        future = fetch("http://example.test/", method="POST", body=endless(is_over))
        await turns()
        answer = Response.incoming(413, "", {}, refused)  # type: ignore[arg-type]  # no fields
        world.outbound.sent[0][1](answer, None)
        response = await future
        await turns()
        assert not is_over.is_set()
        if is_read:
            assert await response.text() == "too large"
        else:
            assert response.body is not None
            response.body.cancel()

    await world.inside(script)
    await asyncio.wait_for(is_over.wait(), PATIENCE_S)
