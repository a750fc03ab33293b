"""Clients' connections here, whose actors are at the other end of a link, or at none."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from perdure.runtime.shards.link.framing import Frame
from perdure.runtime.shards.link.kinds import (
    ACKNOWLEDGED,
    AUTO,
    DELIVERY,
    FACTS,
    GO_ON,
    HIBERNATABLE,
    HOLD,
    MESSAGE,
    PAUSE,
    READ_ON,
    SAID_CLOSE,
    SEND,
    SEVER,
    TAKEN,
    WAS_LOST,
    WHOSE,
)
from perdure.runtime.shards.link.link import Link
from perdure.runtime.shards.sockets.held_sockets import HeldSocket, HeldSockets
from perdure.runtime.shards.sockets.reading import HeldLimits
from perdure.runtime.shards.sockets.states import HeldState
from perdure.runtime.sockets.joint import Close, Sent, SocketReceiver
from tests.runtime.shards.link.ends import A_ROUTER, joined, until

FROM_ROUTERS = (MESSAGE, SAID_CLOSE, WAS_LOST, HOLD, GO_ON)
LIMITS = HeldLimits(unacknowledged_max=4, unacknowledged_size_bytes_max=100)


class Client:
    """A connection whose client is the test."""

    buffered_size_bytes = 0
    dropped_messages = 0
    round_trip_s: float | None = None
    auto_response_time_ms: int | None = None
    on_news: Callable[[], None] | None = None

    def __init__(self) -> None:
        self.receiver: SocketReceiver | None = None
        self.said: list[object] = []
        self.is_read = True

    def set_receiver(self, receiver: SocketReceiver) -> None:
        self.receiver = receiver

    def transmit(self, messages: list[Sent], close: Close | None = None) -> None:
        self.said += messages
        if close is not None:
            self.said.append(("close", *close))

    def sever(self, code: int, reason: str) -> None:
        self.said.append(("severed", code, reason))

    def pause(self) -> None:
        assert self.is_read, "paused once"
        self.is_read = False

    def resume(self) -> None:
        assert not self.is_read, "resumed once"
        self.is_read = True

    def set_delivery(self, policy: str, queue_size_bytes_max: int | None) -> None:
        self.said.append((policy, queue_size_bytes_max))

    def set_auto_response(self, pair: tuple[str, str] | None) -> None:
        self.said.append(pair)

    def answers_by_itself(self, time_ms: int) -> None:
        self.auto_response_time_ms = time_ms
        assert self.on_news is not None
        self.on_news()


@dataclass
class Holding:
    """One client, held for an actor in another process.

    Attributes:
        worker: That process's end of the link.
        frames: What has come there,
        facts: but for what was told of connections.
    """

    client: Client
    held: HeldSocket
    router: Link
    worker: Link
    frames: list[Frame]
    facts: list[Frame]
    sockets: HeldSockets
    orphaned: list[HeldSocket] = field(default_factory=list)
    over: list[HeldSocket] = field(default_factory=list)

    @property
    def ear(self) -> SocketReceiver:
        """What the client speaks to."""
        assert self.client.receiver is not None
        return self.client.receiver

    async def heard(self, *frames: Frame) -> None:
        """Wait until the worker has heard exactly this, and forget it."""
        await until(lambda: len(self.frames) >= len(frames))
        assert self.frames == list(frames)
        self.frames.clear()

    async def says(self, *frames: Frame) -> None:
        """Have the worker say this, and wait until it was heard."""
        count = self.router.statistics().frames_received + len(frames)
        for frame in frames:
            self.worker.send(frame)
        await until(lambda: self.router.statistics().frames_received == count)


@asynccontextmanager
async def holding(limits: HeldLimits = LIMITS) -> AsyncIterator[Holding]:
    orphaned: list[HeldSocket] = []
    over: list[HeldSocket] = []
    async with joined(one=A_ROUTER) as (router, worker):
        frames: list[Frame] = []
        facts: list[Frame] = []
        for kind in FROM_ROUTERS:
            worker.handle(kind, frames.append)
        worker.handle(FACTS, facts.append)
        sockets, client = HeldSockets(router), Client()
        loop = asyncio.get_running_loop()
        held = HeldSocket(7, client, sockets, loop, limits, orphaned.append, over.append)
        yield Holding(client, held, router, worker, frames, facts, sockets, orphaned, over)
        if held.state is not HeldState.OVER:
            held.sever(1001, "the test is over")


@asynccontextmanager
async def successor(held: HeldSocket) -> AsyncIterator[list[Frame]]:
    """Another process that takes the actor over; what it hears."""
    async with joined(one=A_ROUTER) as (router, worker):
        frames: list[Frame] = []
        for kind in (*FROM_ROUTERS, FACTS):
            worker.handle(kind, frames.append)
        held.attach(HeldSockets(router))
        yield frames


async def test_what_the_client_says_is_told_in_order() -> None:
    async with holding() as one:
        one.ear.receive("a")
        one.ear.receive(b"b")
        one.ear.receive_close(4000, "bye")
        await one.heard(
            [MESSAGE, 7, 1, "a", False], [MESSAGE, 7, 2, b"b", False], [SAID_CLOSE, 7, 4000, "bye"]
        )
        assert len(one.held.unacknowledged) == 2


async def test_what_the_actor_asks_for_is_done() -> None:
    async with holding() as one:
        await one.says(
            [DELIVERY, 7, "latest", 10],
            [AUTO, 7, ["ping", "pong"]],
            [AUTO, 7, None],
            [SEND, [7, 8], ["a", ["key", b"b"]], None],
            [SEND, [7], [], [1000, "done"]],
            [SEND, [8], ["for somebody who has gone"], None],
        )
        assert one.client.said == [
            ("latest", 10),
            ("ping", "pong"),
            None,
            "a",
            ("key", b"b"),
            ("close", 1000, "done"),
        ]
        await one.says([SEVER, 7, 1011, "broken"])
        assert one.client.said[-1] == ("severed", 1011, "broken")
        assert one.over == [one.held]


async def test_a_connection_is_over_when_both_have_said_goodbye_or_it_is_lost() -> None:
    async with holding() as one:
        one.ear.receive_close(1000, "")
        assert one.over == []
        await one.says([SEND, [7], ["last"], [1000, ""]])
        assert (one.over, one.held.state) == ([one.held], HeldState.OVER)
    async with holding() as one:
        one.ear.receive_lost(1006, "gone")
        await one.heard([WAS_LOST, 7, 1006, "gone"])
        assert one.over == [one.held]
        await one.says([SEND, [7], ["late"], None])
        assert one.client.said == []


async def test_a_client_that_nobody_acknowledges_is_not_read_for_a_while() -> None:
    async with holding() as one:
        for letter in "abcd":
            assert one.client.is_read
            one.ear.receive(letter)
        assert not one.client.is_read
        await one.says([ACKNOWLEDGED, [7, 1]])
        assert not one.client.is_read
        await one.says([ACKNOWLEDGED, [7, 2]])
        assert one.client.is_read
        one.ear.receive("x" * 100)
        assert not one.client.is_read, "that is much at once"


async def test_only_the_last_reason_that_goes_has_the_client_read_again() -> None:
    async with holding() as one:
        await one.says([PAUSE, 7], [PAUSE, 7])
        for letter in "abcd":
            one.ear.receive(letter)
        await one.says([READ_ON, 7])
        assert not one.client.is_read
        await one.says([PAUSE, 7], *([ACKNOWLEDGED, [7, n]] for n in range(1, 5)))
        assert not one.client.is_read
        await one.says([READ_ON, 7])
        assert one.client.is_read


async def test_a_slow_client_brakes_only_what_is_passed_on_to_it() -> None:
    async with holding() as one:
        one.ear.hold()
        one.ear.go_on()
        await one.says([DELIVERY, 7, "relay", None])
        one.ear.hold()
        one.ear.go_on()
        await one.heard([HOLD, 7], [GO_ON, 7])


async def test_the_client_notices_nothing_when_its_process_is_replaced() -> None:
    async with holding() as one:
        for message in ("done", "in hand", b"likewise"):
            one.ear.receive(message)
        await one.says([SEND, [7], ["answer"], None], [ACKNOWLEDGED, [7, 1]])
        one.worker.close("killed")
        await until(lambda: one.orphaned)
        assert (one.held.state, one.client.is_read) == (HeldState.ORPHANED, False)
        one.ear.receive("read already")
        async with successor(one.held) as frames:
            await until(lambda: len(frames) == 3)
            assert frames == [
                [MESSAGE, 7, 2, "in hand", True],
                [MESSAGE, 7, 3, b"likewise", True],
                [MESSAGE, 7, 4, "read already", False],
            ]
            one.ear.receive("new")
            await until(lambda: len(frames) == 4)
            assert frames[3] == [MESSAGE, 7, 5, "new", False]
        assert one.client.said == ["answer"]


@pytest.mark.parametrize("lost", [False, True])
async def test_a_successor_hears_that_the_client_has_said_goodbye_or_was_lost(
    lost: bool,
) -> None:
    expected: list[Frame] = [[MESSAGE, 7, 1, "a", True], [SAID_CLOSE, 7, 4000, "bye"]]
    if lost:
        expected.append([WAS_LOST, 7, 1006, "gone"])
    async with holding() as one:
        one.ear.receive("a")
        one.ear.receive_close(4000, "bye")
        one.worker.close("killed")
        await until(lambda: one.orphaned)
        if lost:
            one.ear.receive_lost(1006, "gone")
        async with successor(one.held) as frames:
            await until(lambda: len(frames) == len(expected))
            assert frames == expected
        assert (one.over == [one.held]) is lost


async def test_a_message_that_kills_again_and_again_ends_its_connection() -> None:
    async with holding() as one:
        one.ear.receive("poison")
        one.held.orphan()
        for deaths in (2, 3):
            one.orphaned.clear()
            async with successor(one.held) as frames:
                await until(lambda: len(frames) == 1)
                assert frames == [[MESSAGE, 7, 1, "poison", True]]
                one.held.orphan()
            assert len(one.orphaned) == (deaths < 3)
        reason = "3 processes in a row have died in a message listener"
        assert one.client.said == [("severed", 1011, reason)]
        assert one.over == [one.held]


async def test_a_client_without_an_actor_is_sent_away_in_time() -> None:
    async with holding(HeldLimits(orphaned_timeout_s=0.001)) as one:
        one.worker.close("killed")
        await until(lambda: one.over)
        reason = "nobody serves the actor of this connection"
        assert one.client.said == [("severed", 1013, reason)]


async def test_a_successor_in_time_stops_the_clock() -> None:
    async with holding(HeldLimits(orphaned_timeout_s=3600)) as one:
        one.worker.close("killed")
        await until(lambda: one.orphaned)
        timer: Any = one.held._timer
        async with successor(one.held):
            assert timer.cancelled()
            assert one.client.is_read


@pytest.mark.parametrize("sessions", [[], [1, 2, 3]])
async def test_frames_for_sessions_that_are_over_are_nobodys(sessions: list[int]) -> None:
    async with holding() as one:
        one.held.sever(1000, "")
        await one.says([SEND, sessions, ["x"], None], [PAUSE, 7], [ACKNOWLEDGED, [7, 1]])
        assert one.client.said == [("severed", 1000, "")]
        assert len(one.sockets) == 0


async def test_a_client_is_not_read_before_its_actor_has_said_what_it_wants() -> None:
    async with holding() as one:
        one.held.wait_until_taken()
        await one.says([AUTO, 7, ["ping", "pong"]])
        assert not one.client.is_read
        await one.says([TAKEN, 7])
        assert one.client.is_read
        one.held.wait_until_taken()
        one.worker.close("it ends")
        await until(lambda: one.orphaned)
        async with successor(one.held):
            assert one.client.is_read, "who was to say so is gone"


async def test_how_the_connection_is_is_told_before_the_next_message() -> None:
    async with holding() as one:
        one.client.answers_by_itself(1234)
        one.ear.receive("a")
        one.ear.receive("b")
        await one.heard([MESSAGE, 7, 1, "a", False], [MESSAGE, 7, 2, "b", False])
        assert one.facts == [[FACTS, 0, [[7, 0, 0, None, 1234]]]]


async def test_what_was_taken_is_told_with_what_the_client_has_not() -> None:
    async with holding() as one:
        one.client.buffered_size_bytes = 5
        await one.says([SEND, [7], ["hello"], None], [SEND, [7], ["world"], None])
        await until(lambda: one.facts)
        assert one.facts == [[FACTS, 2, [[7, 5, 0, None, None]]]]
        one.client.buffered_size_bytes = 0  # nobody says so
        await until(lambda: len(one.facts) == 2)
        assert one.facts[1:] == [[FACTS, 2, [[7, 0, 0, None, None]]]]


async def test_a_successor_hears_first_when_the_client_was_answered_by_itself() -> None:
    async with holding() as one:
        one.ear.receive("a")
        await one.heard([MESSAGE, 7, 1, "a", False])
        one.client.answers_by_itself(1234)
        await until(lambda: one.facts)
        one.worker.close("it ends")
        await until(lambda: one.orphaned)
        one.client.answers_by_itself(5678)
        async with successor(one.held) as frames:
            await until(lambda: len(frames) == 2)
            assert frames == [
                [FACTS, 0, [[7, 0, 0, None, 5678]]],
                [MESSAGE, 7, 1, "a", True],
            ]


async def test_whose_it_is_is_known_when_its_actor_has_said_so() -> None:
    async with holding() as one:

        def known() -> list[Any]:
            return [one.held.whose, one.held.kept]

        assert known() == [None, None]
        whose: list[Any] = ["app-Room", bytes(32), "lobby", "session"]
        await one.says([WHOSE, 7, *whose])
        assert known() == [whose, None]
        whose[-1] = "another"
        await one.says([HIBERNATABLE, 7, *whose, [], None])
        assert known() == [whose, [*whose, [], None]]
