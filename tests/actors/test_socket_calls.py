"""What ``ctx`` does with WebSockets: taking, listing, broadcasting, answering by itself."""

import asyncio
from typing import Any

import pytest

from perdure.actors.auto_response import WebSocketRequestResponsePair
from perdure.actors.base import DurableObject
from perdure.actors.errors import InvalidEventTimeout, SocketStateError
from perdure.actors.limits import ActorLimits
from perdure.actors.session import CloseFrame
from perdure.actors.socket_pair import WebSocketPair
from perdure.actors.state import DurableObjectState
from perdure.actors.websocket import WebSocket
from perdure.storage.errors import LimitExceeded, UsageError
from tests.world import FakeLink, Lab, World, turns

# accept_web_socket, get_web_sockets, get_tags.


async def test_sockets_are_listed_all_and_by_tag(world: World) -> None:
    def script(lab: Lab) -> None:
        one, other, plain = (WebSocketPair()[1] for _ in range(3))
        lab.ctx.accept_web_socket(one, ["red", "blue", "red"])
        lab.ctx.accept_web_socket(other, ("red",))
        plain.accept()
        assert lab.ctx.get_web_sockets() == [other, one]
        assert lab.ctx.get_web_sockets("red") == [one, other]
        assert lab.ctx.get_web_sockets("blue") == [one]
        assert lab.ctx.get_web_sockets("green") == []
        assert lab.ctx.get_tags(one) == ["red", "blue"]
        assert lab.ctx.sessions.with_tag("blue") == [one]
        assert len(lab.ctx.sessions) == 3

    await world.inside(script)


async def test_the_tags_of_other_sockets_cannot_be_asked_for(world: World) -> None:
    def script(lab: Lab) -> None:
        socket = WebSocketPair()[1]
        with pytest.raises(SocketStateError, match=r"you must call 'accept_web_socket\(\)' before"):
            lab.ctx.get_tags(socket)
        socket.accept()
        with pytest.raises(SocketStateError, match="only hibernatable websockets can have tags"):
            lab.ctx.get_tags(socket)

    await world.inside(script)


@pytest.mark.parametrize(
    ("tags", "error", "text"),
    [
        ("red", UsageError, r"a list of strings, not str; write \[tag\] for one tag"),
        ({"red"}, UsageError, "a list of strings, not set"),
        (None, UsageError, "a list of strings, not NoneType"),
        ([5], UsageError, "a tag is a string, not int"),
        ([["red"]], UsageError, "a tag is a string, not list"),
        (["x" * 257], LimitExceeded, r"is longer than the max tag length \(256 characters\)"),
        ([str(n) for n in range(11)], LimitExceeded, "cannot have more than 10 tags"),
    ],
)
async def test_tags_that_may_not_be(
    world: World, tags: Any, error: type[Exception], text: str
) -> None:
    def script(lab: Lab) -> None:
        socket = WebSocketPair()[1]
        with pytest.raises(error, match=text):
            lab.ctx.accept_web_socket(socket, tags)
        assert not lab.ctx.sessions
        lab.ctx.accept_web_socket(socket, ["x" * 256, *(str(n) for n in range(9)), "0"])

    await world.inside(script)


async def test_a_socket_is_taken_once_and_in_one_way(world: World) -> None:
    def script(lab: Lab) -> None:
        socket, peer = WebSocketPair()
        lab.ctx.accept_web_socket(socket)
        with pytest.raises(SocketStateError, match="was already accepted"):
            lab.ctx.accept_web_socket(socket)
        with pytest.raises(SocketStateError, match=r"Can't accept\(\) WebSocket after enabling"):
            socket.accept()
        with pytest.raises(SocketStateError, match="its pair has already been accepted or used"):
            lab.ctx.accept_web_socket(peer)
        accepted = WebSocketPair()[0]
        accepted.accept()
        with pytest.raises(SocketStateError, match="was already accepted via `accept"):
            lab.ctx.accept_web_socket(accepted)
        gone = WebSocketPair()[0]
        gone.hand_over(FakeLink())
        with pytest.raises(SocketStateError, match="used in a Response"):
            lab.ctx.accept_web_socket(gone)
        assert len(lab.ctx.sessions) == 2

    await world.inside(script)


async def test_an_actor_holds_so_many_sockets_and_no_more(tmp_path: Any) -> None:
    world = World(tmp_path, ActorLimits(websockets_per_actor_max=2))

    def script(lab: Lab) -> None:
        for _ in range(2):
            lab.ctx.accept_web_socket(WebSocketPair()[0])
        with pytest.raises(LimitExceeded, match="only 2 websockets can be accepted on a single"):
            lab.ctx.accept_web_socket(WebSocketPair()[0])
        assert len(lab.ctx.sessions) == 2

    await world.inside(script)
    world.close()


async def test_no_socket_is_accepted_before_there_are_handlers(world: World) -> None:
    class Early(DurableObject):
        def __init__(self, ctx: DurableObjectState, env: Any) -> None:
            super().__init__(ctx, env)
            socket = WebSocketPair()[0]
            with pytest.raises(SocketStateError, match="in a handler, not in __init__"):
                ctx.accept_web_socket(socket, ["red"])
            assert socket.tags == ()

        def call(self) -> None: ...

    await world.stub(Early).call()


# broadcast.


def take(lab: Lab, *tags: str, hibernates: bool = True) -> tuple[WebSocket, FakeLink]:
    """A socket of the actor, and its connection."""
    client, server = WebSocketPair()
    if hibernates:
        lab.ctx.accept_web_socket(server, tags)
    else:
        server.accept()
    link = FakeLink()
    client.hand_over(link)
    return server, link


async def test_a_broadcast_reaches_every_open_socket_of_both_kinds(world: World) -> None:
    def script(lab: Lab) -> tuple[int, list[FakeLink]]:
        _, red = take(lab, "red")
        _, plain = take(lab, hibernates=False)
        closing, closed = take(lab)
        closing.close(1000)
        outgoing = WebSocket.unaccepted(url="ws://elsewhere")
        outgoing.connect(other := FakeLink())
        outgoing.accept()
        return lab.ctx.broadcast("to all"), [red, plain, closed, other]

    count, links = await world.inside(script)
    assert count == 2
    assert [link.sent for link in links] == [["to all"], ["to all"], [CloseFrame(1000)], []]


@pytest.mark.parametrize(
    ("tags", "reached"),
    [("red", "ab"), (["red"], "ab"), (["red", "blue"], "abc"), (["green"], ""), ([], "")],
)
async def test_a_broadcast_by_tag_reaches_each_socket_once(
    world: World, tags: Any, reached: str
) -> None:
    def script(lab: Lab) -> dict[str, FakeLink]:
        links = {
            "a": take(lab, "red")[1],
            "b": take(lab, "red", "blue")[1],
            "c": take(lab, "blue")[1],
            "d": take(lab)[1],
        }
        assert lab.ctx.broadcast(b"some", tags) == len(reached)
        return links

    links = await world.inside(script)
    assert "".join(name for name, link in links.items() if link.sent == [b"some"]) == reached


async def test_a_broadcast_can_leave_out_its_sender_and_others(world: World) -> None:
    def script(lab: Lab) -> list[FakeLink]:
        one, two, three = (take(lab) for _ in range(3))
        assert lab.ctx.broadcast("not to one", exclude=one[0]) == 2
        assert lab.ctx.broadcast("to three", exclude=[one[0], two[0]]) == 1
        return [one[1], two[1], three[1]]

    links = await world.inside(script)
    assert [link.sent for link in links] == [[], ["not to one"], ["not to one", "to three"]]


async def test_a_message_that_cannot_be_sent_is_refused_before_anybody_gets_it(
    world: World,
) -> None:
    def script(lab: Lab) -> FakeLink:
        _, link = take(lab)
        with pytest.raises(UsageError, match="takes str or bytes, not dict"):
            lab.ctx.broadcast({"a": 1})  # type: ignore[arg-type]  # that is what is tested
        lab.ctx.broadcast(bytearray(b"once"))
        return link

    assert (await world.inside(script)).sent == [b"once"]


# What a closing socket may still do.


async def test_a_close_handler_may_send_to_all_sockets_its_own_among_them(world: World) -> None:
    class Room(DurableObject):
        heard: list[Any] = []

        def take(self) -> FakeLink:
            return self.take_one()[1]

        def take_one(self) -> tuple[WebSocket, FakeLink]:
            return take(self)  # type: ignore[arg-type]  # any actor has a ctx

        def web_socket_close(
            self, socket: WebSocket, code: int, reason: str, _: bool
        ) -> None:  # users' order
            assert socket in self.ctx.get_web_sockets()
            self.heard.append((code, reason, socket.ready_state))
            for other in self.ctx.get_web_sockets():
                other.send("somebody left")
            socket.close(code, reason)

    links: list[FakeLink] = []

    def two(room: Room) -> None:
        links.extend(room.take_one()[1] for _ in range(2))

    Room.two = two  # type: ignore[attr-defined]  # called over RPC below
    await world.stub(Room).two()
    links[0].says(CloseFrame(4000, "bye"))
    await turns(3)
    assert Room.heard == [(4000, "bye", 2)]
    assert [link.sent for link in links] == [[CloseFrame(4000, "bye")], ["somebody left"]]


# Answers without the actor.


async def test_the_auto_response_is_the_connections_from_then_on(world: World) -> None:
    pair = WebSocketRequestResponsePair("ping", "pong")

    def script(lab: Lab) -> list[tuple[WebSocket, FakeLink]]:
        before, plain = take(lab), take(lab, hibernates=False)
        assert lab.ctx.get_web_socket_auto_response() is None
        lab.ctx.set_web_socket_auto_response(pair)
        assert lab.ctx.get_web_socket_auto_response() == pair
        return [before, plain, take(lab)]

    taken = await world.inside(script)
    assert [link.auto_response for _, link in taken] == [("ping", "pong"), None, ("ping", "pong")]

    def look(lab: Lab) -> None:
        socket, link = taken[0]
        assert lab.ctx.get_web_socket_auto_response_timestamp(socket) is None
        link.auto_response_time_ms = 5
        assert lab.ctx.get_web_socket_auto_response_timestamp(socket) == 5
        lab.ctx.set_web_socket_auto_response()
        assert lab.ctx.get_web_socket_auto_response() is None

    await world.inside(look)
    assert [link.auto_response for _, link in taken] == [None, None, None]


async def test_a_new_auto_response_leaves_with_what_was_sent_before_it(world: World) -> None:
    def script(lab: Lab) -> None:
        socket, link = take(lab)
        socket.send("before")
        lab.ctx.set_web_socket_auto_response(WebSocketRequestResponsePair("a", "b"))
        assert link.sent == ["before"]
        assert link.auto_response == ("a", "b")

    await world.inside(script)


async def test_the_end_of_a_pair_answers_by_itself_too(world: World) -> None:
    async def script(lab: Lab) -> list[Any]:
        one, other = WebSocketPair()
        lab.ctx.accept_web_socket(other)
        lab.ctx.set_web_socket_auto_response(WebSocketRequestResponsePair("ping", "pong"))
        heard: list[Any] = []
        one.accept()
        one.on_message = lambda event: heard.append(event.data)
        one.send("ping")
        one.send(b"ping")
        await turns(3)
        assert lab.ctx.get_web_socket_auto_response_timestamp(other) is not None
        return heard

    assert await world.inside(script) == ["pong"]


async def test_an_auto_response_is_a_pair_of_texts(world: World) -> None:
    def script(lab: Lab) -> None:
        with pytest.raises(UsageError, match="takes a WebSocketRequestResponsePair, not tuple"):
            lab.ctx.set_web_socket_auto_response(("a", "b"))  # type: ignore[arg-type]  # tested

    await world.inside(script)


# How long a handler may take.


async def test_a_handler_that_takes_longer_than_the_event_timeout_is_cancelled(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    class Slow(DurableObject):
        ended: list[str] = []

        def begin(self, timeout_ms: int | None) -> None:
            self.ctx.set_hibernatable_web_socket_event_timeout(timeout_ms)
            assert self.ctx.get_hibernatable_web_socket_event_timeout() == (timeout_ms or None)
            Slow.link = take(self)[1]  # type: ignore[arg-type,attr-defined]  # a ctx is all it takes

        async def web_socket_message(self, socket: WebSocket, message: str) -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.ended.append(message)
                raise

    stub = world.stub(Slow)
    await stub.begin(5000)
    Slow.link.says("slow")  # type: ignore[attr-defined]  # set above
    world.clock.advance(4.9)
    await turns(2)
    assert Slow.ended == []
    world.clock.advance(0.2)
    await turns(2)
    assert Slow.ended == ["slow"]
    assert "socket.handler_timed_out" in caplog.text
    await stub.begin(0)
    Slow.link.says("may take its time")  # type: ignore[attr-defined]  # likewise
    world.clock.advance(100_000)
    await turns(2)
    assert Slow.ended == ["slow"]


@pytest.mark.parametrize(
    ("timeout_ms", "text"),
    [(604_800_001, "Event timeout should not exceed 604800000 ms."), (-1, "is 0 ms or more")],
)
async def test_an_event_timeout_is_a_week_at_most(world: World, timeout_ms: int, text: str) -> None:
    def script(lab: Lab) -> None:
        with pytest.raises(InvalidEventTimeout, match=text):
            lab.ctx.set_hibernatable_web_socket_event_timeout(timeout_ms)
        assert lab.ctx.get_hibernatable_web_socket_event_timeout() is None

    await world.inside(script)
