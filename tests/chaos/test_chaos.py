"""Something happens to the processes every second, and clients notice nothing.

``.ci/run chaos`` makes the short run of each kind. Longer ones by the environment:
PERDURE_CHAOS_S (300, 3600) how long, PERDURE_CHAOS_CLIENTS (200) how many, PERDURE_CHAOS_KILLS
(1000) how many workers die one after another, PERDURE_CHAOS_SEED which events.
"""

import itertools
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.browser import CHROMIUM, NewTab, chromium
from tests.chaos.client import Broken
from tests.chaos.conftest import REPORT, Start
from tests.chaos.developing import developing
from tests.chaos.events import KILL, Event, draw
from tests.chaos.happenings import Happenings
from tests.chaos.router import MUTATION, MUTATIONS
from tests.chaos.run import Run

FOR_S = float(os.environ.get("PERDURE_CHAOS_S", "25"))
CLIENTS = int(os.environ.get("PERDURE_CHAOS_CLIENTS", "20"))
KILLS = int(os.environ.get("PERDURE_CHAOS_KILLS", "50"))
SEED = int(os.environ.get("PERDURE_CHAOS_SEED", "1"))
A_KILL_S = 10.0  # on a busy machine, at most, on average
# So that hundreds of clients leave some of two cores to what happens.
CALM = {"PERDURE_CHAOS_WORK_S": "1.0", "PERDURE_CHAOS_PUSH_MS": "1000"} if CLIENTS > 50 else {}
QUICK = {"PERDURE_CHAOS_WORK_S": "0.1"}  # so that the time to an answer is not the handler's

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(2 * FOR_S + A_KILL_S * KILLS + 120)]


Tell = Callable[[str, object], None]


@contextmanager
def told(tell: Tell, run: Run) -> Iterator[None]:
    """Have what happened in the summary (conftest.py), also when a promise was broken."""
    try:
        yield
    finally:
        tell(REPORT, f"seed {SEED}, {len(run.clients)} clients\n{run.report}")


@pytest.fixture
async def new_tab(tmp_path: Path) -> AsyncIterator[NewTab | None]:
    """Opens pages of a browser; None where there is no Chromium."""
    if CHROMIUM is None:
        yield None
        return
    async with (
        aiohttp.ClientSession() as http,
        chromium(tmp_path / "profile", http) as new_tab,
    ):
        yield new_tab


async def test_clients_notice_nothing(
    start: Start, tmp_path: Path, new_tab: NewTab | None, record_property: Tell
) -> None:
    server = await start(**CALM)
    async with Run(server, tmp_path) as run, developing(server, run.data_dir) as developer:
        await run.join(CLIENTS, new_tab)
        with told(record_property, run):
            await Happenings(run, developer).go(draw(SEED, run.rooms), for_s=FOR_S)
    assert run.report.pushes


async def test_workers_are_killed_one_after_another(
    start: Start, tmp_path: Path, record_property: Tell
) -> None:
    server = await start(**QUICK)
    async with Run(server, tmp_path) as run:
        await run.join(CLIENTS)
        events = draw(SEED, run.rooms, only_kills=True)
        with told(record_property, run):
            await Happenings(run).go(events, for_s=A_KILL_S * KILLS, kills_max=KILLS)
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
            await Happenings(run).go(itertools.cycle(events), for_s=FOR_S, kills_max=4)
