import asyncio
import os
import signal
import sys

import pytest

from perdure.runtime.shards.supervisor.process import Process, Program
from tests.runtime.shards.supervisor.children import WAIT_S


async def end_of(code: str, number: int = 0) -> tuple[str, Process]:
    """How a program of Python's ends, when a signal is sent to it."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[str] = loop.create_future()
    process = Process(
        Program([sys.executable, "-S", "-c", code], {"PATH": os.environ["PATH"]}),
        loop,
        variables={"MORE": "1"},
        descriptors=(),
        on_end=ended.set_result,
    )
    if number:
        process.send_signal(number)
    async with asyncio.timeout(WAIT_S):
        return await ended, process


@pytest.mark.slow
async def test_it_is_told_how_a_process_ended() -> None:
    assert (await end_of("raise SystemExit(3)"))[0] == "status 3"
    assert (await end_of("import time; time.sleep(999)", number=signal.SIGKILL))[0] == "SIGKILL"
    number = int(signal.SIGRTMIN) + 3
    assert (await end_of("import time; time.sleep(999)", number=number))[0] == f"signal {number}"


@pytest.mark.slow
async def test_a_process_has_the_environment_it_is_given_and_no_standard_input() -> None:
    code = (
        "import os, sys; e = dict(os.environ); e.pop('LC_CTYPE', None);"
        "sys.exit(sys.stdin.read() == '' and sorted(e) == ['MORE', 'PATH'] and 5)"
    )
    assert (await end_of(code))[0] == "status 5"


@pytest.mark.slow
async def test_a_process_leads_a_group_of_its_own() -> None:
    assert (await end_of("import os; raise SystemExit(os.getpgrp() == os.getpid() and 5)"))[
        0
    ] == "status 5"


async def test_signals_to_one_that_has_ended_reach_nobody() -> None:
    how, process = await end_of("pass")
    assert (how, process.has_ended) == ("status 0", True)
    process.send_signal(signal.SIGKILL)
    assert process.kernel_state() == ""
