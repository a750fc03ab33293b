"""``WebSocket(url)``: connecting, its events, and what it means for its owner."""

import gc
from typing import Any

import pytest
from multidict import CIMultiDict

from perdure.actors.errors import GateDeadlock, NotInHandler, SocketStateError
from perdure.actors.http import Response
from perdure.actors.http_errors import InvalidInit, InvalidUrl
from perdure.actors.rpc import encode_error
from perdure.actors.session import CloseFrame
from perdure.actors.socket_events import EventName
from perdure.actors.websocket import WebSocket
from tests.world import FakeLink, Lab, World, turns

URL = "ws://upstream.test/feed"


def listen(socket: WebSocket) -> list[Any]:
    """What the socket hears, as it hears it."""
    heard: list[Any] = []

    def hear(event: Any) -> None:
        what: tuple[Any, ...] = ()
        if event.type == "close":
            what = (event.code, event.reason, event.was_clean)
        elif event.type != "open":
            what = (event.data if event.type == "message" else event.message,)
        heard.append((event.type, *what, socket.ready_state))

    names: tuple[EventName, ...] = ("open", "message", "error", "close")
    for name in names:
        socket.add_event_listener(name, hear)
    return heard


async def connecting(world: World, *args: Any, **options: Any) -> tuple[WebSocket, list[Any]]:
    """A socket that a Lab has begun to connect, and what it hears."""

    def script(lab: Lab) -> tuple[WebSocket, list[Any]]:
        socket = WebSocket(URL, *args, **options)
        return socket, listen(socket)

    got: tuple[WebSocket, list[Any]] = await world.inside(script)
    await turns()
    return got


def upgraded(protocol: str = "") -> tuple[Response, FakeLink]:
    """The answer of a server that upgrades, and the connection to it."""
    inner, link = WebSocket.unaccepted(url=URL, protocol=protocol), FakeLink()
    inner.connect(link)
    return Response(None, 101, web_socket=inner), link


async def connected(world: World) -> tuple[WebSocket, list[Any], FakeLink]:
    socket, heard = await connecting(world)
    response, link = upgraded()
    _, on_reply = world.outbound.sent.pop()
    on_reply(response, None)
    await turns()
    return socket, heard, link


# What is asked for.


async def test_it_asks_for_an_upgrade(world: World) -> None:
    socket, _ = await connecting(world, ["chat", "talk"], headers={"Authorization": "Bearer x"})
    [(request, _)] = world.outbound.sent
    assert (request.method, request.url) == ("GET", URL)
    assert request.is_upgrade
    assert request.headers["Sec-WebSocket-Protocol"] == "chat, talk"
    assert request.headers["Authorization"] == "Bearer x"
    assert (socket.ready_state, socket.url, socket.protocol) == (WebSocket.CONNECTING, URL, "")
    assert "connecting" in repr(socket)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://upstream.test", "ws://upstream.test/"),
        ("https://upstream.test/a?b=c", "wss://upstream.test/a?b=c"),
        ("wss://upstream.test/%2F/ü", "wss://upstream.test/%2F/%C3%BC"),
    ],
)
async def test_its_url_has_a_scheme_of_websockets(world: World, url: str, shown: str) -> None:
    assert (await world.inside(lambda lab: WebSocket(url))).url == shown


@pytest.mark.parametrize("url", ["ftp://a.test/", "/relative", "ws://a.test/#x", "ws://a.test/#"])
async def test_urls_that_cannot_be_connected_to(world: World, url: str) -> None:
    def script(lab: Lab) -> None:
        with pytest.raises(InvalidUrl):
            WebSocket(url)

    await world.inside(script)
    assert world.outbound.sent == []


@pytest.mark.parametrize("protocols", ["", "a b", ["ok", "a,b"], ["twice", "twice"], [5]])
async def test_subprotocols_that_cannot_be_offered(world: World, protocols: Any) -> None:
    def script(lab: Lab) -> None:
        with pytest.raises(InvalidInit, match="subprotocol"):
            WebSocket(URL, protocols)

    await world.inside(script)


def test_it_needs_a_handler_around_it() -> None:
    with pytest.raises(NotInHandler, match=r"WebSocket\(\) works only while"):
        WebSocket(URL)


async def test_a_connection_out_of_a_transaction_would_wait_for_itself(world: World) -> None:
    async def script(lab: Lab) -> None:
        async def connect(transaction: Any) -> None:
            await transaction.put("key", 1)
            with pytest.raises(GateDeadlock):
                WebSocket(URL)

        await lab.ctx.storage.transaction(connect)

    await world.inside(script)


# Success.


async def test_open_comes_first_and_messages_after_it(world: World) -> None:
    socket, heard = await connecting(world)
    response, link = upgraded("chat")
    link.says("sent with the 101")
    _, on_reply = world.outbound.sent.pop()
    on_reply(response, None)
    link.says("and right behind it")
    await turns()
    link.says(b"later")
    await turns()
    assert heard == [
        ("open", 1),
        ("message", "sent with the 101", 1),
        ("message", "and right behind it", 1),
        ("message", b"later", 1),
    ]
    assert (socket.protocol, socket.ready_state) == ("chat", WebSocket.OPEN)


async def test_it_sends_and_closes_as_others_do(world: World) -> None:
    socket, heard, link = await connected(world)
    socket.send("hello")
    socket.close(4000, "bye")
    assert link.sent == ["hello", CloseFrame(4000, "bye")]
    link.says(CloseFrame(4000, "bye"))
    await turns()
    assert heard[1:] == [("close", 4000, "bye", True, 3)]


async def test_nobody_accepts_it_and_nobody_gives_it_away(world: World) -> None:
    def script(lab: Lab) -> None:
        socket = WebSocket(URL)
        socket.accept()
        assert socket.ready_state == WebSocket.CONNECTING
        assert not socket.can_be_handed_over
        with pytest.raises(SocketStateError, match="already accepted"):
            lab.ctx.accept_web_socket(socket)

    await world.inside(script)


async def test_sending_before_it_is_open_is_an_error_that_says_when(world: World) -> None:
    socket, _ = await connecting(world)
    with pytest.raises(SocketStateError, match=r"still connecting: send\(\) works from its open"):
        socket.send("too soon")


async def test_a_stream_of_its_messages(world: World) -> None:
    async def script(lab: Lab) -> list[Any]:
        socket = WebSocket(URL)
        return [message async for message in socket]

    response, link = upgraded()
    world.outbound.answer = lambda request: response
    link.says("one")
    link.says(b"two")
    link.says(CloseFrame(1000))
    assert await world.inside(script) == ["one", b"two"]


async def test_its_listeners_are_turns_of_its_actor(world: World) -> None:
    """A message does not come in while a critical section runs."""
    _, heard, link = await connected(world)

    async def script(lab: Lab) -> None:
        async def section() -> None:
            link.says("meanwhile")
            await turns()
            assert heard == [("open", 1)]

        await lab.ctx.block_concurrency_while(section)

    await world.inside(script)
    await turns()
    assert heard[1:] == [("message", "meanwhile", 1)]


async def test_a_listener_of_open_that_raises_ends_the_connection(world: World) -> None:
    socket, heard = await connecting(world)

    def fail(event: Any) -> None:
        raise ValueError("no good")

    socket.on_open = fail
    response, link = upgraded()
    world.outbound.sent.pop()[1](response, None)
    await turns()
    reason = "a listener of this WebSocket raised"
    assert link.severed == [CloseFrame(1011, reason)]
    told = [("error", "Uncaught ValueError: no good", 3), ("close", 1011, reason, False, 3)]
    assert heard[:2] == told


# Failure.

FAILED = ("close", 1006, "Failed to establish websocket connection", False, 3)


async def test_a_network_that_fails_is_an_error_and_then_a_close(world: World) -> None:
    socket, heard = await connecting(world)
    _, on_reply = world.outbound.sent.pop()
    on_reply(None, encode_error(ConnectionRefusedError("nobody listens")))
    await turns()
    assert heard == [("error", "nobody listens", 3), FAILED]
    with pytest.raises(SocketStateError, match="after close"):
        socket.send("too late")
    socket.close()


async def test_an_answer_that_is_no_upgrade_is_an_error(world: World) -> None:
    _, heard = await connecting(world)
    refused = Response.incoming(403, "", CIMultiDict(), b"no", "https://example.com/chat")
    world.outbound.sent.pop()[1](refused, None)
    await turns()
    assert heard[0][1] == f"{URL}: the server answered 403, which is no WebSocket"
    assert heard[1] == FAILED


async def test_closing_it_while_it_connects_fails_it_at_once(world: World) -> None:
    def script(lab: Lab) -> tuple[WebSocket, list[Any]]:
        socket = WebSocket(URL)
        heard = listen(socket)
        lab.ctx.storage.kv.put("key", 1)
        return socket, heard

    socket, heard = await world.inside(script)
    await turns()
    [(_, on_reply)] = world.outbound.sent
    socket.close()
    socket.close()
    assert socket.ready_state == WebSocket.CLOSING
    await turns()
    assert heard == [("error", "the WebSocket was closed before its connection stood", 3), FAILED]
    response, link = upgraded()
    on_reply(response, None)
    assert [frame.code for frame in link.severed] == [1011], "nobody is there for it any more"
    assert len(heard) == 2


async def test_one_that_is_closed_in_its_first_turn_never_leaves(world: World) -> None:
    def script(lab: Lab) -> list[Any]:
        socket = WebSocket(URL)
        lab.ctx.storage.kv.put("key", 1)  # what is sent has to wait for this
        socket.close()
        return listen(socket)

    heard = await world.inside(script)
    await turns()
    assert heard[-1] == FAILED


# Its owner.


async def test_it_is_a_session_from_its_open_event_to_its_close(world: World) -> None:
    socket, _ = await connecting(world)
    sessions = world.actor().sessions
    assert len(sessions) == 0
    response, link = upgraded()
    world.outbound.sent.pop()[1](response, None)
    await turns()
    assert list(sessions.values()) == [socket]
    link.is_lost()
    await turns()
    assert len(sessions) == 0


async def test_what_is_broadcast_does_not_go_up_to_it(world: World) -> None:
    _, _, link = await connected(world)
    _, down = await world.accepted()
    assert await world.inside(lambda lab: lab.ctx.broadcast("news")) == 1
    assert (link.sent, down.sent) == ([], ["news"])


async def test_an_actor_stays_while_it_connects_and_while_it_is_connected(world: World) -> None:
    _, _ = await connecting(world)
    world.clock.advance(3600)
    assert world.live(Lab) == 1
    response, link = upgraded()
    world.outbound.sent.pop()[1](response, None)
    await turns()
    world.clock.advance(3600)
    assert world.live(Lab) == 1
    link.says(CloseFrame(1000))
    await turns()
    world.clock.advance(3600)
    assert world.live(Lab) == 0


async def test_an_actor_whose_connection_has_failed_may_leave(world: World) -> None:
    await connecting(world)
    world.outbound.sent.pop()[1](Response("no", 403), None)
    await turns()
    world.clock.advance(3600)
    assert world.live(Lab) == 0


async def test_an_actor_that_is_reset_lets_go_of_what_it_had_begun(world: World) -> None:
    _, heard = await connecting(world)
    world.actor().break_(RuntimeError("over"))
    response, link = upgraded()
    world.outbound.sent.pop()[1](response, None)
    await turns()
    assert [frame.code for frame in link.severed] == [1011]
    assert heard == []


async def test_a_connection_waits_until_what_was_written_is_durable(world: World) -> None:
    def script(lab: Lab) -> None:
        actor = world.actor()
        lab.ctx.storage.kv.put("key", 1)
        WebSocket(URL)
        assert world.outbound.sent == []
        assert actor.committer.is_dirty()

    await world.inside(script)
    await turns()
    assert len(world.outbound.sent) == 1


async def test_a_failure_that_an_actor_does_not_live_to_see(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await connecting(world)
    world.actor().break_(RuntimeError("over"))
    caplog.clear()
    world.outbound.sent.pop()[1](None, encode_error(OSError("nobody listens")))
    gc.collect()
    await turns()
    assert caplog.records == []
