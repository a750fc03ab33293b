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
from perdure.runtime.shards.supervisor.limits import SupervisionLimits
from perdure.runtime.shards.supervisor.places import Identity, Place, Role
from perdure.runtime.shards.supervisor.process import Program
from perdure.runtime.shards.supervisor.states import ChildState

WAIT_S = 60
PROGRAM = Path(__file__).with_name("program.py")
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
