"""Something happens to the processes every second, and clients notice nothing.

``.ci/run chaos`` makes the short run of each kind. Longer ones by the environment:
PERDURE_CHAOS_S (300, 3600) how long, PERDURE_CHAOS_CLIENTS (200) how many, PERDURE_CHAOS_KILLS
(1000) how many workers die one after another, PERDURE_CHAOS_SEED which events.
"""

import itertools
import os
import sys
from pathlib import Path

import pytest

from tests.chaos.client import Broken
from tests.chaos.conftest import Start
from tests.chaos.events import KILL, Event, draw
from tests.chaos.router import MUTATION, MUTATIONS
from tests.chaos.run import Run

FOR_S = float(os.environ.get("PERDURE_CHAOS_S", "25"))
CLIENTS = int(os.environ.get("PERDURE_CHAOS_CLIENTS", "20"))
KILLS = int(os.environ.get("PERDURE_CHAOS_KILLS", "50"))
SEED = int(os.environ.get("PERDURE_CHAOS_SEED", "1"))
A_KILL_S = 10.0  # on a busy machine, at most, on average

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(2 * FOR_S + A_KILL_S * KILLS + 120)]


def tell(capfd: pytest.CaptureFixture[str], run: Run) -> None:
    """Have what happened in the log of .ci/run."""
    with capfd.disabled():
        sys.stdout.write(f"\n{run.report}\n")


async def test_clients_notice_nothing(
    start: Start, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    server = await start()
    async with Run(server, tmp_path) as run:
        await run.join(CLIENTS)
        await run.go(draw(SEED, run.rooms), for_s=FOR_S)
    tell(capfd, run)
    assert run.report.pushes


async def test_workers_are_killed_one_after_another(
    start: Start, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    server = await start()
    async with Run(server, tmp_path) as run:
        await run.join(CLIENTS)
        events = draw(SEED, run.rooms, only_kills=True)
        await run.go(events, for_s=A_KILL_S * KILLS, kills_max=KILLS)
    tell(capfd, run)
    assert run.report.kills >= KILLS


@pytest.mark.parametrize("mutation", MUTATIONS)
async def test_a_promise_that_is_broken_is_noticed(
    start: Start, tmp_path: Path, mutation: str
) -> None:
    server = await start(**{MUTATION: mutation})
    with pytest.raises(Broken):  # joining is a part of it
        async with Run(server, tmp_path, patience_s=15) as run:
            await run.join(8)
            events = [Event(KILL, room, "in the handler, at its end", 3) for room in run.rooms]
            await run.go(itertools.cycle(events), for_s=FOR_S, kills_max=4)
