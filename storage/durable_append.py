"""Appends to the commit log for those who can await that it is durable."""

import asyncio
from collections.abc import Callable
from copy import copy

from .errors import StorageBroken
from .log import CommitLog
from .logformat import Change


async def all_durable(log: CommitLog) -> None:
    """Return when everything is durable that was appended by now.

    Raises:
        StorageBroken: It never will be.
    """
    await _durable(log, log.appended_lsn, lambda _: None)


async def append_durably(
    log: CommitLog, change: Change, act: Callable[[int], None] = lambda _: None
) -> None:
    """Take ``change`` in, and return when it is durable.

    Args:
        log: Of the actor.
        change: What happened.
        act: Called with the record's LSN in the moment in which it is.

    Raises:
        StorageBroken: It never will be.
    """
    await _durable(log, log.append(change), act)


async def _durable(log: CommitLog, lsn: int, act: Callable[[int], None]) -> None:
    if log.failure is not None:
        raise copy(log.failure)
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def is_durable() -> None:
        act(lsn)
        if not done.done():
            done.set_result(None)

    def is_broken(failure: StorageBroken) -> None:
        if not done.done():
            done.set_exception(failure)

    if lsn <= log.durable_lsn:
        is_durable()
        return
    log.on_broken.add(is_broken)
    try:
        log.when_durable(lsn, is_durable)
        await done
    finally:
        log.on_broken.discard(is_broken)
