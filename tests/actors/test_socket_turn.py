"""What the listeners of a WebSocket hear, and in which order."""

import asyncio
from typing import Any

import pytest

from perdure.actors.errors import SocketStateError
from perdure.actors.session import LOST_REASON, CloseFrame
from perdure.actors.socket_events import CloseEvent, ErrorEvent, MessageEvent
from perdure.actors.socket_pair import WebSocketPair
from perdure.actors.socket_turn import UNHEARD_MESSAGES_MAX
from perdure.actors.websocket import WebSocket
from perdure.storage.errors import UsageError
from tests.world import FakeLink, Lab, World, turns

# Messages.


async def test_listeners_hear_messages_in_order_text_as_str_and_binary_as_bytes(
    world: World,
) -> None:
    server, link = await world.accepted()
    heard: list[Any] = []
    server.add_event_listener("message", heard.append)
    link.says("text")
    link.says(b"binary")
    assert heard == [MessageEvent("text"), MessageEvent(b"binary")]


async def test_the_attribute_comes_first_then_those_added_in_order(world: World) -> None:
    server, link = await world.accepted()
    heard: list[str] = []
    server.add_event_listener("message", lambda event: heard.append("added 1"))
    server.add_event_listener("message", lambda event: heard.append("added 2"))
    server.on_message = lambda event: heard.append("attribute")
    link.says("x")
    assert heard == ["attribute", "added 1", "added 2"]
    server.on_message = None
    link.says("x")
    assert heard[3:] == ["added 1", "added 2"]


async def test_a_listener_for_one_time_hears_one_event(world: World) -> None:
    server, link = await world.accepted()
    once: list[Any] = []
    always: list[Any] = []
    server.add_event_listener("message", once.append, once=True)
    server.add_event_listener("message", always.append)
    link.says("a")
    link.says("b")
    assert [len(once), len(always)] == [1, 2]


class Hearing:
    """Whose methods are listeners; each access makes a new bound method."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def on_message(self, event: MessageEvent) -> None:
        self.heard.append(event.data)


async def test_a_listener_added_twice_hears_once(world: World) -> None:
    server, link = await world.accepted()
    hearing = Hearing()
    server.add_event_listener("message", hearing.on_message)
    server.add_event_listener("message", hearing.on_message)
    link.says("a")
    assert hearing.heard == ["a"]


async def test_a_listener_that_was_removed_hears_no_more(world: World) -> None:
    server, link = await world.accepted()
    hearing = Hearing()
    server.add_event_listener("message", hearing.on_message)
    link.says("a")
    server.remove_event_listener("message", hearing.on_message)
    server.remove_event_listener("message", hearing.on_message)  # unknown by now
    server.remove_event_listener("close", hearing.on_message)
    link.says("b")
    assert hearing.heard == ["a"]


async def test_unknown_events_are_refused(world: World) -> None:
    server, _ = await world.accepted()
    for method in (server.add_event_listener, server.remove_event_listener):
        with pytest.raises(UsageError, match="no event 'msg'; there are close, error, message"):
            method("msg", print)  # type: ignore[arg-type]  # that is what is tested


async def test_async_listeners_run_in_the_actors_turns_and_interleave_at_their_awaits(
    world: World,
) -> None:
    server, link = await world.accepted()
    order: list[str] = []
    release = asyncio.Event()

    async def listener(event: MessageEvent) -> None:
        order.append(f"{event.data!r} in")
        await release.wait()
        order.append(f"{event.data!r} out")

    server.add_event_listener("message", listener)
    link.says("a")
    link.says("b")
    assert order == ["'a' in", "'b' in"]
    release.set()
    await turns()
    assert order == ["'a' in", "'b' in", "'a' out", "'b' out"]


async def test_each_listener_has_a_context_of_its_own_but_the_actors_storage(world: World) -> None:
    stored: list[Any] = []

    def script(lab: Lab) -> WebSocket:
        client, server = WebSocketPair()
        server.accept()

        def listener(event: MessageEvent) -> None:
            count = lab.ctx.storage.kv.get("n") or 0
            lab.ctx.storage.kv.put("n", count + 1)
            stored.append(lab.ctx.storage.kv.get("n"))

        server.add_event_listener("message", listener)
        return client

    client = await world.inside(script)
    link = FakeLink()
    client.hand_over(link)
    link.says("a")
    link.says("b")
    assert stored == [1, 2]
    await turns(2)


async def test_messages_wait_while_the_gate_is_shut(world: World) -> None:
    server, link = await world.accepted()
    heard: list[Any] = []
    server.add_event_listener("message", lambda event: heard.append(event.data))

    async def script(lab: Lab) -> None:
        async def callback(txn: object) -> None:
            link.says("during the transaction")
            await turns(3)
            assert heard == []

        await lab.ctx.storage.transaction(callback)
        assert heard == []

    await world.inside(script)
    await turns(2)
    assert heard == ["during the transaction"]


async def test_a_socket_accepted_in_a_critical_section_is_heard_in_it(world: World) -> None:
    """Else code that connects somewhere while it starts could only wait for itself."""
    link = FakeLink()

    async def script(lab: Lab) -> Any:
        async def connects() -> Any:
            socket = WebSocket.unaccepted(url="ws://upstream.test/")
            socket.connect(link)
            socket.accept()
            asyncio.get_running_loop().call_soon(link.says, "hello")
            async for message in socket:
                return message
            return None

        return await lab.ctx.block_concurrency_while(connects)

    assert await world.inside(script) == "hello"
    assert isinstance(link.receiver, WebSocket)
    heard: list[Any] = []
    link.receiver.on_message = lambda event: heard.append(event.data)
    link.says("later")
    assert heard == ["later"], "it is heard on when the section has ended"


# Messages that nobody has heard.


async def test_messages_that_nobody_has_heard_wait_for_the_first_listener(world: World) -> None:
    server, link = await world.accepted()
    link.says("a")
    link.says("b")
    heard: list[Any] = []
    server.add_event_listener("message", lambda event: heard.append(event.data))
    assert heard == ["a", "b"]
    link.says("c")
    assert heard == ["a", "b", "c"]


async def test_they_wait_for_the_attribute_as_well(world: World) -> None:
    server, link = await world.accepted()
    link.says("a")
    heard: list[Any] = []
    server.on_message = lambda event: heard.append(event.data)
    assert heard == ["a"]


async def test_all_listeners_added_in_one_turn_hear_them(world: World) -> None:
    server, link = await world.accepted()
    link.says("a")
    one: list[Any] = []
    other: list[Any] = []

    def script(lab: Lab) -> None:
        server.add_event_listener("message", one.append)
        server.add_event_listener("message", other.append)

    await world.inside(script)
    assert one == other == [MessageEvent("a")]


async def test_they_are_heard_before_those_that_came_later(world: World) -> None:
    server, link = await world.accepted()
    link.says("first")
    heard: list[Any] = []

    def script(lab: Lab) -> None:
        link.says("second")  # its turn comes after this one
        server.add_event_listener("message", lambda event: heard.append(event.data))

    await world.inside(script)
    assert heard == ["first", "second"]


async def test_a_listener_for_one_time_leaves_the_rest_waiting(world: World) -> None:
    server, link = await world.accepted()
    for message in "abc":
        link.says(message)
    heard: list[Any] = []
    server.add_event_listener("message", lambda event: heard.append(event.data), once=True)
    assert heard == ["a"]
    link.says("d")
    server.add_event_listener("message", lambda event: heard.append(event.data))
    assert heard == ["a", "b", "c", "d"]


async def test_they_are_heard_even_if_the_connection_has_ended_meanwhile(world: World) -> None:
    server, link = await world.accepted()
    link.says("last words")
    link.says(CloseFrame(1000))
    heard: list[Any] = []
    server.add_event_listener("message", lambda event: heard.append(event.data))
    assert heard == ["last words"]


async def test_they_go_to_a_loop_as_well(world: World) -> None:
    server, link = await world.accepted()
    link.says("a")
    link.says("b")
    link.says(CloseFrame(1000))

    async def script(lab: Lab) -> list[Any]:
        return [message async for message in server]

    assert await world.inside(script) == ["a", "b"]


async def test_too_many_of_them_are_dropped_with_a_warning(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    server, link = await world.accepted()
    for n in range(UNHEARD_MESSAGES_MAX):
        link.says(str(n))
    assert "socket.message_dropped" not in caplog.messages
    for _ in range(3):
        link.says("too many")
    assert caplog.messages.count("socket.message_dropped") == 1, "a flood must not fill the log"
    heard: list[Any] = []
    server.add_event_listener("message", lambda event: heard.append(event.data))
    assert heard == [str(n) for n in range(UNHEARD_MESSAGES_MAX)]


# Close.


async def test_the_peers_close_frame_is_answered_with_its_own_code(world: World) -> None:
    server, link = await world.accepted()
    events: list[Any] = []

    def on_close(event: CloseEvent) -> None:
        events.append((event, server.ready_state, server.id in server.owner.sessions))  # type: ignore[union-attr]  # it has one

    server.add_event_listener("close", on_close)
    link.says(CloseFrame(4002, "done"))
    assert link.sent == [CloseFrame(4002, "done")]
    assert events == [(CloseEvent(4002, "done", was_clean=True), WebSocket.CLOSED, True)]
    assert server.owner is not None
    assert server.id not in server.owner.sessions, "it leaves after its listeners have run"


async def test_a_close_frame_without_a_code_is_read_as_1005(world: World) -> None:
    server, link = await world.accepted()
    events: list[Any] = []
    server.on_close = events.append
    link.says(CloseFrame(None))
    assert link.sent == [CloseFrame(None)]
    assert events == [CloseEvent(1005, "", was_clean=True)]


async def test_what_was_sent_before_leaves_before_the_answer(world: World) -> None:
    server, link = await world.accepted()
    server.on_message = lambda event: server.send("answer")
    link.says("question")
    link.says(CloseFrame(1000))
    assert link.sent == ["answer", CloseFrame(1000)]


async def test_messages_are_heard_while_closing(world: World) -> None:
    server, link = await world.accepted()
    heard: list[Any] = []
    server.on_message = lambda event: heard.append(event.data)
    server.close(1000)
    link.says("was on its way")
    assert heard == ["was on its way"]


async def test_a_peer_that_vanished_is_a_close_with_1006(world: World) -> None:
    server, link = await world.accepted()
    closes: list[Any] = []
    errors: list[Any] = []
    server.on_close, server.on_error = closes.append, errors.append
    link.is_lost()
    assert closes == [CloseEvent(1006, LOST_REASON, was_clean=False)]
    assert errors == []
    assert link.sent == []
    assert server.ready_state == WebSocket.CLOSED


async def test_a_peer_that_broke_the_protocol_is_an_error_and_then_a_close(world: World) -> None:
    server, link = await world.accepted()
    events: list[Any] = []
    server.on_close = server.on_error = events.append
    link.is_lost(1007, "not UTF-8")
    error, close = events
    assert (error.message, type(error.error)) == ("not UTF-8", ConnectionError)
    assert close == CloseEvent(1007, "not UTF-8", was_clean=False)


async def test_an_error_listener_that_raises_ends_a_broken_connection_too(world: World) -> None:
    server, link = await world.accepted()

    def raises(event: ErrorEvent) -> None:
        raise ValueError("again")

    server.on_error = raises
    link.is_lost(1002, "bad opcode")
    assert server.ready_state == WebSocket.CLOSED
    assert server.owner is not None
    assert len(server.owner.sessions) == 0


# Half open: the answer to the peer's close frame is user code's.


async def half_open(world: World) -> tuple[WebSocket, FakeLink, list[Any]]:
    heard: list[Any] = []

    def script(lab: Lab) -> tuple[WebSocket, WebSocket]:
        client, server = WebSocketPair()
        server.accept(allow_half_open=True)
        server.on_close = lambda event: heard.append((event.code, server.ready_state))
        server.on_error = heard.append
        return client, server

    client, server = await world.inside(script)
    link = FakeLink()
    client.hand_over(link)
    return server, link, heard


async def test_a_half_open_socket_does_not_answer_a_close_frame_by_itself(world: World) -> None:
    server, link, heard = await half_open(world)
    link.says(CloseFrame(4000, "bye"))
    assert (heard, link.sent) == ([(4000, WebSocket.CLOSING)], [])
    assert world.actor().sessions.get(server.id) is None, "its last event has come"
    server.send("last words")
    server.close(4001)
    server.close()
    assert link.sent == ["last words", CloseFrame(4001)]
    assert server.ready_state == WebSocket.CLOSED
    with pytest.raises(SocketStateError, match="after close"):
        server.send("too late")


async def test_a_half_open_socket_that_has_closed_first_is_closed_by_the_answer(
    world: World,
) -> None:
    server, link, heard = await half_open(world)
    server.close(4000)
    link.says(CloseFrame(4000))
    assert heard == [(4000, WebSocket.CLOSED)]


async def test_a_half_open_socket_whose_close_listener_raises_waits_for_its_close(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    server, link, heard = await half_open(world)

    def fail(event: Any) -> None:
        raise ValueError("no good")

    server.on_close = fail
    link.says(CloseFrame(4000))
    assert "no good" in caplog.text
    assert (heard, link.sent, server.ready_state) == ([], [], WebSocket.CLOSING)


# Events of user code's making.


async def test_an_event_of_ones_own_is_heard_in_a_turn(world: World) -> None:
    def script(lab: Lab) -> tuple[WebSocket, list[Any]]:
        server = WebSocketPair()[1]
        with pytest.raises(SocketStateError, match=r"accept\(\) before dispatch_event"):
            server.dispatch_event(MessageEvent("too soon"))
        server.accept()
        heard: list[Any] = []
        server.add_event_listener("message", heard.append)
        server.add_event_listener("close", heard.append, once=True)
        for event in (MessageEvent("mine"), CloseEvent(4000, "", was_clean=True)) * 2:
            server.dispatch_event(event)
        assert heard == []
        return server, heard

    server, heard = await world.inside(script)
    mine = MessageEvent("mine")
    assert heard == [mine, CloseEvent(4000, "", was_clean=True), mine]
    assert server.ready_state == WebSocket.OPEN, "an event alone closes nothing"
