"""The first signal stops gently, the second at once, the third is the system's."""

import asyncio
import os
import signal

import pytest

from perdure.cli.serving import SIGNALS, run, run_until_stopped
from perdure.runtime.control.draining import StopAsked


class FakeServer:
    """Stops when it is let to; without any time to drain it stops at once."""

    def __init__(self) -> None:
        self.drains: list[float] = []
        self.stopping = asyncio.Event()
        self.may_stop = asyncio.Event()
        self.was_cut_off = False
        self.stop_asked: StopAsked = asyncio.get_running_loop().create_future()

    async def stop(self, *, drain_s: float) -> None:
        self.drains.append(drain_s)
        self.stopping.set()
        if drain_s:
            try:
                await self.may_stop.wait()
            except asyncio.CancelledError:
                self.was_cut_off = True
                raise


class FailingServer:
    def __init__(self) -> None:
        self.stop_asked: StopAsked = asyncio.get_running_loop().create_future()

    async def stop(self, *, drain_s: float) -> None:
        raise OSError(f"cannot stop in {drain_s}")


def kill(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


def nothing(*_: object) -> None:
    pass


@pytest.mark.parametrize("number", SIGNALS)
async def test_the_first_signal_lets_requests_finish(number: signal.Signals) -> None:
    server, heard = FakeServer(), list[str]()
    serving = asyncio.create_task(
        run_until_stopped(
            server, drain_s=30.0, on_ready=lambda: kill(number), on_stopping=heard.append
        )
    )
    await server.stopping.wait()
    assert not serving.done()
    server.may_stop.set()
    await serving
    assert (server.drains, heard, server.was_cut_off) == ([30.0], [number.name], False)


@pytest.mark.parametrize("number", SIGNALS)
async def test_the_second_signal_cuts_them_off(number: signal.Signals) -> None:
    server = FakeServer()
    serving = asyncio.create_task(
        run_until_stopped(server, drain_s=30.0, on_ready=lambda: kill(number), on_stopping=nothing)
    )
    await server.stopping.wait()
    kill(number)
    await serving
    assert (server.drains, server.was_cut_off) == ([30.0, 0], True)


async def test_the_third_signal_is_the_systems_own() -> None:
    class Slow(FakeServer):
        async def stop(self, *, drain_s: float) -> None:
            if not drain_s:
                assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
                assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
            await super().stop(drain_s=drain_s)

    server = Slow()
    serving = asyncio.create_task(
        run_until_stopped(
            server, drain_s=1.0, on_ready=lambda: kill(signal.SIGTERM), on_stopping=nothing
        )
    )
    await server.stopping.wait()
    kill(signal.SIGTERM)
    await serving
    assert server.drains == [1.0, 0]


async def test_a_stop_that_fails_is_told() -> None:
    with pytest.raises(OSError, match=r"cannot stop in 1\.0"):
        await run_until_stopped(
            FailingServer(),
            drain_s=1.0,
            on_ready=lambda: kill(signal.SIGTERM),
            on_stopping=nothing,
        )


def test_a_failure_comes_out_of_the_loop() -> None:
    async def main() -> None:
        await asyncio.sleep(0)
        raise KeyError("x")

    with pytest.raises(KeyError):
        run(main())


def test_the_fast_loop_is_taken_where_there_is_one() -> None:
    uvloop = pytest.importorskip("uvloop")
    kinds: list[type] = []

    async def main() -> None:
        await asyncio.sleep(0)
        kinds.append(type(asyncio.get_running_loop()))

    run(main())
    assert kinds == [uvloop.Loop]


def test_an_interrupt_ends_it_at_once_and_leaves_signals_as_they_were() -> None:
    before = signal.getsignal(signal.SIGINT)
    cleaned: list[str] = []

    async def main() -> None:
        try:
            kill(signal.SIGINT)
            cleaned.append("never")
        finally:
            await asyncio.sleep(0)
            cleaned.append("up")

    with pytest.raises(KeyboardInterrupt):
        run(main())
    assert cleaned == ["up"]
    assert signal.getsignal(signal.SIGINT) is before


async def test_a_hangup_is_told_each_time_and_stops_nothing() -> None:
    server, heard = FakeServer(), asyncio.Event()
    server.may_stop.set()

    async def hang_up_twice() -> None:
        for _ in range(2):
            heard.clear()
            kill(signal.SIGHUP)
            await heard.wait()
        kill(signal.SIGTERM)

    hanging_up: list[asyncio.Task[None]] = []
    await run_until_stopped(
        server,
        drain_s=30.0,
        on_ready=lambda: hanging_up.append(asyncio.create_task(hang_up_twice())),
        on_stopping=nothing,
        on_hangup=heard.set,
    )
    await hanging_up[0]
    assert server.drains == [30.0]
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


@pytest.mark.parametrize(("wanted_s", "drain_s"), [(None, 30.0), (5.0, 5.0)])
async def test_who_is_asked_to_end_stops_gently(wanted_s: float | None, drain_s: float) -> None:
    server, heard = FakeServer(), list[str]()
    server.may_stop.set()
    await run_until_stopped(
        server,
        drain_s=30.0,
        on_ready=lambda: server.stop_asked.set_result(wanted_s),
        on_stopping=heard.append,
        failed=asyncio.get_running_loop().create_future(),
    )
    assert (server.drains, heard) == ([drain_s], ["drain"])
