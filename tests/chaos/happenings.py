"""What is done to the processes of a run.

*Rules*: A message that three workers in a row had in hand when they died ends its connection, and
rightly so. So a worker is killed again only when every message that the last death has met was
answered; a ``KILL_TWICE`` is two deaths. Everything else happens whatever else is under way: stops,
and changes of code and processes, which a server makes one after another, have a lane of their own.
"""

import asyncio
import contextlib
import os
import signal
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator

from perdure.runtime.shards.supervisor.states import ChildState
from perdure.runtime.shards.supervisor.statistics import ProcessStatistics
from tests.chaos.developing import Developer, operate
from tests.chaos.events import (
    BREAK,
    KILL,
    KILL_TWICE,
    RELOAD,
    RESIZE,
    SAVE,
    STOP,
    UPGRADE,
    Event,
)
from tests.chaos.points import order
from tests.chaos.run import LOOK_S, Refused, Run

EVERY_S = 1.0
STOPPED_S = 3.0
BROKEN_S = 1.0
# A moment that is not passed by then: the worker is killed where it is.
MOMENT_S = 2.0
KILLS, STOPS, CHANGES = "kills", "stops", "changes"
# Others are changes. A worker that dies while the files are broken is not followed before they are
# mended (docs/decisions/0015), so nobody is killed then.
LANES = {
    KILL: (KILLS,),
    KILL_TWICE: (KILLS,),
    STOP: (STOPS,),
    BREAK: (CHANGES, KILLS),
}
WAITING_MAX = 20  # events whose lanes are not free: they come later, in their order
# What becomes of a process that dies, and of the one that follows.
LEFT = {ChildState.STOPPING, ChildState.KILLED, ChildState.DEAD}
SUCCESSION = (ChildState.READY, ChildState.OPENING, ChildState.SERVING)
RELOADED, NOT_RELOADED = "Reloaded in", "Not reloaded"


def lanes_of(event: Event) -> tuple[str, ...]:
    """Which others it waits for, and has wait for it."""
    return LANES.get(event.what, (CHANGES,))


class Happenings:
    """Lets things happen to a run.

    Args:
        run: To whom.
        developer: Who saves files; None if nobody does.
    """

    def __init__(self, run: Run, developer: Developer | None = None) -> None:
        self._run = run
        self._developer = developer
        self._loop = asyncio.get_running_loop()
        self._lanes: dict[str, asyncio.Task[None]] = {}
        self._waiting: list[Event] = []
        # When each process came to each state.
        self._reached: dict[int, dict[ChildState, float]] = defaultdict(dict)
        run.server.supervisor.on_change(self._notice)
        self._doing: dict[str, Callable[[Event], Awaitable[None]]] = {
            KILL: self._kill,
            KILL_TWICE: self._kill,
            STOP: self._stop,
            SAVE: self._save,
            BREAK: self._break,
            RELOAD: self._reload,
            RESIZE: self._resize,
            UPGRADE: self._upgrade,
        }

    async def go(self, events: Iterator[Event], *, for_s: float, kills_max: int = 0) -> None:
        """Talk while ``events`` happen; then have everything answered, and look what was counted.

        Args:
            events: What happens.
            for_s: How long.
            kills_max: Stop after so many; 0 for no such limit, and with an event each second.

        Raises:
            Broken: A promise was, or the run has shown too little.
        """
        await self._run.during(lambda: self._let_happen(events, for_s, kills_max))
        self._run.report.check()

    async def _let_happen(self, events: Iterator[Event], for_s: float, kills_max: int) -> None:
        begun = self._loop.time()
        async with asyncio.TaskGroup() as group:
            while self._loop.time() < begun + for_s:
                event = await self._next(events)
                if kills_max and self._run.report.kills >= kills_max:
                    return
                next_at = self._loop.time() + (0 if kills_max else EVERY_S)
                self._run.report.events[event.what] += 1
                task = group.create_task(self._do(event))
                self._lanes |= dict.fromkeys(lanes_of(event), task)
                await asyncio.sleep(max(0.0, next_at - self._loop.time()))

    async def _next(self, events: Iterator[Event]) -> Event:
        """Wait for the first that may happen now: one whose lane is free."""
        while True:
            while len(self._waiting) < WAITING_MAX:
                self._waiting.append(next(events))
            for event in self._waiting:
                lanes = [self._lanes.get(lane) for lane in lanes_of(event)]
                if all(task is None or task.done() for task in lanes):
                    self._waiting.remove(event)
                    return event
            busy = [task for task in self._lanes.values() if not task.done()]
            await asyncio.wait(busy, return_when=asyncio.FIRST_COMPLETED)

    async def _do(self, event: Event) -> None:
        await self._doing[event.what](event)

    # Changes.

    async def _save(self, event: Event) -> None:
        del event
        assert self._developer is not None, "somebody saves files"
        before = self._developer.told(RELOADED)
        self._developer.save()
        await self._run.until(lambda: self._told(RELOADED) > before, "reload of what was saved")
        for room in self._run.rooms:
            found = await self._version_of(room)
            assert found == self._developer.version, f"{room} has version {found}"

    async def _version_of(self, room: str) -> int:
        while True:
            with contextlib.suppress(Refused):
                return int((await self._run.ask(room))["version"])

    async def _break(self, event: Event) -> None:
        assert self._developer is not None, "somebody saves files"
        before = self._developer.told(NOT_RELOADED)
        self._developer.save_broken()
        try:
            await self._run.until(lambda: self._told(NOT_RELOADED) > before, "word of an error")
            await asyncio.sleep(BROKEN_S)
        finally:
            await self._save(event)

    def _told(self, what: str) -> int:
        return 0 if self._developer is None else self._developer.told(what)

    async def _reload(self, event: Event) -> None:
        del event
        await operate(self._run.data_dir, "reload", yes=True)

    async def _resize(self, event: Event) -> None:
        resized = await operate(self._run.data_dir, "resize", workers=event.workers)
        assert resized["workers"] == event.workers, resized

    async def _upgrade(self, event: Event) -> None:
        del event
        upgraded = await operate(self._run.data_dir, "upgrade")
        assert upgraded["routers"], upgraded

    # Stops.

    async def _stop(self, event: Event) -> None:
        """No code of its worker runs for a while."""
        pid = await self._run.served(event.room)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(STOPPED_S)
        finally:
            with contextlib.suppress(ProcessLookupError):  # it was killed meanwhile
                os.kill(pid, signal.SIGCONT)

    # Kills.

    async def _kill(self, event: Event) -> None:
        pid = await self._run.served(event.room)
        clients = [client for client in self._run.clients if client.room == event.room]
        met = {client: client.said for client in self._run.clients}
        before = {pid, *(known for client in clients for known in client.first_heard_at)}
        await self._kill_at(event.room, pid, event.moment, event.count)
        if event.what == KILL_TWICE:
            pid = await self._successor_of(event.room)
            before.add(pid)
            await self._kill_at(event.room, pid, event.moment_of_successor, 1)
        died_at = min(at for state, at in self._reached[pid].items() if state in LEFT)

        def first_answers() -> list[tuple[float, int]]:
            return [
                (at, successor)
                for client in clients
                for successor, at in client.first_heard_at.items()
                if successor not in before and at >= died_at
            ]

        await self._run.until(first_answers, f"a first answer after {event}")
        self._measure(died_at, self._reached[pid][ChildState.DEAD], *min(first_answers()))
        met = {client: max(said, client.said) for client, said in met.items()}
        await self._run.until(
            lambda: all(client.heard >= said for client, said in met.items()),
            f"everything answered after {event}",
        )

    async def _kill_at(self, room: str, pid: int, moment: str | None, count: int) -> None:
        if moment is not None:
            order(self._run.folder, pid, moment, count)
            deadline = self._loop.time() + MOMENT_S
            while self._run.is_there(pid) and self._loop.time() < deadline:
                await asyncio.sleep(LOOK_S)
        if self._run.is_there(pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            moment = "wherever it was"
            await self._run.until(
                lambda: not self._run.is_there(pid), f"the end of {room}'s worker"
            )
        self._run.report.moments[str(moment)] += 1
        self._run.report.drained += ChildState.DRAINING in self._reached[pid]

    async def _successor_of(self, room: str) -> int:
        """The process that is to follow, as early as it can be told anything."""

        def found() -> list[int]:
            slot = self._run.slot_of(room)
            return [p.pid for p in self._run.processes() if self._run.is_of(p, slot)]

        await self._run.until(lambda: bool(found()), f"a successor for {room}")
        return found()[0]

    # How long that takes.

    def _notice(self, process: ProcessStatistics) -> None:
        self._reached[process.pid].setdefault(process.state, self._loop.time())

    def _measure(
        self, died_at: float, reaped_at: float, answered_at: float, successor: int
    ) -> None:
        """Note how long it was from a death to the first answer, which was this successor's."""
        history = self._history(died_at, answered_at)
        self._run.report.answered(answered_at - died_at, history)
        reached = self._reached[successor]
        steps = [reached.get(state, answered_at) for state in SUCCESSION]
        self._run.report.passed([died_at, reaped_at, *steps, answered_at])

    def _history(self, begun: float, ended: float) -> str:
        """What all processes came to meanwhile."""
        steps = [
            (at, f"{at - begun:.2f} s: {pid} {state.value}")
            for pid, reached in self._reached.items()
            for state, at in reached.items()
            if begun <= at <= ended
        ]
        return "; ".join(text for _, text in sorted(steps))
