"""WebSockets as user code holds them. What their listeners hear is in test_socket_turn."""

import asyncio
from typing import Any

import pytest

from perdure.actors.errors import InvalidClose, NotInHandler, SocketStateError
from perdure.actors.http import Response
from perdure.actors.session import CloseFrame
from perdure.actors.socket_pair import WebSocketPair
from perdure.actors.websocket import WebSocket
from perdure.storage.errors import UsageError
from tests.world import FakeLink, Lab, World, turns

# Pairs.


def test_a_pair_unpacks_and_has_indexes() -> None:
    pair = WebSocketPair()
    client, server = pair
    assert (pair[0], pair[1]) == (client, server)
    assert list(pair) == [client, server]
    assert len(pair) == 2
    with pytest.raises(IndexError):
        pair[2]


def test_both_ends_of_a_fresh_pair_are_open() -> None:
    for end in WebSocketPair():
        assert end.ready_state == WebSocket.OPEN == end.READY_STATE_OPEN == 1
        assert (end.url, end.protocol, end.extensions) == (None, "", "")
    assert (WebSocket.CONNECTING, WebSocket.CLOSING, WebSocket.CLOSED) == (0, 2, 3)


def test_a_socket_can_be_a_key_and_carry_attributes() -> None:
    one, other = WebSocketPair()
    one.user = "Ada"  # type: ignore[attr-defined]  # users do that
    assert {one: 1, other: 2}[one] == 1
    assert one.id != other.id
    assert one.id[:8] in repr(one)


# accept.


def test_accepting_needs_a_handler_around_it() -> None:
    with pytest.raises(NotInHandler, match=r"WebSocket.accept\(\) works only while a handler"):
        WebSocketPair()[0].accept()


async def test_an_accepted_socket_is_a_session_of_its_actor(world: World) -> None:
    def script(lab: Lab) -> None:
        server = WebSocketPair()[1]
        server.accept()
        server.accept()  # a second time changes nothing
        assert dict(lab.ctx.sessions) == {server.id: server}
        assert server.ready_state == WebSocket.OPEN

    await world.inside(script)


async def test_an_end_that_went_away_in_a_response_cannot_be_accepted(world: World) -> None:
    client, _ = WebSocketPair()
    client.hand_over(FakeLink())
    assert client.ready_state == WebSocket.CLOSED

    def script(lab: Lab) -> None:
        with pytest.raises(SocketStateError, match="already used in a Response"):
            client.accept()

    await world.inside(script)


# send.


async def test_messages_sent_before_the_other_end_accepts_are_kept_for_it(world: World) -> None:
    async def script(lab: Lab) -> list[Any]:
        client, server = WebSocketPair()
        server.accept()
        server.send("one")
        server.send(b"two")
        await turns(1)
        client.accept()
        server.send("three")
        server.close()
        return [message async for message in client]

    assert await world.inside(script) == ["one", b"two", "three"]


@pytest.mark.parametrize("data", [b"x", bytearray(b"x"), memoryview(b"x")])
async def test_whatever_holds_bytes_is_sent_as_bytes(world: World, data: Any) -> None:
    server, link = await world.accepted()
    server.send(data)
    assert link.sent == [b"x"]
    assert type(link.sent[0]) is bytes


async def test_a_buffer_that_changes_after_send_changes_nothing(world: World) -> None:
    def script(lab: Lab) -> WebSocket:
        client, server = WebSocketPair()
        server.accept()
        data = bytearray(b"before")
        server.send(data)
        data[:] = b"after!"
        return client

    client = await world.inside(script)
    link = FakeLink()
    client.hand_over(link)
    assert link.sent == [b"before"]


@pytest.mark.parametrize("value", [5, None, {}, ["x"]])
async def test_other_values_are_not_sent(world: World, value: Any) -> None:
    server, link = await world.accepted()
    with pytest.raises(UsageError, match=f"not {type(value).__name__}; use json.dumps"):
        server.send(value)
    assert link.sent == []


async def test_sending_and_closing_need_an_accepted_end() -> None:
    end = WebSocketPair()[0]
    with pytest.raises(SocketStateError, match=r"You must call one of accept\(\) or ctx.accept_"):
        end.send("x")
    with pytest.raises(SocketStateError, match="before closing it"):
        end.close()
    with pytest.raises(SocketStateError, match="before iterating"):
        aiter(end)
    assert issubclass(SocketStateError, TypeError)


async def test_nothing_is_sent_after_close(world: World) -> None:
    server, link = await world.accepted()
    server.close(1000, "bye")
    for state in ("closing", "closed"):
        with pytest.raises(SocketStateError, match=r"Can't call WebSocket send\(\) after close"):
            server.send("x")
        assert server.state.value == state
        link.says(CloseFrame(1000, "bye"))
    assert link.sent == [CloseFrame(1000, "bye")]


async def test_all_that_a_turn_sends_is_one_write(world: World) -> None:
    writes: list[list[Any]] = []

    class CountingLink(FakeLink):
        def transmit(self, messages: Any, close: Any = None) -> None:
            writes.append([*messages, close] if close else list(messages))

    async def script(lab: Lab) -> None:
        client, server = WebSocketPair()
        server.accept()
        client.hand_over(CountingLink())
        server.send("a")
        await lab.ctx.storage.put("k", 1)  # no suspension
        server.send("b")
        assert writes == []
        await turns(2)
        server.send("c")
        server.close(4000)

    await world.inside(script)
    assert writes == [["a", "b"], ["c", (4000, "")]]


async def test_messages_wait_for_what_their_actor_wrote(world: World) -> None:
    server, link = await world.accepted()

    def script(lab: Lab) -> None:
        lab.ctx.storage.put("k", 1)
        server.send("after the write")

    call = asyncio.ensure_future(world.inside(script))
    while not server.owner.database.has_writes:  # type: ignore[union-attr]  # an actor, which has one
        await asyncio.sleep(0)
    assert link.sent == []
    await call
    assert link.sent == ["after the write"]


async def test_a_message_sent_from_a_callback_of_the_loop_leaves_too(world: World) -> None:
    server, link = await world.accepted()
    asyncio.get_running_loop().call_soon(server.send, "from a callback")
    await turns(1)
    assert link.sent == ["from a callback"]


async def test_buffered_amount_is_what_the_peer_has_not_taken(world: World) -> None:
    server, link = await world.accepted()
    assert server.buffered_amount == link.buffered_size_bytes == 7
    client, _ = WebSocketPair()
    assert client.buffered_amount == 0
    assert WebSocket.unaccepted().buffered_amount == 0


# close.


async def test_closing_waits_for_the_peers_answer(world: World) -> None:
    server, link = await world.accepted()
    events: list[Any] = []
    server.add_event_listener("close", events.append)
    server.close(3001, "enough")
    assert link.sent == [CloseFrame(3001, "enough")]
    assert server.ready_state == WebSocket.CLOSING
    assert events == []
    link.says(CloseFrame(3001, "enough"))
    assert server.ready_state == WebSocket.CLOSED
    assert [(e.code, e.reason, e.was_clean) for e in events] == [(3001, "enough", True)]


async def test_closing_again_changes_nothing(world: World) -> None:
    server, link = await world.accepted()
    server.close(1000)
    server.close(4000, "other")
    link.says(CloseFrame(1000))
    server.close(4000)
    assert link.sent == [CloseFrame(1000)]


async def test_a_close_that_the_protocol_forbids_closes_nothing(world: World) -> None:
    server, link = await world.accepted()
    for code, reason in [(1006, None), (None, "why"), (1000, "é" * 62)]:
        with pytest.raises(InvalidClose):
            server.close(code, reason)
    assert server.ready_state == WebSocket.OPEN
    server.close()
    assert link.sent == [CloseFrame(None)]


async def test_both_ends_of_a_pair_in_one_actor_get_a_close_event(world: World) -> None:
    async def script(lab: Lab) -> list[Any]:
        client, server = WebSocketPair()
        client.accept()
        server.accept()
        heard: list[Any] = []
        client.on_close = lambda event: heard.append(("client", event.code, event.was_clean))
        server.on_close = lambda event: heard.append(("server", event.code, event.was_clean))
        client.close(4001, "bye")
        await turns()
        assert (client.ready_state, server.ready_state) == (3, 3)
        assert len(lab.ctx.sessions) == 0
        return heard

    assert await world.inside(script) == [("server", 4001, True), ("client", 4001, True)]


# Going away in a Response.


async def test_an_end_that_was_handed_over_passes_on_what_waited_for_it(world: World) -> None:
    def script(lab: Lab) -> WebSocket:
        client, server = WebSocketPair()
        server.accept()
        server.send("early")
        return client

    client = await world.inside(script)
    link = FakeLink()
    assert client.can_be_handed_over
    client.hand_over(link)
    assert link.sent == ["early"]
    assert not client.can_be_handed_over


async def test_an_end_can_be_handed_over_once(world: World) -> None:
    client, _ = WebSocketPair()
    client.hand_over(FakeLink())
    with pytest.raises(SocketStateError, match="it was already used"):
        client.hand_over(FakeLink())
    server, _ = await world.accepted()
    assert not server.can_be_handed_over
    with pytest.raises(SocketStateError, match=r"in a Response after calling accept\(\)"):
        server.hand_over(FakeLink())


async def test_an_end_that_has_closed_cannot_be_handed_over(world: World) -> None:
    server, link = await world.accepted()
    server.close()
    link.says(CloseFrame(None))
    with pytest.raises(SocketStateError, match="after calling accept"):
        server.hand_over(FakeLink())
    with pytest.raises(SocketStateError, match="it was already used"):
        WebSocket.unaccepted().hand_over(FakeLink())  # leads nowhere


async def test_an_outgoing_connection_that_is_handed_over_is_joined_to_the_client() -> None:
    upstream, downstream = FakeLink(), FakeLink()
    socket = WebSocket.unaccepted(url="ws://upstream.test/", protocol="chat")
    socket.connect(upstream)
    assert (socket.url, socket.protocol) == ("ws://upstream.test/", "chat")
    upstream.says("early")
    socket.hand_over(downstream)
    upstream.says("later")
    downstream.says("back")
    assert downstream.sent == ["early", "later"]
    assert upstream.sent == ["back"]


async def test_a_connection_that_was_lost_before_it_was_handed_over_ends_its_client() -> None:
    upstream, downstream = FakeLink(), FakeLink()
    socket = WebSocket.unaccepted()
    socket.connect(upstream)
    upstream.says("last words")
    assert upstream.receiver is not None
    upstream.receiver.receive_lost(1006, "gone")
    socket.hand_over(downstream)
    assert downstream.sent == ["last words"]
    assert [frame.code for frame in downstream.severed] == [1011]


async def test_a_pair_passes_through_a_response(world: World) -> None:
    def script(lab: Lab) -> Response:
        client, server = WebSocketPair()
        server.accept()
        server.add_event_listener("message", lambda event: server.send(f"echo {event.data}"))
        return Response(None, status=101, web_socket=client)

    response = await world.inside(script)
    link = FakeLink()
    response.web_socket.hand_over(link)
    link.says("hello")
    assert link.sent == ["echo hello"]
