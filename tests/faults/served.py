"""``perdure serve`` with the counters of examples/counter, in a process of its own."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Sequence
from pathlib import Path

import aiohttp

from tests.cli.forks import Forked, can_be_forked

CONFIG = Path(__file__).parents[2] / "examples" / "counter" / "wrangler.toml"
_READY_S = 60


class Served:
    """A server; end it with ``kill``, ``stop`` or ``ended``.

    Attributes:
        url: Where it listens.
        pid: Its process id; that of what it was started with, where there is such a thing.
    """

    def __init__(self, data_dir: Path, wrapper: Sequence[str] = ()) -> None:
        """Prepare.

        Args:
            data_dir: Its data directory.
            wrapper: A command that starts it, and its arguments.
        """
        self.url = ""
        self.pid = 0
        self._data_dir = data_dir
        self._wrapper = wrapper
        self._process: asyncio.subprocess.Process | Forked | None = None

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        await self.launch()
        assert self._process is not None
        assert self._process.stdout is not None
        async with asyncio.timeout(_READY_S):
            line = (await self._process.stdout.readline()).decode()
        if not line.startswith("Ready on "):
            code, said = await self.ended()
            raise AssertionError(f"it ended with {code}: {said}")
        self.url = line.removeprefix("Ready on ").strip()

    async def launch(self) -> None:
        """Start it, whatever becomes of it."""
        words = [
            *("serve", "--workers", "0", "-c", str(CONFIG)),
            *("--port", "0", "--data", str(self._data_dir)),
        ]
        if not self._wrapper and can_be_forked({}):
            self._process = await Forked.start(
                words, cwd=Path.cwd(), env=os.environ, stdin=DEVNULL, stdout=PIPE
            )
        else:
            self._process = await asyncio.create_subprocess_exec(
                *(*self._wrapper, sys.executable, "-m", "perdure", *words),
                stdout=PIPE,
                stderr=PIPE,
            )
        self.pid = self._process.pid

    async def ended(self) -> tuple[int, str]:
        """Wait for its end; return its exit code, and what it said on standard error."""
        assert self._process is not None
        async with asyncio.timeout(_READY_S):
            _, said = await self._process.communicate()
        assert self._process.returncode is not None
        return self._process.returncode, said.decode()

    async def stop(self) -> None:
        """SIGTERM; it must end in good order."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        code, said = await self.ended()
        assert code == 0, said

    async def kill(self) -> str:
        """SIGKILL, if it has not ended; return what it said on standard error."""
        if self._process is None:
            return ""
        if self._process.returncode is None:
            self._process.kill()
        return (await self._process.communicate())[1].decode()

    async def count(self, http: aiohttp.ClientSession, name: str) -> int:
        """Add one to a counter; return its value.

        Raises:
            Refused: It answered otherwise.
            aiohttp.ClientError: It did not answer.
        """
        async with http.post(f"{self.url}/counter/{name}") as response:
            return await _value(response)

    async def value(self, http: aiohttp.ClientSession, name: str) -> int:
        """Return the value of a counter; it raises what ``count`` raises."""
        async with http.get(f"{self.url}/counter/{name}") as response:
            return await _value(response)


class Refused(Exception):
    """The server answered with another status than 200."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(status)


async def _value(response: aiohttp.ClientResponse) -> int:
    if response.status != 200:
        raise Refused(response.status)
    return int(json.loads(await response.text())["value"])
