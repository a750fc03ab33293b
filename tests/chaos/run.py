"""One run: clients that count, and things that happen to the processes that serve them.

*Rules*: A message that three workers in a row had in hand when they died ends its connection, and
rightly so. So a worker is killed again only when every message that its last death has met was
answered; a ``KILL_TWICE`` is two deaths.
"""

import asyncio
import json
import os
import signal
import statistics
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from websockets.asyncio.client import connect

from perdure.runtime.shards.supervisor.places import Role
from perdure.runtime.shards.supervisor.states import ChildState
from perdure.runtime.shards.supervisor.statistics import ProcessStatistics
from perdure.runtime.supervised import SupervisedServer
from tests.chaos.client import Broken, Client, Connection, InAiohttp, InWebsockets
from tests.chaos.events import KILL, KILL_TWICE, RELOAD, STOP, Event
from tests.chaos.points import order
from tests.chaos.router import NOTES

EVERY_S = 1.0
STOPPED_S = 3.0
# A moment that is not passed by then: the worker is killed where it is.
MOMENT_S = 2.0
LOOK_S = 0.01
# Without anything from the server for so long, or without what should follow an event: more than
# a router holds a client that nobody serves.
PATIENCE_S = 45.0
# What a router keeps for one client: its limit, and one message that began below it.
KEPT_SIZE_MAX = 2 * 2**20 + 2**17
KINDS = ("hibernating", "standard")


@dataclass
class Report:
    """What has happened.

    Attributes:
        events: How often each thing.
        moments: How many workers died where.
        deaths: For each worker that was killed and whose clients were told of it: how many
            messages it had in hand.
        first_answers_s: From each death to the first answer of a successor.
        said: Messages.
        again: Answers that came again, and
        redelivered: to messages that were marked.
        pushes: Messages that came unasked.
        largest_kept: The most that a router kept for one client, in characters.
    """

    events: Counter[str] = field(default_factory=Counter)
    moments: Counter[str] = field(default_factory=Counter)
    deaths: list[int] = field(default_factory=list)
    first_answers_s: list[float] = field(default_factory=list)
    said: int = 0
    again: int = 0
    redelivered: int = 0
    pushes: int = 0
    largest_kept: int = 0

    @property
    def kills(self) -> int:
        return sum(self.moments.values())

    def check(self) -> None:
        """Raise when the run has shown too little, or what a client cannot see."""
        hit = sum(had > 0 for had in self.deaths)
        if self.kills and hit < 0.8 * self.kills:
            raise Broken(f"only {hit} of {self.kills} kills have met messages: {self}")
        if self.kills and not self.redelivered:
            raise Broken(f"nothing was delivered again: {self}")
        if self.largest_kept > KEPT_SIZE_MAX:
            raise Broken(f"a router kept {self.largest_kept:,} characters for one client")

    def __str__(self) -> str:
        took = sorted(self.first_answers_s)
        times = "no kills"
        if took:
            p99 = took[min(len(took) - 1, int(len(took) * 0.99))]
            times = (
                f"first answer after a kill: median {statistics.median(took) * 1000:.0f} ms, "
                f"p99 {p99 * 1000:.0f} ms, worst {took[-1] * 1000:.0f} ms"
            )
        met = sum(had > 0 for had in self.deaths)
        lines = [
            f"events: {dict(self.events)}; {self.kills} kills, {met} met messages in hand: {self.deaths}",
            f"{self.said} messages, {self.pushes} pushes",
            f"at most {self.largest_kept:,} characters kept for one client",
            f"{self.redelivered} answers to messages delivered again, {self.again} came twice",
            times,
            *(f"  {count:4} died {moment}" for moment, count in sorted(self.moments.items())),
        ]
        return "\n".join(lines)


class Run:
    """Clients of two rooms, and the processes that serve them.

    Args:
        server: Of this folder's programs.
        folder: Where orders and notes are.
        patience_s: How long to wait for anything.
    """

    def __init__(
        self, server: SupervisedServer, folder: Path, *, patience_s: float = PATIENCE_S
    ) -> None:
        self.report = Report()
        self.clients: list[Client] = []
        self.rooms: dict[str, str] = {}
        self.server = server
        self._folder = folder
        self._patience_s = patience_s
        self._loop = asyncio.get_running_loop()
        self._cleanup = AsyncExitStack()
        self.slots: dict[str, str] = {}
        self._http: aiohttp.ClientSession

    async def __aenter__(self) -> "Run":
        self._http = await self._cleanup.enter_async_context(aiohttp.ClientSession())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._cleanup.aclose()

    # Clients.

    async def join(self, count: int) -> None:
        """Have ``count`` clients, of both libraries, in two rooms of different workers."""
        await self._find_rooms()
        for number in range(count):
            room = sorted(self.rooms)[number % 2]
            name = f"client{number}"
            url = f"{self.server.url}/room/{room}?client={name}"
            connection = await self._connect(url, in_websockets=number % 4 < 2)
            floods = number == 0
            client = Client(name, room, connection, floods=floods, patience_s=self._patience_s)
            self.clients.append(client)

    async def _connect(self, url: str, *, in_websockets: bool) -> Connection:
        if in_websockets:
            stream = connect(url.replace("http", "ws", 1), ping_interval=None, compression=None)
            return InWebsockets(await self._cleanup.enter_async_context(stream))
        response = self._http.ws_connect(url, autoping=True)
        return InAiohttp(await self._cleanup.enter_async_context(response))

    async def _find_rooms(self) -> None:
        """One of each kind, in workers of their own."""
        slots = {p.pid: p.slot for p in self.processes() if p.role is Role.WORKER}
        for kind in KINDS:
            for number in range(100):
                room = f"{kind}-{number}"
                slot = slots[(await self.ask(room))["pid"]]
                if slot not in self.slots.values():
                    self.rooms[room], self.slots[room] = kind, slot
                    break
        assert len(self.rooms) == len(KINDS), "there are two workers at least"

    async def ask(self, room: str) -> Any:
        """What a room has counted."""
        async with self._http.get(f"{self.server.url}/room/{room}") as response:
            if response.status != 200:
                raise Broken(f"{room} answered {response.status}: {await response.text()}")
            return await response.json()

    # The run.

    async def go(self, events: Iterator[Event], *, for_s: float, kills_max: int = 0) -> None:
        """Talk while ``events`` happen; then have everything answered, and look what was counted.

        Args:
            events: What happens.
            for_s: How long.
            kills_max: Stop after so many; 0 for no such limit, and with an event each second.

        Raises:
            Broken: A promise was, or the run has shown too little.
        """
        await self.during(lambda: self._let_happen(events, for_s, kills_max))
        self.report.check()

    async def during(self, happening: Callable[[], Awaitable[None]]) -> None:
        """Talk while ``happening``; then have everything answered, and look what was counted.

        Raises:
            Broken: A promise was.
        """
        try:
            async with asyncio.TaskGroup() as group:
                talking = [group.create_task(client.live()) for client in self.clients]
                await self.until(lambda: all(one.heard for one in self.clients), "first answers")
                await happening()
                for client in self.clients:
                    client.leave()
                await asyncio.gather(*talking)
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed
        await self._look()

    async def _let_happen(self, events: Iterator[Event], for_s: float, kills_max: int) -> None:
        begun = self._loop.time()
        while self._loop.time() < begun + for_s:
            if kills_max and self.report.kills >= kills_max:
                return
            next_at = self._loop.time() + (0 if kills_max else EVERY_S)
            await self._do(next(events))
            await asyncio.sleep(max(0.0, next_at - self._loop.time()))

    async def _look(self) -> None:
        """Storage says what the clients' ledgers say."""
        for room in self.rooms:
            clients = [client for client in self.clients if client.room == room]
            counted = await self.ask(room)
            if counted["said"] != {client.name: client.said for client in clients}:
                raise Broken(f"{room} has heard {counted['said']}")
            if counted["count"] != sum(client.said for client in clients):
                raise Broken(f"{room} has counted {counted['count']}")
        report = self.report
        for client in self.clients:
            report.said += client.said
            report.again += client.again
            report.redelivered += client.redelivered
            report.pushes += client.pushes
        notes = self._folder / NOTES
        for line in notes.read_text().splitlines() if notes.exists() else []:
            note = json.loads(line)
            if "had" in note:
                report.deaths.append(note["had"])
            else:
                report.largest_kept = max(report.largest_kept, note["largest"])

    # What happens.

    async def _do(self, event: Event) -> None:
        self.report.events[event.what] += 1
        if event.what == RELOAD:
            await self._reload()
        elif event.what == STOP:
            await self._stop(event.room)
        else:
            assert event.what in {KILL, KILL_TWICE}
            await self._kill(event)

    async def _reload(self) -> None:
        await self.server.supervisor.replace_all(drain_s=10)
        await self.until_served()

    async def _stop(self, room: str) -> None:
        """No code of its worker runs for a while."""
        pid = self.pid_of(room)
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(STOPPED_S)
        finally:
            os.kill(pid, signal.SIGCONT)

    async def _kill(self, event: Event) -> None:
        clients = [client for client in self.clients if client.room == event.room]
        met = {client: client.said for client in clients}
        await self._kill_at(event.room, self.pid_of(event.room), event.moment, event.count)
        if event.what == KILL_TWICE:
            pid = await self._successor_of(event.room)
            await self._kill_at(event.room, pid, event.moment_of_successor, 1)
        died_at = self._loop.time()
        before = {client.served_by for client in clients}

        def is_answered() -> bool:
            return any(client.served_by not in before for client in clients)

        await self.until(is_answered, f"a first answer after {event}")
        first = min(
            client.first_heard_at[client.served_by]
            for client in clients
            if client.served_by not in before
        )
        self.report.first_answers_s.append(first - died_at)
        met = {client: max(said, client.said) for client, said in met.items()}
        await self.until(
            lambda: all(client.heard >= said for client, said in met.items()),
            f"everything answered after {event}",
        )

    async def _kill_at(self, room: str, pid: int, moment: str | None, count: int) -> None:
        if moment is not None:
            order(self._folder, pid, moment, count)
            deadline = self._loop.time() + MOMENT_S
            while self.is_there(pid) and self._loop.time() < deadline:
                await asyncio.sleep(LOOK_S)
        if self.is_there(pid):
            os.kill(pid, signal.SIGKILL)
            moment = "wherever it was"
            await self.until(lambda: not self.is_there(pid), f"the end of {room}'s worker")
        self.report.moments[str(moment)] += 1

    async def _successor_of(self, room: str) -> int:
        """The process that is to follow, as early as it can be told anything."""
        slot = self.slots[room]

        def found() -> list[int]:
            return [p.pid for p in self.processes() if self._is_of(p, slot)]

        await self.until(lambda: bool(found()), f"a successor for slot {slot}")
        return found()[0]

    async def until_served(self) -> None:
        await self.until(lambda: len(self._serving()) == len(self.slots), "a worker for every slot")

    def pid_of(self, room: str) -> int:
        return self._serving()[self.slots[room]]

    def _serving(self) -> dict[str, int]:
        return {
            p.slot: p.pid
            for p in self.processes()
            if p.role is Role.WORKER and p.state is ChildState.SERVING
        }

    @staticmethod
    def _is_of(process: ProcessStatistics, slot: str) -> bool:
        is_there = process.state not in {ChildState.LAUNCHED, ChildState.KILLED, ChildState.DEAD}
        is_there = is_there and process.state is not ChildState.STOPPING
        return is_there and process.role is Role.WORKER and process.slot == slot

    def is_there(self, pid: int) -> bool:
        return any(process.pid == pid for process in self.processes())

    def processes(self) -> tuple[ProcessStatistics, ...]:
        return self.server.supervisor.statistics().processes

    async def until(self, is_so: Any, what: str) -> None:
        deadline = self._loop.time() + self._patience_s
        while not is_so():
            if self._loop.time() > deadline:
                waiting = [str(client) for client in self.clients if client.heard < client.said]
                raise Broken(f"no {what} after {self._patience_s:g} s: {waiting}")
            await asyncio.sleep(LOOK_S)
