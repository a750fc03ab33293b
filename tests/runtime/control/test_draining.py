"""Asking whoever runs a server to stop it."""

import asyncio
import os

import pytest

from perdure.runtime.control.draining import (
    DrainArguments,
    StopAsked,
    ask_to_stop,
    has_no_workers,
)
from perdure.runtime.host.operations.errors import OperatorError
from tests.town import Listener


@pytest.mark.parametrize(("wanted_s", "told_s"), [(None, 30.0), (5.0, 5.0)])
async def test_who_asks_is_told_of_it_before_it_happens(
    wanted_s: float | None, told_s: float
) -> None:
    asked: StopAsked = asyncio.get_running_loop().create_future()
    listener = Listener()
    for _ in range(2):  # the second time is no mistake
        await ask_to_stop(asked, DrainArguments(timeout_s=wanted_s), listener, 30.0)
    assert listener.items == [{"pid": os.getpid(), "timeout_s": told_s}] * 2
    assert asked.result() == wanted_s


def test_one_process_has_no_workers_to_drain() -> None:
    has_no_workers(DrainArguments())
    with pytest.raises(OperatorError, match="is one process"):
        has_no_workers(DrainArguments(worker="0"))
