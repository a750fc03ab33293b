"""Real child processes for the tests of their supervisor; none is left when a test ends."""

import asyncio
import json
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from perdure.runtime.shards.supervisor.child import Child
from perdure.runtime.shards.supervisor.keeper import Settings
from perdure.runtime.shards.supervisor.limits import SupervisionLimits
from perdure.runtime.shards.supervisor.places import Identity, Place, Role
from perdure.runtime.shards.supervisor.process import Program
from perdure.runtime.shards.supervisor.states import ChildState
from perdure.runtime.shards.supervisor.statistics import ProcessStatistics
from perdure.runtime.shards.supervisor.supervisor import Supervisor

WAIT_S = 60
PROGRAM = Path(__file__).with_name("program.py")
ROUTER = Place(Role.ROUTER, "0")
FIRST, SECOND = Place(Role.WORKER, "0"), Place(Role.WORKER, "1")
# Nobody is pinged while a test does not ask for it: a machine that is busy makes all of them slow.
PATIENT = SupervisionLimits(ping_interval_s=3600, stop_timeout_s=30)


def program() -> Program:
    """The program of the tests, on the loop that the test runs on."""
    loop = type(asyncio.get_running_loop()).__module__.split(".")[0]
    return Program([sys.executable, str(PROGRAM), loop])


class Children:
    """Launches children, and listens to them. Is their ``Listener``."""

    def __init__(self) -> None:
        self.all: list[Child] = []
        self.states: list[ChildState] = []
        self.said: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.generation = 0

    def launch(self, limits: SupervisionLimits = PATIENT, what: Program | None = None) -> Child:
        child = Child(what or program(), limits, self, lambda: time.time_ns() // 1_000_000)
        self.all.append(child)
        return child

    def next_identity(self, role: Role = Role.WORKER, slot: str = "0") -> Identity:
        self.generation += 1
        return Identity(Place(role, slot), self.generation)

    async def serving(
        self, limits: SupervisionLimits = PATIENT, slot: str = "0", **settings: object
    ) -> Child:
        child = self.launch(limits)
        identity = self.next_identity(slot=slot)
        await child.make_ready(identity, json.dumps(settings).encode())
        child.begin_to_serve()
        await child.until_serving()
        return child

    def changed(self, child: Child) -> None:
        if not self.states or self.states[-1] is not child.state:
            self.states.append(child.state)

    def told(self, child: Child, data: bytes) -> None:
        what, value = json.loads(data)
        self.said.put_nowait((what, value))

    async def next_said(self, wanted: str) -> Any:
        async with asyncio.timeout(WAIT_S):
            while True:
                what, value = await self.said.get()
                if what == wanted:
                    return value

    async def close(self) -> None:
        for child in self.all:
            child.kill()
        for child in self.all:
            await child.until_reaped()


class Hearer(logging.Handler):
    """Lets a test wait until something is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.records: asyncio.Queue[logging.LogRecord] = asyncio.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        self.records.put_nowait(record)

    async def next(self, event: str) -> logging.LogRecord:
        async with asyncio.timeout(WAIT_S):
            while True:
                record = await self.records.get()
                if record.getMessage() == event:
                    return record


async def until_gone(pid: int, then: Callable[[], None]) -> None:
    """Hold on to a process that is no child of ours, call ``then``, and wait for its end."""
    loop = asyncio.get_running_loop()
    pidfd = os.pidfd_open(pid)
    ended: asyncio.Future[None] = loop.create_future()
    loop.add_reader(pidfd, ended.cancel)
    try:
        then()
        async with asyncio.timeout(WAIT_S):
            await asyncio.wait({ended})
    finally:
        loop.remove_reader(pidfd)
        os.close(pidfd)


class Staff:
    """A supervisor with real children, and what it and they say."""

    def __init__(self, folder: Path) -> None:
        self.journal_file = folder / "journal"
        self.locks = folder
        self.settings: dict[str, object] = {}
        self.taken_over: list[str] = []
        self.said: list[tuple[str, str, Any]] = []
        self.changes: list[ProcessStatistics] = []
        self.pulse = asyncio.Event()
        self.pids: set[int] = set()
        self.supervisor = self.supervise(PATIENT)

    def supervise(self, limits: SupervisionLimits, **options: Any) -> Supervisor:
        programs = {role: program() for role in Role}
        options = {"before_takeover": self.before_takeover, "on_tell": self.hear, **options}
        # Spare processes cost time, and are a test's business only when it is about them.
        options = {"spare_roles": (), **options}
        self.supervisor = Supervisor(programs, self.settings_of, limits=limits, **options)
        self.supervisor.on_change(self.hear_change)
        return self.supervisor

    def settings_of(self, identity: Identity) -> Settings:
        # A router's successor serves beside it.
        only_one = identity.place if identity.place.role is Role.WORKER else identity
        lock = self.locks / f"{only_one}.lock"
        settings = {"journal": str(self.journal_file), "lock": str(lock), **self.settings}
        return Settings(json.dumps(settings).encode())

    async def before_takeover(self, slot: str) -> None:
        self.taken_over.append(slot)
        with self.journal_file.open("a") as journal:
            journal.write(f"sealed worker {slot}\n")

    def hear(self, identity: Identity, data: bytes) -> None:
        what, value = json.loads(data)
        self.said.append((str(identity), what, value))
        self.pulse.set()

    def hear_change(self, process: ProcessStatistics) -> None:
        self.changes.append(process)
        self.pids.add(process.pid)
        self.pulse.set()

    async def until(self, is_so: Callable[[], object]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not is_so():
                self.pulse.clear()
                await self.pulse.wait()

    async def until_changes(self, number: int) -> None:
        """Wait until so many changes have been told since the start."""
        await self.until(lambda: len(self.changes) >= number)

    def process(self, place: Place) -> ProcessStatistics:
        """Who serves in a place."""
        (found,) = [
            one
            for one in self.supervisor.statistics().processes
            if (one.role, one.slot, one.state) == (place.role, place.slot, ChildState.SERVING)
        ]
        return found

    async def until_served(self, place: Place, generation: int) -> ProcessStatistics:
        """Wait until somebody of at least this generation serves in a place."""

        def serves(one: ProcessStatistics) -> bool:
            at = (one.role, one.slot, one.state) == (place.role, place.slot, ChildState.SERVING)
            return at and one.generation >= generation

        await self.until(lambda: any(map(serves, self.supervisor.statistics().processes)))
        return self.process(place)

    def journal(self) -> list[str]:
        return self.journal_file.read_text().splitlines()

    async def close(self) -> None:
        await self.supervisor.drain_and_stop(0)
        assert self.supervisor.statistics().processes == ()
        for pid in self.pids:
            assert not Path(f"/proc/{pid}").exists(), "each was reaped"
