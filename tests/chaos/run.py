"""One run: clients that count, while something happens to the processes that serve them."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
from websockets.asyncio.client import connect

from perdure.runtime.shards.supervisor.places import Role
from perdure.runtime.shards.supervisor.states import ChildState
from perdure.runtime.shards.supervisor.statistics import ProcessStatistics
from perdure.runtime.supervised import SupervisedServer
from tests.browser import NewTab
from tests.chaos.client import Broken, Client, Connection, InAiohttp, InPage, InWebsockets
from tests.chaos.report import Report
from tests.chaos.router import NOTES
from tests.clients.client import InChromium

LOOK_S = 0.01
# Without anything from the server for so long, or without what should follow an event: more than
# a router holds a client that nobody serves.
PATIENCE_S = 45.0
KINDS = ("hibernating", "standard")


class Refused(Broken):
    """A request was answered with an error, as one may be whose worker died meanwhile."""


class Run:
    """Clients of two rooms, and the processes that serve them.

    Args:
        server: Of this folder's programs.
        folder: Where orders and notes are.
        patience_s: How long to wait for anything.

    Attributes:
        report: What the run has shown, when it is over.
        clients: All of them.
        rooms: Names of rooms, and their kinds.
        server: That they are clients of.
        folder: As given.
        data_dir: The server's.
    """

    def __init__(
        self, server: SupervisedServer, folder: Path, *, patience_s: float = PATIENCE_S
    ) -> None:
        self.report = Report()
        self.clients: list[Client] = []
        self.rooms: dict[str, str] = {}
        self.server = server
        self.folder = folder
        self.data_dir = folder / "data"
        self._patience_s = patience_s
        self._loop = asyncio.get_running_loop()
        self._cleanup = AsyncExitStack()
        self._ids: dict[str, bytes] = {}
        self._http: aiohttp.ClientSession

    async def __aenter__(self) -> "Run":
        connector = aiohttp.TCPConnector(limit=0)
        session = aiohttp.ClientSession(connector=connector)
        self._http = await self._cleanup.enter_async_context(session)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._cleanup.aclose()

    # Clients.

    async def join(self, count: int, new_tab: NewTab | None = None) -> None:
        """Have ``count`` clients, of both libraries, in two rooms of different workers.

        Args:
            count: How many.
            new_tab: Of a browser, of which there is a page in each room then.
        """
        await self._find_rooms()
        for number in range(count):
            name = f"client{number}"
            room, url = self._where(number, name)
            connection = await self._connect(url, in_websockets=number % 4 < 2)
            self._add(name, room, connection, floods=number == 0)
        for number in range(len(self.rooms) if new_tab is not None else 0):
            assert new_tab is not None, "as above"
            page = await InChromium.start(new_tab, self.server.url + "/")
            name = f"page{number}"
            room, url = self._where(number, name)
            await page.open(url.replace("http", "ws", 1), [])
            assert await page.next() == ["open", ""]
            self._add(name, room, InPage(page), floods=False)

    def _where(self, number: int, name: str) -> tuple[str, str]:
        room = sorted(self.rooms)[number % 2]
        return room, f"{self.server.url}/room/{room}?client={name}"

    def _add(self, name: str, room: str, connection: Connection, *, floods: bool) -> None:
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
        for kind in KINDS:
            for number in range(100):
                room = f"{kind}-{number}"
                self._ids[room] = bytes.fromhex((await self.ask(room))["id"])
                if self.slot_of(room) not in map(self.slot_of, self.rooms):
                    self.rooms[room] = kind
                    break
        assert len(self.rooms) == len(KINDS), "there are two workers at least"

    async def ask(self, room: str) -> Any:
        """What a room has counted."""
        async with self._http.get(f"{self.server.url}/room/{room}") as response:
            if response.status != 200:
                raise Refused(f"{room} answered {response.status}: {await response.text()}")
            return await response.json()

    # The run.

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
            first: Exception = failed
            while isinstance(first, ExceptionGroup):
                first = first.exceptions[0]
            raise first from failed
        await self._look()

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
        notes = self.folder / NOTES
        for line in notes.read_text().splitlines() if notes.exists() else []:
            note = json.loads(line)
            if "had" in note:  # by each router that it had clients of
                who = note["slot"], note["generation"]
                report.deaths[who] = report.deaths.get(who, 0) + note["had"]
            else:
                report.largest_kept = max(report.largest_kept, note["largest"])

    # Its processes.

    async def until_served(self) -> None:
        """Wait until each worker serves that there is to be."""
        await self.until(
            lambda: len(self._serving()) == self.server.workers, "a worker for every slot"
        )

    async def served(self, room: str) -> int:
        """Wait until the worker of a room serves; return its number."""
        await self.until(lambda: self.slot_of(room) in self._serving(), f"a worker for {room}")
        return self.pid_of(room)

    def pid_of(self, room: str) -> int:
        """The number of the worker of a room, which serves."""
        return self._serving()[self.slot_of(room)]

    def slot_of(self, room: str) -> str:
        """Whose a room is now."""
        settings = self.server._rolling.settings
        key = settings.namespaces[settings.config.name]["Room"].unique_key
        return self.server.houses.placement.slot_of(key, self._ids[room])

    def _serving(self) -> dict[str, int]:
        return {
            p.slot: p.pid
            for p in self.processes()
            if p.role is Role.WORKER and p.state is ChildState.SERVING
        }

    @staticmethod
    def is_of(process: ProcessStatistics, slot: str) -> bool:
        """Whether a process is, or is to be, a worker of that slot."""
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
