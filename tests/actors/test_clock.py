"""The machine's clocks."""

import asyncio
import time

from perdure.actors.clock import SystemClock


async def test_unix_time_is_in_milliseconds() -> None:
    clock = SystemClock(asyncio.get_running_loop())
    before = time.time()
    now_ms = clock.time_ms()
    assert isinstance(now_ms, int)
    assert int(before * 1000) <= now_ms <= time.time() * 1000


async def test_monotonic_time_is_the_loops() -> None:
    loop = asyncio.get_running_loop()
    before = loop.time()
    assert before <= SystemClock(loop).monotonic() <= loop.time()


async def test_a_call_comes_no_sooner_than_asked_and_from_the_loop() -> None:
    clock = SystemClock(asyncio.get_running_loop())
    called: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    start = clock.monotonic()
    clock.call_later(0.01, lambda: called.set_result(clock.monotonic()))
    assert not called.done()
    assert await called - start >= 0.01 - time.get_clock_info("monotonic").resolution


async def test_a_cancelled_call_does_not_come() -> None:
    clock = SystemClock(asyncio.get_running_loop())
    calls: list[str] = []
    cancelled = clock.call_later(0.0, lambda: calls.append("cancelled"))
    clock.call_later(0.0, lambda: calls.append("kept"))
    cancelled.cancel()
    while not calls:
        await asyncio.sleep(0)
    assert calls == ["kept"]
