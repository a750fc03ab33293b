"""Sockets of actors here, whose connections are in another process: the test's end of a link."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from perdure.actors.base import DurableObject
from perdure.actors.link import Sent
from perdure.actors.socket_pair import WebSocketPair
from perdure.actors.websocket import WebSocket
from perdure.runtime.shards.link.errors import LinkBroken
from perdure.runtime.shards.link.framing import Frame
from perdure.runtime.shards.link.kinds import (
    ACKNOWLEDGED,
    AUTO,
    DELIVERY,
    FACTS,
    GO_ON,
    HIBERNATABLE,
    HOLD,
    LEAVING,
    LEFT,
    MESSAGE,
    PAUSE,
    READ_ON,
    RESTART,
    RESUME,
    SAID_CLOSE,
    SEND,
    SEVER,
    WAS_LOST,
)
from perdure.runtime.shards.link.link import Link
from perdure.runtime.shards.sockets.linked_sockets import (
    FRAME_LENGTH_MAX,
    ROUTER_LOST,
    LinkedSocket,
    LinkedSockets,
)
from perdure.runtime.shards.sockets.travelling import Travelling
from perdure.storage.values import decode, encode
from tests.runtime.shards.link.ends import A_ROUTER, joined, until
from tests.world import World, turns

FROM_WORKERS = (
    SEND,
    SEVER,
    PAUSE,
    READ_ON,
    DELIVERY,
    AUTO,
    ACKNOWLEDGED,
    HIBERNATABLE,
    RESTART,
)


class Ear:
    """A ``SocketReceiver`` that notes what it hears, and gives receipts when it is told to."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def receive(self, message: Any) -> None:
        self.heard.append(message)

    def receive_close(self, code: int | None, reason: str) -> None:
        self.heard.append(("close", code, reason))

    def receive_lost(self, code: int, reason: str) -> None:
        self.heard.append(("lost", code, reason))

    def hold(self) -> None:
        self.heard.append("hold")

    def go_on(self) -> None:
        self.heard.append("go on")


@asynccontextmanager
async def linked() -> AsyncIterator[tuple[LinkedSockets, Link, list[Frame]]]:
    """Linked sockets, the router's end of their link, and the frames it has heard."""
    async with joined(one=A_ROUTER) as (router, worker):
        frames: list[Frame] = []
        for kind in FROM_WORKERS:
            router.handle(kind, frames.append)
        yield LinkedSockets(worker), router, frames


async def test_what_the_actor_asks_for_is_told_in_order() -> None:
    async with linked() as (sockets, _, frames):
        one = sockets.begin(1)
        one.set_delivery("latest", 100)
        one.set_auto_response(("ping", "pong"))
        one.transmit(("a", ("key", b"b")))
        one.pause()
        one.transmit(("c",), (1000, "done"))
        one.resume()
        one.set_auto_response(None)
        one.sever(1011, "broken")
        assert len(sockets) == 0, "nothing follows what its actor has ended by force"
        await until(lambda: len(frames) == 8)
        assert frames == [
            [DELIVERY, 1, "latest", 100],
            [AUTO, 1, ["ping", "pong"]],
            [SEND, [1], ["a", ["key", b"b"]], None],
            [PAUSE, 1],
            [SEND, [1], ["c"], [1000, "done"]],
            [READ_ON, 1],
            [AUTO, 1, None],
            [SEVER, 1, 1011, "broken"],
        ]


async def test_one_message_to_many_sockets_crosses_the_link_once() -> None:
    async with linked() as (sockets, _, frames):
        many = [sockets.begin(number) for number in range(1000)]
        message = "to all of you"
        for socket in many:
            socket.transmit((message,))
        many[0].transmit(("to you alone",))
        await until(lambda: len(frames) == 2)
        assert frames == [
            [SEND, list(range(1000)), [message], None],
            [SEND, [0], ["to you alone"], None],
        ]


async def test_equal_turns_of_many_sockets_cross_the_link_once() -> None:
    async with linked() as (sockets, _, frames):
        for number in range(4):
            said: list[Sent] = [
                "to " + "all"[: 3 + number],
                ("key", b"all"),
            ]  # a text of its own each time
            sockets.begin(number).transmit([*said, "and you"] if number == 3 else said)
        await until(lambda: len(frames) == 2)
        assert frames == [
            [SEND, [0, 1, 2], ["to all", ["key", b"all"]], None],
            [SEND, [3], ["to all", ["key", b"all"], "and you"], None],
        ]


async def test_what_the_client_says_comes_with_a_receipt() -> None:
    async with linked() as (sockets, router, frames):
        ear = Ear()
        sockets.begin(7).set_receiver(ear)
        router.send([MESSAGE, 7, 1, "text", False])
        router.send([MESSAGE, 7, 2, b"bytes", True])
        await until(lambda: len(ear.heard) == 2)
        assert [(r.message, r.is_redelivered) for r in ear.heard] == [
            ("text", False),
            (b"bytes", True),
        ]
        assert frames == []
        for receipted in reversed(ear.heard):
            receipted.acknowledge()
        await until(lambda: frames)
        assert frames == [[ACKNOWLEDGED, [7, 2, 7, 1]]], "one frame for all of a turn"


async def test_a_receipt_is_behind_what_was_sent_before_it() -> None:
    async with linked() as (sockets, router, frames):
        ear = Ear()
        socket = sockets.begin(7)
        socket.set_receiver(ear)
        router.send([MESSAGE, 7, 1, "text", False])
        await until(lambda: ear.heard)
        socket.transmit(("answer",))
        ear.heard[0].acknowledge()
        socket.transmit(("more",))
        await until(lambda: len(frames) == 3)
        assert frames == [
            [SEND, [7], ["answer"], None],
            [SEND, [7], ["more"], None],
            [ACKNOWLEDGED, [7, 1]],
        ]


async def test_how_the_connection_is_can_be_asked() -> None:
    async with linked() as (sockets, router, _):
        ear = Ear()
        socket = sockets.begin(7)
        socket.set_receiver(ear)
        router.send([FACTS, 0, [[7, 10, 2, 0.5, 1234], [9, 1, 1, None, None]]])
        router.send([HOLD, 7])
        router.send([GO_ON, 7])
        await until(lambda: len(ear.heard) == 2)
        assert ear.heard == ["hold", "go on"]
        assert (socket.buffered_size_bytes, socket.dropped_messages) == (10, 2)
        assert (socket.round_trip_s, socket.auto_response_time_ms) == (0.5, 1234)


async def test_what_is_on_its_way_to_the_client_is_buffered() -> None:
    async with linked() as (sockets, router, frames):
        one, other = sockets.begin(7), sockets.begin(8)

        async def sends(*messages: str) -> None:
            count = len(frames) + 1
            one.transmit(messages)
            await until(lambda: len(frames) == count)

        async def hears(taken: int, size_bytes: int) -> None:
            router.send([FACTS, taken, [[7, size_bytes, 0, None, None]]])
            router.send([HOLD, 8])
            await until(lambda: ear.heard)
            ear.heard.clear()

        ear = Ear()
        other.set_receiver(ear)
        await sends("four", "five!")
        assert (one.buffered_size_bytes, other.buffered_size_bytes) == (9, 0)
        await hears(1, 0)
        assert one.buffered_size_bytes == 0, "all has arrived, and was taken"
        await sends("a" * 100)
        await hears(1, 0)  # on its way when that was sent
        await sends("b" * 10)
        assert one.buffered_size_bytes == 110
        await hears(2, 40)
        await sends("c")
        assert one.buffered_size_bytes == 40 + 10 + 1, "what has arrived is counted there"
        await hears(4, 0)
        assert one.buffered_size_bytes == 0


async def test_what_was_sent_in_this_turn_is_not_taken_for_arrived() -> None:
    async with linked() as (sockets, router, frames):
        one = sockets.begin(7)
        ear = Ear()
        one.set_receiver(ear)
        heard: list[int] = []

        def hold() -> None:  # FACTS follows in the same read, before anything leaves
            one.transmit(("four",))

        ear.hold = hold  # type: ignore[method-assign]  # of this one
        ear.go_on = lambda: heard.append(one.buffered_size_bytes)  # type: ignore[method-assign]  # likewise
        for frame in ([HOLD, 7], [FACTS, 0, []], [GO_ON, 7]):
            router.send(frame)
        await until(lambda: heard and frames)
        assert heard == [4]


@pytest.mark.parametrize(
    ("frame", "heard"),
    [
        ([SAID_CLOSE, 7, 4000, "bye"], ("close", 4000, "bye")),
        ([SAID_CLOSE, 7, None, ""], ("close", None, "")),
        ([WAS_LOST, 7, 1006, "gone"], ("lost", 1006, "gone")),
    ],
)
async def test_nothing_is_heard_after_the_end(frame: Frame, heard: object) -> None:
    async with linked() as (sockets, router, _):
        ear, other = Ear(), Ear()
        sockets.begin(7).set_receiver(ear)
        sockets.begin(8).set_receiver(other)
        router.send(frame)
        for late in (
            [MESSAGE, 7, 1, "late", False],
            [HOLD, 7],
            [FACTS, 0, [[7, 1, 1, None, None]]],
        ):
            router.send(late)
        router.send(frame)
        router.send([HOLD, 8])
        await until(lambda: other.heard)
        assert ear.heard == [heard]
        assert len(sockets) == 1


async def test_a_session_begins_once() -> None:
    async with linked() as (sockets, _, _):
        sockets.begin(7)
        with pytest.raises(LinkBroken, match="session 7 has begun already"):
            sockets.begin(7)


async def test_when_the_router_is_gone_so_are_its_connections() -> None:
    async with linked() as (sockets, router, _):
        ear = Ear()
        socket = sockets.begin(7)
        socket.set_receiver(ear)
        socket.transmit(("on its way",))
        router.close("on purpose")
        await until(lambda: ear.heard)
        assert ear.heard == [("lost", *ROUTER_LOST)]
        socket.transmit(("to nobody",))
        socket.sever(1011, "too late")
        assert len(sockets) == 0


async def test_much_at_once_goes_in_several_frames() -> None:
    async with linked() as (sockets, _, frames):
        messages = [letter * (FRAME_LENGTH_MAX // 2) for letter in "abcde"]
        sockets.begin(7).transmit(messages, (1000, ""))
        await until(lambda: len(frames) == 3)
        assert [len(frame[2]) for frame in frames] == [2, 2, 1]
        assert [frame[3] for frame in frames] == [None, None, [1000, ""]]
        assert [message for frame in frames for message in frame[2]] == messages


async def test_a_message_too_large_for_the_link_ends_its_sockets() -> None:
    async with joined(one=A_ROUTER, message_size_bytes_max=2**21) as (router, worker):
        frames: list[Frame] = []
        for kind in FROM_WORKERS:
            router.handle(kind, frames.append)
        sockets = LinkedSockets(worker)
        sockets.begin(7).transmit(("x" * 2**22,))
        sockets.begin(8).transmit(("small",))
        await until(lambda: len(frames) == 2)
        assert frames[0][:3] == [SEVER, 7, 1009]
        assert frames[1] == [SEND, [8], ["small"], None]


class Room(DurableObject):
    """Echoes; ``join`` gives the socket that a client is to have."""

    def join(self) -> None:
        client, server = WebSocketPair()
        self.ctx.accept_web_socket(server)
        joining.put_nowait(client)

    async def web_socket_message(self, ws: WebSocket, message: str) -> None:
        count = (self.ctx.storage.kv.get("count") or 0) + 1
        self.ctx.storage.kv.put("count", count)
        await asyncio.sleep(0)
        ws.send(f"{message} {count} {ws.redelivered}")


joining: "asyncio.Queue[WebSocket]" = asyncio.Queue()


async def test_an_actor_speaks_with_a_client_of_another_process(tmp_path: Path) -> None:
    world = World(tmp_path)
    async with linked() as (sockets, router, frames):
        await world.stub(Room).join()
        socket = sockets.begin(7)
        assert isinstance(socket, LinkedSocket)
        joining.get_nowait().hand_over(socket)
        router.send([MESSAGE, 7, 1, "a", True])
        router.send([MESSAGE, 7, 2, "b", False])
        await until(lambda: len(frames) >= 3)
        await turns(5)
        said = [message for frame in frames if frame[0] == SEND for message in frame[2]]
        assert said == ["a 1 True", "b 2 False"]
        order = [frame[:3] for frame in frames]
        first = next(n for n, f in enumerate(order) if f[0] == ACKNOWLEDGED and f[1][:2] == [7, 1])
        assert first > order.index([SEND, [7], ["a 1 True"]])
        world.close()


async def test_what_a_socket_is_made_from_again_is_told_in_order_with_frames(
    tmp_path: Path,
) -> None:
    world = World(tmp_path)
    async with linked() as (sockets, router, frames):
        await world.stub(Attaching).join()
        joining.get_nowait().hand_over(sockets.begin(7))
        router.send([MESSAGE, 7, 1, "a", False])
        await until(lambda: len(frames) >= 7)
        actor_id = world.actor(Attaching).id
        whose = [actor_id.unique_key, actor_id.raw, actor_id.name]
        kept = [frame for frame in frames if frame[0] == HIBERNATABLE]
        assert [frame[1:5] for frame in kept] == [[7, *whose]] * 3
        assert [frame[6] for frame in kept] == [["tag"]] * 3
        assert [decode(frame[7]) for frame in kept] == ["joined", "first", "second"]
        assert [frame[0] for frame in frames if frame[0] != DELIVERY] == [
            AUTO,
            RESTART,
            HIBERNATABLE,
            HIBERNATABLE,
            SEND,
            HIBERNATABLE,
            SEND,
            ACKNOWLEDGED,
        ]
        assert [RESTART, 7, "close"] in frames
        world.close()


class Attaching(DurableObject):
    """Changes its attachment twice for each message."""

    on_restart = "close"

    def join(self) -> None:
        client, server = WebSocketPair()
        self.ctx.accept_web_socket(server, ["tag"])
        server.serialize_attachment("joined")
        joining.put_nowait(client)

    def web_socket_message(self, ws: WebSocket, message: str) -> None:
        ws.serialize_attachment("first")
        ws.send("between")
        ws.serialize_attachment("second")
        ws.send("after")


async def test_a_socket_comes_back_to_the_class_that_had_it(tmp_path: Path) -> None:
    world = World(tmp_path)
    namespace = world.namespace(Room)
    registry = world.host.namespaces["test-Room"]
    actor_id = namespace.id_from_name("r")
    async with joined(one=A_ROUTER) as (router, worker):
        frames: list[Frame] = []
        for kind in FROM_WORKERS:
            router.handle(kind, frames.append)
        sockets = LinkedSockets(worker, registry.adopt)
        for session in (7, 8):
            whose = [actor_id.unique_key, actor_id.raw, "r"]
            kept = [*whose, f"session {session}", ["tag"], encode(session)]
            router.send([RESUME, session, *kept, ["ping", "pong"], []])
        await until(lambda: len(sockets) == 2)
        assert world.live(Room) == 0, "nobody has said anything yet"
        router.send([MESSAGE, 7, 1, "a", True])
        await until(lambda: any(frame[0] == ACKNOWLEDGED for frame in frames))
        said = [frame[1:3] for frame in frames if frame[0] == SEND]
        assert said == [[[7], ["a 1 True"]]]
        actor = world.actor(Room)
        assert {s.id: s.deserialize_attachment() for s in actor.sessions.with_tag("tag")} == {
            "session 7": 7,
            "session 8": 8,
        }
        assert actor.sessions.auto_response == ("ping", "pong")
        late = [*whose, "session 9", [], None]
        router.send([RESUME, 9, *late, None, []])
        router.send([MESSAGE, 9, 1, "late", False])
        await until(lambda: any(frame[0] == SEND and frame[1] == [9] for frame in frames))
        world.close()


async def test_a_process_that_is_to_be_replaced_leaves_messages_to_the_next() -> None:
    async with linked() as (sockets, router, frames):
        ear = Ear()
        sockets.begin(7).set_receiver(ear)
        sockets.stop_taking("it is replaced")
        router.send([MESSAGE, 7, 1, "for another", False])
        router.send([HOLD, 7])
        await until(lambda: ear.heard)
        assert (ear.heard, frames) == (["hold"], [])


async def test_one_that_its_actor_has_ended_does_not_leave() -> None:
    async with joined(one=A_ROUTER) as (router, worker):
        frames: list[Frame] = []
        for kind in (SEVER, LEFT):
            router.handle(kind, frames.append)
        travelling = Travelling()
        sockets = LinkedSockets(worker, travelling=travelling)
        sockets.begin(1).sever(1011, "broken")
        sockets.begin(2)
        for session in (1, 2):
            router.send([LEAVING, session])
        await until(lambda: len(frames) == 2)
        assert frames == [[SEVER, 1, 1011, "broken"], [LEFT, 2]]
        assert len(travelling) == 1
        assert worker.ended is None
        travelling.close()
