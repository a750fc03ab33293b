"""Programs in the platform's style, after the examples of its documentation on Durable Objects."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import aiohttp
import pytest

from tests.compat.conftest import Client, Start
from tests.serving import Serving
from tests.wire import PATIENCE_S
from tests.world import FakeClock

Connect = Callable[[str], Awaitable[Client]]


@pytest.fixture
def clock() -> FakeClock:
    """The server's clock: it stands still at what was the time, until a test lets time pass."""
    clock = FakeClock()
    clock.now_s = time.time()
    return clock


SELECT = (
    "Select a Durable Object to contact by using the `name` URL query string parameter, "
    "for example, ?name=A"
)


async def said(answer: aiohttp.ClientResponse) -> tuple[int, str]:
    return answer.status, await answer.text()


async def until(ask: Callable[[], Awaitable[object]], wanted: object) -> None:
    """Ask until the answer is as wanted."""
    async with asyncio.timeout(PATIENCE_S):
        while await ask() != wanted:
            pass


async def test_counters_by_name_count_apart(program: Start, http: aiohttp.ClientSession) -> None:
    url = await program("counter")
    transcript = [
        ("/", SELECT),
        ("/?name=A", "Durable Object 'A' count: 0"),
        ("/increment?name=A", "Durable Object 'A' count: 1"),
        ("/increment?name=A", "Durable Object 'A' count: 2"),
        ("/increment?name=B", "Durable Object 'B' count: 1"),
        ("/decrement?name=A", "Durable Object 'A' count: 1"),
        ("/?name=A", "Durable Object 'A' count: 1"),
        ("/?name=B", "Durable Object 'B' count: 1"),
        ("/who?name=A", "A A A"),
    ]
    for path, text in transcript:
        assert await said(await http.get(url + path)) == (200, text)
    assert await said(await http.get(f"{url}/none?name=A")) == (404, "Not found")


async def test_a_rate_limiter_lets_so_many_through(
    program: Start, http: aiohttp.ClientSession
) -> None:
    url = await program("ratelimiter")
    assert await said(await http.get(url)) == (400, "Could not determine client IP")
    one = {"CF-Connecting-IP": "192.0.2.1"}
    for _ in range(3):
        assert await said(await http.get(url, headers=one)) == (200, "Call went through")
    answer = await http.get(url, headers=one)
    assert await said(answer) == (429, "Rate limit exceeded")
    assert answer.headers["Retry-After"] == "60"
    other = {"CF-Connecting-IP": "192.0.2.2"}
    assert await said(await http.get(url, headers=other)) == (200, "Call went through")


async def test_a_rate_limiter_is_refilled_by_its_alarm(
    program: Start, http: aiohttp.ClientSession, clock: FakeClock
) -> None:
    # It stays in memory, so that it is the alarm that refills it and not its constructor.
    url = await program("ratelimiter", clock=clock, idle_timeout_s=3600)

    async def calls(count: int) -> list[int]:
        headers = {"CF-Connecting-IP": "192.0.2.1"}
        return [(await http.get(url, headers=headers)).status for _ in range(count)]

    assert await calls(5) == [200, 200, 200, 429, 429]
    clock.advance(30)
    assert await calls(1) == [429]
    clock.advance(time.time() - clock.now_s + 61)  # the program asks its own clock for the time
    assert await calls(5) == [200, 200, 200, 429, 429]


async def test_state_in_memory_is_that_of_the_last_request(
    program: Start, http: aiohttp.ClientSession
) -> None:
    url = await program("inmemory")
    for city, text in [
        ("Oslo", "nowhere -> Oslo"),
        ("Rome", "Oslo -> Rome"),
        ("Rome", "Rome -> Rome"),
    ]:
        assert await said(await http.post(url, json={"city": city})) == (200, text)


async def test_requests_are_handled_together_when_the_alarm_goes_off(
    program: Start, http: aiohttp.ClientSession
) -> None:
    url = await program("alarms")
    assert await said(await http.post(url, data="one")) == (200, '{"queued": 1}')

    async def handled() -> object:
        return await (await http.get(url)).json()

    await until(handled, ["one"])
    await http.post(url, data="two")
    await until(handled, ["one", "two"])


async def test_an_object_forgets_itself_when_its_time_is_over(
    program: Start, http: aiohttp.ClientSession
) -> None:
    url = await program("ttl")
    for number in (1, 2, 3):
        assert await said(await http.get(f"{url}/a")) == (200, f"visit {number}")

    async def visit() -> object:
        await http.get(f"{url}/expire")
        return await (await http.get(f"{url}/expire")).text()

    await until(visit, "visit 1")


async def test_a_room_tells_who_came_and_left(program: Start, client: Connect) -> None:
    url = await program("hibernation")
    ann, bob = await client(f"{url}/ann"), await client(f"{url}/bob")
    await ann.says("hi")
    await ann.hears("to you: hi, of 2")
    await bob.hears("from ann: hi")
    await bob.says(b"\x00\xff")
    await bob.hears(b"\x00\xff")
    await bob.says("ping")
    await bob.hears("pong")
    await ann.closes(1001, "bye")
    await bob.hears("ann left: 1001 bye True")


async def test_a_room_that_was_out_of_memory_knows_its_sockets(
    program: Start, serve: Serving, client: Connect, clock: FakeClock
) -> None:
    url = await program("hibernation", clock=clock)
    statistics = serve.running[-1].statistics
    ann, bob = await client(f"{url}/ann"), await client(f"{url}/bob")
    await ann.says("hi")
    await ann.hears("to you: hi, of 2")
    await bob.hears("from ann: hi")
    for count in (1, 2):
        clock.advance(12)
        asleep = statistics()
        assert (asleep.actors_live, asleep.actors_evicted) == (0, count)
        assert (asleep.actors_hibernated, asleep.sessions) == (1, 2)
        await bob.says("ping")
        await bob.hears("pong")
        assert statistics().actors_live == 0, "what is answered by itself wakes nobody"
        await bob.says(f"again {count}")
        await bob.hears(f"to you: again {count}, of 2")
        await ann.hears(f"from bob: again {count}")
        assert statistics().actors_live == 1
    clock.advance(12)
    await ann.closes(1001, "bye")
    await bob.hears("ann left: 1001 bye True")


async def test_a_room_wants_websockets_only(program: Start, http: aiohttp.ClientSession) -> None:
    url = await program("hibernation")
    assert await said(await http.get(url)) == (426, "Durable Object expected Upgrade: websocket")
