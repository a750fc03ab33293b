"""Who is asked whether anybody is there, when, and what comes of it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import connect

from perdure.actors.link import join
from perdure.runtime.sockets.counters import counters
from perdure.runtime.sockets.joint import LOST
from perdure.runtime.sockets.keepalive import KeepAlive, Peer
from perdure.runtime.sockets.limits import SocketLimits
from perdure.runtime.sockets.taking import NOTHING_KNOWN, Taking
from tests.runtime.rooms import ROOMS, heard
from tests.runtime.slow import SlowPeer
from tests.serving import Serving
from tests.wire import PING, PONG, TEXT, Frame, Wire, close_frame, frame
from tests.world import FakeClock

INTERVAL_S = 30.0
DEAD_AFTER_S = 20.0
TICK_S = 30.0 / 128
WHY = "no answer to a ping for 20 s"


class FakePeer:
    """Notes when it was asked and given up; speaks when the test says so."""

    def __init__(self, clock: FakeClock, keep_alive: KeepAlive, *, answers: bool = True) -> None:
        self.heard_tick = 0
        self.keep_alive_slot: set[Peer] | None = None
        self.can_answer = True
        self.taking = NOTHING_KNOWN
        self.answers = answers
        self.asked: list[float] = []
        self.found_dead: list[float] = []
        self._clock = clock
        self._keep_alive = keep_alive
        keep_alive.add(self)

    def ping(self, payload: bytes) -> None:
        self.asked.append(self._clock.now_s)
        if self.answers:
            self.speaks()
            assert self._keep_alive.answered(self, payload) is not None

    def presume_dead(self, silent_s: float) -> None:
        self.found_dead.append(self._clock.now_s)
        self._keep_alive.remove(self)

    def speaks(self) -> None:
        self.heard_tick = self._keep_alive.tick


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def keep_alive(clock: FakeClock) -> KeepAlive:
    return KeepAlive(clock, interval_s=INTERVAL_S, dead_after_s=DEAD_AFTER_S)


def test_who_is_silent_is_asked_once_in_the_interval(
    clock: FakeClock, keep_alive: KeepAlive
) -> None:
    began = clock.now_s
    peers = [FakePeer(clock, keep_alive) for _ in range(200)]
    clock.advance(300)
    for peer in peers:
        assert INTERVAL_S / 2 < peer.asked[0] - began <= INTERVAL_S + TICK_S
        between = [
            later - sooner for sooner, later in zip(peer.asked, peer.asked[1:], strict=False)
        ]
        assert between == pytest.approx([INTERVAL_S] * len(between))
        assert len(peer.asked) in {9, 10}
        assert peer.found_dead == []


def test_those_that_came_together_are_asked_one_after_the_other(
    clock: FakeClock, keep_alive: KeepAlive
) -> None:
    peers = [FakePeer(clock, keep_alive) for _ in range(640)]
    clock.advance(INTERVAL_S + 1)
    at_once = Counter(peer.asked[0] for peer in peers)
    assert max(at_once.values()) == 10
    assert len(at_once) == 64


def test_who_speaks_is_never_asked(clock: FakeClock, keep_alive: KeepAlive) -> None:
    peers = [FakePeer(clock, keep_alive) for _ in range(100)]
    for _ in range(100):
        clock.advance(INTERVAL_S / 3)
        for peer in peers:
            peer.speaks()
    assert [peer.asked for peer in peers] == [[]] * 100


def test_who_does_not_answer_is_found_in_time(clock: FakeClock, keep_alive: KeepAlive) -> None:
    peers = [FakePeer(clock, keep_alive, answers=False) for _ in range(100)]
    fine = FakePeer(clock, keep_alive)
    clock.advance(45)  # they speak once more, all at a time of their own
    for peer in peers:
        if not peer.found_dead:
            peer.speaks()
    spoke = clock.now_s
    dead_before = counters.peers_found_dead
    clock.advance(INTERVAL_S + DEAD_AFTER_S + TICK_S)
    for peer in peers:
        [found] = peer.found_dead
        assert found - spoke <= INTERVAL_S + DEAD_AFTER_S + TICK_S
        assert found - peer.asked[-1] == pytest.approx(DEAD_AFTER_S, abs=TICK_S)
    assert counters.peers_found_dead > dead_before
    assert fine.found_dead == []


def test_any_byte_is_a_sign_of_life(clock: FakeClock, keep_alive: KeepAlive) -> None:
    peer = FakePeer(clock, keep_alive, answers=False)
    for asked in range(1, 6):
        while len(peer.asked) < asked:
            clock.advance(TICK_S)
        clock.advance(DEAD_AFTER_S / 2)
        peer.speaks()  # but not of the ping
    assert peer.found_dead == []


def test_who_speaks_and_then_does_not_is_asked_anew(clock: FakeClock) -> None:
    """Also where the time to answer is longer than the interval: it begins again."""
    keep_alive = KeepAlive(clock, interval_s=10, dead_after_s=60)
    peer = FakePeer(clock, keep_alive, answers=False)
    clock.advance(10)
    peer.speaks()  # but not of the ping
    spoke = clock.now_s
    clock.advance(71)
    assert len(peer.asked) == 2
    assert peer.found_dead[0] - spoke <= 70.1


def test_who_cannot_answer_is_neither_asked_nor_given_up(
    clock: FakeClock, keep_alive: KeepAlive
) -> None:
    never, then = FakePeer(clock, keep_alive), FakePeer(clock, keep_alive, answers=False)
    never.can_answer = False
    while not then.asked:
        clock.advance(TICK_S)
    then.can_answer = False
    clock.advance(100)
    assert (never.asked, never.found_dead, then.found_dead) == ([], [], [])


def test_who_still_takes_what_was_sent_before_the_ping_has_more_time(
    clock: FakeClock, keep_alive: KeepAlive
) -> None:
    peer = FakePeer(clock, keep_alive, answers=False)
    peer.taking = Taking(1000, more_waits=True)
    while not peer.asked:
        clock.advance(TICK_S)
    for taken in (2000, 3000, 4000):
        peer.taking = Taking(taken, more_waits=True)
        clock.advance(DEAD_AFTER_S)
    assert (len(peer.asked), peer.found_dead) == (1, [])
    clock.advance(2 * DEAD_AFTER_S + TICK_S)
    assert len(peer.found_dead) == 1


def test_that_its_machine_takes_the_ping_itself_is_no_answer(
    clock: FakeClock, keep_alive: KeepAlive
) -> None:
    """A program can hang while its system acknowledges."""
    peer = FakePeer(clock, keep_alive, answers=False)
    peer.taking = Taking(1000, more_waits=False)
    while not peer.asked:
        clock.advance(TICK_S)
    peer.taking = Taking(1010, more_waits=False)
    clock.advance(DEAD_AFTER_S + TICK_S)
    assert len(peer.found_dead) == 1


def test_the_round_trip_is_that_of_the_last_ping(clock: FakeClock, keep_alive: KeepAlive) -> None:
    payloads: list[bytes] = []

    class Late(FakePeer):
        def ping(self, payload: bytes) -> None:
            payloads.append(payload)

    peer = Late(clock, keep_alive)
    assert keep_alive.answered(peer, b"unasked") is None
    while not payloads:
        clock.advance(TICK_S)
    clock.advance(0.125)
    assert keep_alive.answered(peer, b"made up") is None
    assert keep_alive.answered(peer, payloads[0]) == pytest.approx(0.125)
    assert keep_alive.answered(peer, payloads[0]) is None, "once"
    peer.speaks()
    while len(payloads) < 2:
        clock.advance(TICK_S)
    assert payloads[1] != payloads[0]


def test_no_timer_runs_while_nobody_is_there(clock: FakeClock, keep_alive: KeepAlive) -> None:
    def runs() -> bool:
        return any(timer.callback is not None for _, _, timer in clock._timers)

    assert not runs()
    peer = FakePeer(clock, keep_alive)
    assert runs()
    keep_alive.remove(peer)
    keep_alive.remove(peer)  # a second time changes nothing
    clock.advance(1)
    assert not runs()
    FakePeer(clock, keep_alive)
    assert runs()
    keep_alive.close()
    keep_alive.close()
    clock.advance(1)
    assert not runs()


def test_a_short_time_to_answer_is_kept_beside_a_long_interval(clock: FakeClock) -> None:
    keep_alive = KeepAlive(clock, interval_s=3600, dead_after_s=2)
    peer = FakePeer(clock, keep_alive, answers=False)
    clock.advance(3700)
    assert peer.found_dead[0] - peer.asked[0] == pytest.approx(2)


@pytest.mark.parametrize(
    ("interval_s", "dead_after_s", "wait_s_min"), [(0.002, 0.1, 0.002), (1, 2, 0.05)]
)
def test_no_timer_is_so_short_that_time_flies_or_crawls(
    interval_s: float, dead_after_s: float, wait_s_min: float
) -> None:
    """uvloop does not wait at all for half a millisecond; and a busy loop is late each time."""
    clock = FakeClock()
    waits: list[float] = []
    call_later = clock.call_later

    def note(delay_s: float, callback: Callable[[], None]) -> Any:
        waits.append(delay_s)
        return call_later(delay_s, callback)

    clock.call_later = note  # type: ignore[method-assign]
    keep_alive = KeepAlive(clock, interval_s=interval_s, dead_after_s=dead_after_s)
    peer = FakePeer(clock, keep_alive, answers=False)
    clock.advance(interval_s + 2 * dead_after_s)
    assert min(waits) >= wait_s_min
    assert peer.found_dead[0] - peer.asked[0] == pytest.approx(dead_after_s)


def test_it_can_be_turned_off(clock: FakeClock) -> None:
    limits = SocketLimits(websocket_ping_interval_s=0)
    assert KeepAlive.of(limits, clock) is None
    assert KeepAlive.of(SocketLimits(), clock) is not None


# Connections.

Make = Callable[[], SlowPeer]


@pytest.fixture
async def make(keep_alive: KeepAlive) -> AsyncIterator[Make]:
    made: list[SlowPeer] = []

    def make() -> SlowPeer:
        made.append(SlowPeer(keep_alive=keep_alive))
        return made[-1]

    yield make
    for peer in made:
        peer.end()


def last_ping(peer: SlowPeer) -> bytes:
    kind, payload = peer.reads_all()[-1]
    assert kind == "ping"
    assert isinstance(payload, bytes)
    return payload


async def test_a_connection_measures_its_round_trip(clock: FakeClock, make: Make) -> None:
    peer = make()
    assert peer.connection.round_trip_s is None
    while not peer.transport.writes:
        clock.advance(TICK_S)
    payload = last_ping(peer)
    clock.advance(0.25)
    peer.connection.data_received(frame(PONG, b"not this") + frame(PONG, payload))
    assert peer.connection.round_trip_s == pytest.approx(0.25)
    peer.connection.data_received(frame(PONG, payload))
    assert peer.connection.round_trip_s == pytest.approx(0.25)


async def test_a_half_open_connection_is_found(clock: FakeClock, make: Make) -> None:
    peer = make()
    peer.send("into the void")
    clock.advance(INTERVAL_S + DEAD_AFTER_S + TICK_S)
    assert peer.receiver.heard == [("lost", LOST, WHY)]
    assert peer.transport.calls == ["abort"]
    peer.send("late")
    peer.connection.connection_lost(None)
    assert len(peer.receiver.heard) == 1


async def test_nothing_is_kept_of_one_that_has_ended(
    clock: FakeClock, make: Make, keep_alive: KeepAlive
) -> None:
    peer = make()
    clock.advance(INTERVAL_S + TICK_S)
    assert keep_alive._asked
    peer.connection.connection_lost(None)
    assert (any(keep_alive._slots), len(keep_alive._asked)) == (False, 0)
    peer.connection.connection_lost(None)
    assert keep_alive._count == 0


async def test_a_masked_connection_of_ours_is_kept_alive_as_well(
    clock: FakeClock, make: Make
) -> None:
    peer = make()
    peer.connection.is_client = True
    clock.advance(INTERVAL_S + TICK_S)
    assert peer.transport.writes == [8 + 2 + 4]


async def test_one_that_is_not_read_from_is_not_given_up(clock: FakeClock, make: Make) -> None:
    peer = make()
    peer.connection.pause()
    clock.advance(200)
    peer.connection.resume()
    clock.advance(INTERVAL_S / 2)
    assert peer.receiver.heard == []
    clock.advance(INTERVAL_S + DEAD_AFTER_S)
    assert peer.receiver.heard == [("lost", LOST, WHY)]


async def test_an_answer_that_was_not_read_yet_counts(clock: FakeClock, make: Make) -> None:
    """It lies in the kernel while the connection is paused, and is read in a moment."""
    peer = make()
    while not peer.transport.writes:
        clock.advance(TICK_S)
    peer.connection.pause()
    clock.advance(DEAD_AFTER_S - 2 * TICK_S)
    peer.connection.resume()
    clock.advance(4 * TICK_S)
    assert peer.receiver.heard == []


async def test_one_that_is_slow_and_reads_is_not_given_up(clock: FakeClock, make: Make) -> None:
    """The ping is behind what it reads: that it reads is a sign of life."""
    peer = make()
    peer.fill()
    peer.send(*["x" * 50_000] * 40)
    for _ in range(20):
        clock.advance(10)
        peer.transport.reads(70_000)
    assert peer.receiver.heard.count("hold") > 3
    assert not any(heard[:1] == ("lost",) for heard in peer.receiver.heard)


async def test_one_that_says_goodbye_has_the_time_for_that_and_no_other(
    clock: FakeClock, make: Make
) -> None:
    peer = make()
    peer.connection.transmit((), (1000, ""))
    clock.advance(200)
    assert (peer.receiver.heard, peer.transport.calls) == ([], [])
    answering = make()
    answering.connection.data_received(close_frame(1000))
    clock.advance(200)
    assert answering.transport.calls == []


async def test_both_sides_of_what_is_passed_on_are_kept_alive(clock: FakeClock, make: Make) -> None:
    one, other = make(), make()
    join(one.connection, other.connection)
    clock.advance(INTERVAL_S + TICK_S)
    for peer in (one, other):
        peer.connection.data_received(frame(PONG, last_ping(peer)))
        assert peer.connection.round_trip_s is not None


# A server.

SLEEPERS = """
    from perdure import DurableObject, Response, WebSocketPair, WorkerEntrypoint

    closed = []

    class Sleeper(DurableObject):
        async def fetch(self, request):
            if not request.is_upgrade:
                sockets = self.ctx.get_web_sockets()
                return Response.json([closed, [ws.round_trip_s for ws in sockets]])
            client, server = WebSocketPair()
            self.ctx.accept_web_socket(server)
            return Response(None, status=101, web_socket=client)

        async def web_socket_close(self, ws, code, reason, was_clean):
            closed.append([code, reason, was_clean])

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            return await self.env.SLEEPER.get_by_name("one").fetch(request)
"""


async def pong(wire: Wire) -> Frame:
    """Answer the ping that has to come next."""
    ping = await wire.frame()
    assert ping.opcode == PING
    wire.send(frame(PONG, ping.payload))
    await wire.drain()
    return ping


async def test_a_peer_that_stops_answering_is_lost_and_the_others_stay(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    clock = FakeClock()
    server = await serve(ROOMS, objects=["Room"], clock=clock)
    async with await Wire.connect(server.url) as dead, await Wire.connect(server.url) as alive:
        await dead.upgrade("/dead")
        await alive.upgrade("/alive")
        clock.advance(INTERVAL_S + TICK_S)
        assert (await dead.frame()).opcode == PING
        await pong(alive)
        alive.send(frame(TEXT, "here"))
        assert await alive.text() == "here"
        clock.advance(DEAD_AFTER_S + TICK_S)
        assert await heard(http, server, "dead") == ["close", 1006, WHY, False]
        assert await dead.rest() == b"", "it is cut off"
        alive.send(frame(TEXT, "still here"))
        assert (await alive.text()) == "still here"


async def test_it_works_while_the_actor_is_out_of_memory(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    clock = FakeClock()
    server = await serve(SLEEPERS, objects=["Sleeper"], clock=clock)
    async with await Wire.connect(server.url) as wire:
        await wire.upgrade("/")
        clock.advance(12)
        assert server.statistics().actors_live == 0
        clock.advance(INTERVAL_S)
        assert server.statistics().actors_live == 0, "nobody was woken"
        await pong(wire)
        socket = next(iter(server._front_side.front._sockets))
        while socket.round_trip_s is None:
            await asyncio.sleep(0)
        assert server.statistics().actors_live == 0, "nobody was woken"
        async with http.get(server.url) as response:
            [closed, [round_trip_s]] = await response.json()
        assert closed == []
        assert round_trip_s >= 0
        clock.advance(INTERVAL_S + DEAD_AFTER_S + 1)
        closed = []
        while not closed:  # the actor is woken for that
            async with http.get(server.url) as response:
                closed, _ = await response.json()
        assert closed == [[1006, WHY, False]]


async def test_a_client_in_the_middle_of_a_long_message_is_not_given_up(serve: Serving) -> None:
    clock = FakeClock()
    server = await serve(ROOMS, objects=["Room"], clock=clock)
    async with await Wire.connect(server.url, receive_buffer_size=4096) as wire:
        await wire.upgrade("/room")
        wire.send(frame(TEXT, "flood"))  # a megabyte, which the kernel takes all of
        found_dead = counters.peers_found_dead
        for _ in range(20):
            await wire.read(10_000)
            clock.advance(DEAD_AFTER_S / 2)
        assert counters.peers_found_dead == found_dead
        while counters.peers_found_dead == found_dead:  # but when it reads no more
            clock.advance(DEAD_AFTER_S)
            await asyncio.sleep(0)
        assert b"x" in await wire.rest(), "what was on its way, and then the end"


async def test_client_libraries_answer_by_themselves(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    clock = FakeClock()
    server = await serve(ROOMS, objects=["Room"], clock=clock)
    async with (
        connect(f"ws{server.url.removeprefix('http')}/one"),
        http.ws_connect(f"{server.url}/two") as other,
    ):
        reading = asyncio.create_task(other.receive())  # aiohttp answers while it is read from
        clock.advance(INTERVAL_S + TICK_S)
        while any(socket.round_trip_s is None for socket in server._front_side.front._sockets):
            await asyncio.sleep(0)
        clock.advance(INTERVAL_S / 2)
        assert len(server._front_side.front._sockets) == 2
        reading.cancel()


DIALS = """
    from perdure import DurableObject, Response, WorkerEntrypoint, fetch

    class Dialler(DurableObject):
        ws = None
        closed = None

        async def fetch(self, request):
            if self.ws is None:
                headers = {"Upgrade": "websocket"}
                self.ws = (await fetch(self.env.TARGET, headers=headers)).web_socket
                self.ws.accept(delivery="drop_oldest")
                self.ws.on_close = lambda event: setattr(self, "closed", event.code)
            return Response.json([self.ws.round_trip_s is not None, self.closed])

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            return await self.env.DIALLER.get_by_name("one").fetch(request)
"""


async def test_connections_that_go_out_are_kept_alive_and_found_dead(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    async def ask() -> Any:
        async with http.get(server.url) as response:
            return await response.json()

    clock = FakeClock()
    target = await serve(ROOMS, objects=["Room"])
    values = {"TARGET": f"ws{target.url.removeprefix('http')}/room"}
    server = await serve(DIALS, objects=["Dialler"], clock=clock, values=values)
    assert await ask() == [False, None]
    clock.advance(INTERVAL_S + TICK_S)
    while await ask() != [True, None]:
        await asyncio.sleep(0)
    next(iter(target._front_side.front._sockets)).pause()  # the other side hears nothing any more
    clock.advance(INTERVAL_S + DEAD_AFTER_S + TICK_S)
    assert await ask() == [True, 1006]


async def test_without_an_interval_nobody_is_asked(serve: Serving) -> None:
    clock = FakeClock()
    limits = {"websocket_ping_interval_s": 0}
    server = await serve(ROOMS, objects=["Room"], clock=clock, limits=limits)
    async with await Wire.connect(server.url) as wire:
        await wire.upgrade("/room")
        clock.advance(1000)
        wire.send(frame(TEXT, "here"))
        assert await wire.text() == "here"
