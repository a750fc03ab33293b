"""``kill -9`` of the server while fifty clients count: nothing acknowledged is lost.

``PERDURE_CRASH_ROUNDS`` says how often, ``PERDURE_CRASH_SEED`` repeats a run's moments.
"""

import asyncio
import json
import logging
import os
import random
import signal
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.cli.process import Processes, Running

log = logging.getLogger(__name__)
pytestmark = [pytest.mark.crash, pytest.mark.slow]

CONFIG = Path(__file__).parents[2] / "examples" / "counter" / "wrangler.toml"
ROUNDS = int(os.environ.get("PERDURE_CRASH_ROUNDS", "2"))
SEED = int(os.environ.get("PERDURE_CRASH_SEED", random.randrange(2**32)))
CLIENTS = 50
NAMES = [f"counter-{number}" for number in range(8)]
# The server is killed when so many increments of a round were acknowledged, at most.
KILLED_AFTER_MAX = 600
READY_S = 30


@dataclass
class Ledger:
    """What the clients know: how often they asked, and which values they were told."""

    asked: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    acknowledged: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    awaited: int = 0
    enough: asyncio.Event = field(default_factory=asyncio.Event)

    def await_acknowledgements(self, awaited: int) -> None:
        """``enough`` is set when so many more increments were acknowledged."""
        self.awaited = awaited
        self.enough.clear()

    def note(self, name: str, value: int) -> None:
        self.acknowledged[name].append(value)
        self.awaited -= 1
        if self.awaited == 0:
            self.enough.set()


class ServerProcess:
    """``perdure serve`` on a port of its own."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._processes = Processes()
        self._running: Running | None = None
        self._said = ""
        self.url = ""

    async def start(self) -> None:
        self._running = await self._processes.start(
            *("serve", "--workers", "0", "-c", CONFIG, "--port", "0", "--data", self._data_dir)
        )
        async with asyncio.timeout(READY_S):
            self.url = await self._running.ready()

    def log(self) -> str:
        """What those said that were killed."""
        return self._said

    async def kill(self) -> None:
        """SIGKILL: no handler runs, nothing is flushed or closed."""
        running, self._running = self._running, None
        if running is not None:
            running.send(signal.SIGKILL)
            self._said += (await running.ended()).err


async def count(
    http: aiohttp.ClientSession, url: str, moments: random.Random, ledger: Ledger
) -> None:
    """One client: adds one to some counter, again and again, until nobody answers."""
    while True:
        name = moments.choice(NAMES)
        ledger.asked[name] += 1
        try:
            async with http.post(f"{url}/counter/{name}") as response:
                status, answer = response.status, await response.text()
        except (aiohttp.ClientError, OSError):
            return
        assert status == 200, answer
        ledger.note(name, json.loads(answer)["value"])


async def run_until_killed(server: ServerProcess, moments: random.Random, ledger: Ledger) -> None:
    ledger.await_acknowledgements(moments.randint(1, KILLED_AFTER_MAX))
    enough = asyncio.create_task(ledger.enough.wait())
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        clients = [
            asyncio.create_task(count(http, server.url, random.Random(moments.random()), ledger))
            for _ in range(CLIENTS)
        ]
        await asyncio.wait([enough, *clients], return_when=asyncio.FIRST_COMPLETED)
        await server.kill()
        await asyncio.gather(*clients)
    assert enough.done(), "the server stopped answering before it was killed"


async def check(server: ServerProcess, ledger: Ledger) -> None:
    """Everything acknowledged is there, once; nothing is there that nobody asked for."""
    async with aiohttp.ClientSession() as http:

        async def get(path: str) -> Any:
            async with http.get(f"{server.url}/counter/{path}") as response:
                assert response.status == 200, await response.text()
                return await response.json()

        for name in NAMES:
            value = (await get(name))["value"]
            acknowledged = ledger.acknowledged[name]
            assert len(set(acknowledged)) == len(acknowledged), f"{name}: one value told twice"
            assert max(acknowledged, default=0) <= value, f"{name}: an increment is lost"
            assert value <= ledger.asked[name], f"{name}: an increment nobody asked for"
            history = await get(f"{name}/history?limit=100000")
            told = [(row["number"], row["amount"], row["value"]) for row in reversed(history)]
            # Value and history are written in one turn: each is there with the other.
            assert told == [(n, 1, n) for n in range(1, value + 1)], f"{name}: torn history"


@pytest.mark.timeout(60 + 20 * ROUNDS)
async def test_what_was_acknowledged_survives_kill_nine(tmp_path: Path) -> None:
    log.warning("PERDURE_CRASH_SEED=%s", SEED)  # shown when the test fails
    moments = random.Random(SEED)
    ledger = Ledger()
    server = ServerProcess(tmp_path / "data")
    try:
        for _ in range(ROUNDS):
            await server.start()
            await check(server, ledger)
            await run_until_killed(server, moments, ledger)
        await server.start()
        await check(server, ledger)
    except AssertionError as failure:
        await server.kill()
        failure.add_note("The server's log:\n" + server.log())
        raise
    finally:
        await server.kill()
