"""Threads that are not the actors' own: what they are refused, and how they have things done.

Assumes:
    Actors live on one event loop of a process, and in its thread.
"""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from ..storage.errors import UsageError
from .errors import WrongThread


def loop_of_actors(what: str) -> asyncio.AbstractEventLoop:
    """The running event loop, for code that is no actor's and no Worker's.

    Raises:
        WrongThread: None is running in this thread.
    """
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise WrongThread(what) from None


def call_on(
    loop: asyncio.AbstractEventLoop, function: Callable[..., Any], /, *args: Any, **kwargs: Any
) -> Any:
    """Call ``function`` on ``loop``, wait for what it gives if that is awaitable, return it.

    Raises:
        UsageError: This is that loop's own thread, which waiting would stop.
    """
    try:
        is_here = asyncio.get_running_loop() is loop
    except RuntimeError:
        is_here = False
    if is_here:
        raise UsageError(
            "call() waits, so it is for other threads than that of the actors: in async code, "
            "await the stub's method"
        )

    async def work() -> Any:
        given = function(*args, **kwargs)
        return await given if inspect.isawaitable(given) else given

    return asyncio.run_coroutine_threadsafe(work(), loop).result()
