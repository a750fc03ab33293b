"""A worker that dies at any await of a hand-over: draining, ending, getting ready, resuming."""

import os
from collections import Counter
from pathlib import Path

import pytest

from perdure.runtime.shards.supervisor.errors import ChildFailed
from perdure.runtime.shards.supervisor.places import Place, Role
from perdure.runtime.shards.supervisor.states import ChildState
from tests.chaos.conftest import Start
from tests.chaos.points import COUNTED, COUNTS, order
from tests.chaos.run import Run

DEATHS = 10  # of all that there are; PERDURE_CHAOS_AWAITS=all for each of them
CLIENTS = 4

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1200)]

OF_THE_OLD = {"await of drain", "await of stop"}
OF_THE_NEW = {
    *("await of prepare", "await of serve", "await of _open_link"),
    *("in a resumption", "replay", "at a redelivery"),
}


async def spare_of(run: Run) -> int:
    """The process that is to be the next worker."""

    def found() -> list[int]:
        processes = run.processes()
        return [p.pid for p in processes if p.role is None and p.state is ChildState.SPARE]

    await run.until(lambda: bool(found()), "spare process")
    return found()[0]


async def replace(run: Run, room: str) -> bool:
    """Replace the worker of a room; return whether that came to its end."""
    place = Place(Role.WORKER, run.slot_of(room))
    try:
        await run.server.supervisor.replace(place, drain_s=10)
    except ChildFailed:
        return False
    finally:
        await run.until_served()
    return True


async def count_moments(start: Start, folder: Path) -> Counter[str]:
    """How often each moment is passed while each room's worker is replaced once."""
    server = await start(**{COUNTS: "1"})
    counted = folder / COUNTED

    async def replace_all() -> None:
        for room in run.rooms:
            await spare_of(run)
            counted.write_text("")
            assert await replace(run, room)
            clients = [client for client in run.clients if client.room == room]
            pid = run.pid_of(room)
            await run.until(lambda: all(c.answers_of[pid] for c in clients), "other answers")  # noqa: B023  # awaited here
            seen = Counter(counted.read_text().splitlines())
            for moment in OF_THE_OLD | OF_THE_NEW:
                found[moment] = max(found[moment], seen[moment])

    found: Counter[str] = Counter()
    async with Run(server, folder) as run:
        await run.join(CLIENTS)
        await run.during(replace_all)
    await server.stop(drain_s=5)
    os.environ.pop(COUNTS, None)
    (folder / "data").rename(folder / "data-of-the-count")
    return found


def spread(deaths: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Those that are tried: some of all kinds."""
    if os.environ.get("PERDURE_CHAOS_AWAITS") == "all":
        return deaths
    step = max(1, len(deaths) // DEATHS)
    return deaths[::step][:DEATHS]


async def test_a_worker_may_die_at_any_await_of_a_hand_over(start: Start, tmp_path: Path) -> None:
    counted = await count_moments(start, tmp_path)
    assert min(counted["await of drain"], counted["await of prepare"] + 1) > 0, counted
    assert counted["in a resumption"] == counted["replay"] == CLIENTS // 2
    deaths = [
        (moment, count)
        for moment, times in sorted(counted.items())
        for count in range(1, times + 1)
    ]
    server = await start()

    async def die_everywhere() -> None:
        for moment, count in spread(deaths):
            rooms = [room for room, kind in run.rooms.items() if fits(kind, moment)]
            await die_at(rooms[count % len(rooms)], moment, count)

    async def die_at(room: str, moment: str, count: int) -> None:
        spare = await spare_of(run)
        pid = run.pid_of(room) if moment in OF_THE_OLD else spare
        order(tmp_path, pid, moment, count)
        await replace(run, room)
        said = {client: client.said for client in run.clients}
        await run.until(
            lambda: all(client.heard >= said[client] for client in run.clients),
            f"answers to everything after a death at {moment} {count}",
        )

    async with Run(server, tmp_path) as run:
        await run.join(CLIENTS)
        await run.during(die_everywhere)


def fits(kind: str, moment: str) -> bool:
    return {"in a resumption": "hibernating", "replay": "standard"}.get(moment, kind) == kind
