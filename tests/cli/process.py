"""The command ``perdure`` in a process of its own, as a test talks to it."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.cli.forks import Forked, can_be_forked


@dataclass(frozen=True)
class Ended:
    """A process that has ended; ``out`` is what of its output nobody had read before."""

    code: int
    out: str
    err: str


class Running:
    """``perdure`` in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process | Forked) -> None:
        self._process = process
        self.seen: list[str] = []

    async def line(self, beginning: str) -> str:
        """Read standard output up to a line that begins so; give the rest of that line."""
        assert self._process.stdout is not None
        while data := await self._process.stdout.readline():
            self.seen.append(line := data.decode().rstrip("\n"))
            if line.startswith(beginning):
                return line.removeprefix(beginning)
        err = (await self.ended()).err
        raise AssertionError(f"it ended without {beginning!r}:\n{self.seen}\n{err}")

    async def message(self, part: str) -> str:
        """Read standard error up to a line with ``part`` in it; give that line."""
        assert self._process.stderr is not None
        while data := await self._process.stderr.readline():
            if part in (line := data.decode()):
                return line
        raise AssertionError(f"it ended without {part!r}")

    async def ready(self) -> str:
        """The URL it listens on."""
        return await self.line("Ready on ")

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def ended(self) -> Ended:
        out, err = await self._process.communicate()
        assert self._process.returncode is not None
        return Ended(self._process.returncode, (out or b"").decode(), err.decode())

    async def stop(self, number: signal.Signals = signal.SIGINT) -> Ended:
        self.send(number)
        return await self.ended()

    async def clean_up(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.communicate()


class Processes:
    """Starts ``perdure``, and leaves none behind: ``clean_up`` is for the end of a fixture."""

    def __init__(self) -> None:
        self._started: list[Running] = []

    async def start(
        self,
        *arguments: object,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: int = asyncio.subprocess.DEVNULL,
        stdout: int = asyncio.subprocess.PIPE,
    ) -> Running:
        """Start a command; ``env`` is added to the environment, without colours in any case."""
        ours = {name: value for name, value in os.environ.items() if name != "CLOUDFLARE_ENV"}
        environment = {**ours, "NO_COLOR": "1", **(env or {})}
        words = [str(argument) for argument in arguments]
        process: asyncio.subprocess.Process | Forked
        if can_be_forked(env or {}):
            process = await Forked.start(
                words, cwd=cwd or Path.cwd(), env=environment, stdin=stdin, stdout=stdout
            )
        else:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "perdure", *words),
                cwd=cwd,
                env=environment,
                stdin=stdin,
                stdout=stdout,
                stderr=asyncio.subprocess.PIPE,
            )
        self._started.append(running := Running(process))
        return running

    async def clean_up(self) -> None:
        for running in self._started:
            await running.clean_up()


Start = Callable[..., Awaitable[Running]]
