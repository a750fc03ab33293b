"""A program that runs in a terminal of its own, and somebody who looks at it and presses keys."""

import asyncio
import contextlib
import fcntl
import os
import re
import signal
import sys
import termios
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.cli.forks import Forked, can_be_forked

WAIT_S = 100
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Terminal:
    """The terminal, and the program in it.

    Attributes:
        shown: What has been written to it, without colours.
    """

    def __init__(
        self, process: asyncio.subprocess.Process | Forked, ours: int, theirs: int
    ) -> None:
        self.process = process
        self.shown = ""
        self._ours = ours
        self._theirs = theirs
        self._seen = 0
        self._pulse = asyncio.Event()
        asyncio.get_running_loop().add_reader(ours, self._read)

    def press(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    async def until(self, text: str) -> str:
        """Wait for a text that was not waited for before; return what came up to it."""
        async with asyncio.timeout(WAIT_S):
            while (found := self.shown.find(text, self._seen)) < 0:
                self._pulse.clear()
                await self._pulse.wait()
        passed = self.shown[self._seen : found]
        self._seen = found + len(text)
        return passed

    async def ended(self) -> int:
        async with asyncio.timeout(WAIT_S):
            return await self.process.wait()

    @property
    def has_echo(self) -> bool:
        """Whether the terminal shows what is typed, as it does when nobody has changed that."""
        return bool(termios.tcgetattr(self._theirs)[3] & termios.ECHO)

    def _read(self) -> None:
        data = os.read(self._ours, 65536).decode(errors="replace")
        self.shown += _COLOURS.sub("", data).replace("\r\n", "\n")
        self._pulse.set()

    async def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._ours)
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()
        os.close(self._ours)
        os.close(self._theirs)


@asynccontextmanager
async def in_terminal(
    *command: object, cwd: Path, env: Mapping[str, str] | None = None
) -> AsyncIterator[Terminal]:
    """Run Python with these arguments in a terminal."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, b"\x32\x00\xc8\x00\x00\x00\x00\x00")  # 50 x 200

    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": "1", **(env or {})}
    words = [str(word) for word in command]
    process: asyncio.subprocess.Process | Forked
    if words[:2] == ["-m", "perdure"] and can_be_forked(env or {}):
        process = await Forked.start_in_terminal(
            words[2:], cwd=cwd, env=environment, terminal=theirs
        )
    else:
        process = await _started(words, cwd, environment, theirs)
    terminal = Terminal(process, ours, theirs)
    try:
        yield terminal
    finally:
        await terminal.close()


async def _started(
    words: Sequence[str], cwd: Path, environment: Mapping[str, str], theirs: int
) -> asyncio.subprocess.Process:
    def own_terminal() -> None:
        os.setsid()
        # A shell that started these tests in the background has it ignored.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    return await asyncio.create_subprocess_exec(
        *(sys.executable, *words),
        cwd=cwd,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        preexec_fn=own_terminal,
    )
