"""Running a server until a signal says stop.

The first SIGINT or SIGTERM lets running requests finish, the second cuts them off, the third
is the system's own and ends the process where it stands, which loses nothing that was
acknowledged.
"""

import asyncio
import signal
from asyncio import FIRST_COMPLETED
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from ..runtime.control.draining import StopAsked
from ..runtime.fast_loop import find_fast_loop
from ..storage.errors import StorageBroken

T = TypeVar("T")

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stoppable(Protocol):
    """What is run: a server in either shape.

    Attributes:
        stop_asked: Done when its operator has asked for its end (perdure drain).
    """

    stop_asked: StopAsked

    async def stop(self, *, drain_s: float) -> None: ...


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end, on the fastest event loop there is."""
    # asyncio's own handler would let Ctrl-C wait for the next await, and a program that hangs
    # while it is imported has none.
    before = signal.signal(signal.SIGINT, _interrupt)
    try:
        with asyncio.Runner(loop_factory=find_fast_loop()) as runner:
            runner.run(main)
    finally:
        signal.signal(signal.SIGINT, before)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


async def run_until_stopped(
    server: Stoppable,
    *,
    drain_s: float,
    on_ready: Callable[[], None],
    on_stopping: Callable[[str], None],
    failed: "asyncio.Future[StorageBroken] | None" = None,
    on_hangup: Callable[[], None] | None = None,
) -> None:
    """Wait for a signal, or until the operator asks for it, then stop ``server``.

    Args:
        server: It has started.
        drain_s: How long running requests may take to finish.
        on_ready: Called when signals are heard; who is told of it may send one at once.
        on_stopping: Told the name of the first signal, or that it was asked for: ``drain``.
        failed: Done when the server cannot go on.
        on_hangup: Called at each SIGHUP; None leaves it what it is, the end of the process.

    Raises:
        StorageBroken: What ``failed`` said; the server has been stopped.
    """
    signals: asyncio.Queue[signal.Signals] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, signals.put_nowait, number)
    if on_hangup is not None:
        loop.add_signal_handler(signal.SIGHUP, on_hangup)
    try:
        on_ready()
        first = asyncio.create_task(signals.get())
        either: list[asyncio.Future[Any]] = [first, server.stop_asked]
        either += [] if failed is None else [failed]
        await asyncio.wait(either, return_when=FIRST_COMPLETED)
        if first.done():
            on_stopping(first.result().name)
            await _stop(server, drain_s, until=signals.get())
            return
        first.cancel()
        if failed is not None and failed.done():
            await server.stop(drain_s=0)
            raise failed.result()
        on_stopping("drain")
        wanted_s = server.stop_asked.result()
        await _stop(server, drain_s if wanted_s is None else wanted_s, until=signals.get())
    finally:
        _give_signals_back(loop)


async def unless_stopped(work: Coroutine[Any, Any, T]) -> T | None:
    """Return what ``work`` gives, or None when a signal says stop before."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in SIGNALS:
        loop.add_signal_handler(number, stopped.set)
    task, signalled = asyncio.create_task(work), asyncio.create_task(stopped.wait())
    either: set[asyncio.Future[Any]] = {task, signalled}
    try:
        await asyncio.wait(either, return_when=FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        signalled.cancel()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        _give_signals_back(loop)


async def _stop(server: Stoppable, drain_s: float, until: Coroutine[Any, Any, Any]) -> None:
    """Stop gently; at once when ``until`` comes to its end before that is done."""
    gently, hurry = asyncio.create_task(server.stop(drain_s=drain_s)), asyncio.create_task(until)
    await asyncio.wait({gently, hurry}, return_when=FIRST_COMPLETED)
    if gently.done():
        hurry.cancel()
        await gently
        return
    _give_signals_back(asyncio.get_running_loop())
    gently.cancel()
    # What went wrong on the gentle way, if anything, the short way meets again.
    await asyncio.gather(gently, return_exceptions=True)
    await server.stop(drain_s=0)


def _give_signals_back(loop: asyncio.AbstractEventLoop) -> None:
    for number in (*SIGNALS, signal.SIGHUP):
        loop.remove_signal_handler(number)
