"""How connections are, as the process of their actors is told: on a link that the test reads."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from perdure.runtime.shards.link.framing import Frame
from perdure.runtime.shards.link.kinds import FACTS
from perdure.runtime.shards.link.link import Link
from perdure.runtime.shards.sockets.facts import Facts, FactsTeller
from tests.runtime.shards.link.ends import A_ROUTER, joined, until

LATER_S = 3600.0


@dataclass(eq=False)
class Connection:
    """One that the test changes."""

    session: int
    size_bytes: int = 0
    time_ms: int | None = None
    told: Facts | None = None
    looks: int = 0

    def facts(self) -> Facts:
        self.looks += 1
        return (self.session, self.size_bytes, 0, None, self.time_ms)


@asynccontextmanager
async def telling(
    interval_s: float = LATER_S,
) -> AsyncIterator[tuple[FactsTeller, list[Frame], Link]]:
    async with joined(one=A_ROUTER) as (router, worker):
        frames: list[Frame] = []
        worker.handle(FACTS, frames.append)
        teller = FactsTeller(router, interval_s)
        yield teller, frames, router
        teller.close()


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_many_that_change_in_one_turn_are_one_frame() -> None:
    async with telling() as (teller, frames, _):
        for number in range(100):
            teller.is_new(Connection(number, time_ms=number))
        await until(lambda: frames)
        [[_, taken, facts]] = frames
        assert taken == 0
        assert sorted(facts) == [[number, 0, 0, None, number] for number in range(100)]


async def test_the_first_change_is_told_at_once_and_the_next_after_a_while() -> None:
    async with telling() as (teller, frames, _):
        one = Connection(1, time_ms=1)
        teller.is_new(one)
        await until(lambda: len(frames) == 1)
        one.time_ms = 2
        teller.is_new(one)
        teller.took()
        await turns()
        assert len(frames) == 1, "not before the interval is over"
    async with telling(interval_s=0.001) as (teller, frames, _):
        for time_ms in (3, 4):
            one.time_ms = time_ms
            teller.is_new(one)
            await until(lambda: frames and frames[-1][2] == [[1, 0, 0, None, time_ms]])  # noqa: B023  # awaited here


async def test_what_is_asked_for_is_not_waited_for() -> None:
    async with telling() as (teller, frames, _):
        one, other = Connection(1, time_ms=1), Connection(2, time_ms=1)
        teller.is_new(one)
        await until(lambda: len(frames) == 1)
        for connection in (one, other):
            connection.time_ms = 2
            teller.is_new(connection)
        teller.tell_news(one)
        teller.tell_news(one)
        await until(lambda: len(frames) == 2)
        assert frames[1] == [FACTS, 0, [[1, 0, 0, None, 2]]]
        teller.tell_news()
        teller.tell_news()
        await until(lambda: len(frames) == 3)
        assert frames[2] == [FACTS, 0, [[2, 0, 0, None, 2]]]


async def test_what_was_taken_is_told_with_how_all_are_that_got_it() -> None:
    async with telling() as (teller, frames, _):
        one, other = Connection(1, size_bytes=10), Connection(2)
        for connection in (one, other):
            teller.touch(connection)
        teller.took()
        teller.is_new(other)
        other.time_ms = 1
        teller.tell_news(other)
        await until(lambda: len(frames) == 2)
        assert frames == [[FACTS, 0, [[2, 0, 0, None, 1]]], [FACTS, 1, [[1, 10, 0, None, None]]]]


async def test_what_has_not_changed_is_not_told() -> None:
    async with telling(interval_s=0.001) as (teller, frames, router):
        one = Connection(1)
        teller.touch(one)
        teller.took()
        await until(lambda: frames)
        assert frames == [[FACTS, 1, []]]
        teller.tell([one])
        sent = router.statistics().frames_sent
        looks = one.looks
        await asyncio.sleep(0.01)  # nothing is to happen
        assert (router.statistics().frames_sent, one.looks) == (sent, looks)


async def test_what_waits_for_a_client_is_looked_at_until_it_has_left() -> None:
    async with telling(interval_s=0.001) as (teller, frames, _):
        one = Connection(1, size_bytes=10)
        teller.touch(one)
        teller.took()
        await until(lambda: len(frames) == 1)
        one.size_bytes = 4
        await until(lambda: len(frames) == 2)
        one.size_bytes = 0
        await until(lambda: len(frames) == 3)
        assert [frame[2][0][1] for frame in frames] == [10, 4, 0]


async def test_one_that_is_over_is_forgotten() -> None:
    async with telling() as (teller, frames, _):
        one, other = Connection(1, time_ms=1), Connection(2, time_ms=1)
        teller.is_new(one)
        teller.is_new(other)
        teller.forget(one)
        await until(lambda: frames)
        assert frames == [[FACTS, 0, [[2, 0, 0, None, 1]]]]


async def test_who_does_not_read_is_not_told_until_it_does() -> None:
    async with telling(interval_s=0.001) as (teller, frames, router):
        router.is_writing_paused = True
        one = Connection(1, time_ms=1)
        teller.is_new(one)
        await turns()
        assert one.looks == 0
        router.is_writing_paused = False
        await until(lambda: frames)


async def test_nothing_is_told_over_a_link_that_has_ended() -> None:
    async with telling() as (teller, frames, router):
        one = Connection(1, time_ms=1)
        teller.is_new(one)
        router.close("it ends")
        await turns()
        assert (frames, one.looks) == ([], 0)
