"""JavaScript, as the REPL of Node.js runs it, in a process of its own."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
from typing import Any

from .kernel import (
    LOOK_EVERY_S,
    Emit,
    Json,
    KernelDied,
    Refused,
    Surroundings,
    kill_group,
    status_of,
)

# The text of node_program.js; whoever makes the bundle puts it here.
NODE_PROGRAM = ""
LINE_BYTES_MAX = 32 * 1024 * 1024
# It ends with the host, and is the first to go when memory is short.
_BEFORE = 'echo 900 > /proc/self/oom_score_adj 2>/dev/null; exec "$@"'
_KNOWN = {"stdout", "stderr", "result", "error"}


class NodeKernel:
    """One process of Node.js."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings
        self._process: subprocess.Popen[bytes] | None = None
        self._reader = asyncio.StreamReader(limit=LINE_BYTES_MAX)
        self._transport: Any = None
        self._requests = -1

    async def start(self, timeout_s: float) -> None:
        """Start it. See ``Kernel``."""
        node = shutil.which("node", path=self._around.environment.get("PATH"))
        if node is None:
            text = "JavaScript code needs Node.js (`node`), and there is none in the sandbox's PATH"
            raise Refused("JAVASCRIPT_NOT_AVAILABLE", text)
        program = f"{self._around.folder}/program.js"
        with open(program, "w") as file:  # noqa: ASYNC230, PTH123  # a local file
            file.write(NODE_PROGRAM)
        try:
            await self._begin(node, program)
            async with asyncio.timeout(timeout_s):
                await self._next()
        except (OSError, KernelDied, TimeoutError) as error:
            await self.kill()
            text = f"Node.js did not start: {error}"
            raise Refused("INTERPRETER_NOT_READY", text) from None
        except BaseException:  # who asked is gone
            await self.kill()
            raise

    async def _begin(self, node: str, program: str) -> None:
        theirs, self._requests = os.pipe()
        told, tells = os.pipe()
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(self._reader),
            os.fdopen(told, "rb", 0),
        )
        try:
            self._process = subprocess.Popen(  # noqa: ASYNC220, S603  # a fork takes a millisecond
                ["/bin/sh", "-c", _BEFORE, "sh", node, program, str(theirs), str(tells)],
                cwd=self._around.cwd,
                env=dict(self._around.environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs, tells),
                start_new_session=True,
            )
        finally:
            os.close(theirs)
            os.close(tells)

    async def execute(self, code: str, emit: Emit) -> int | None:
        """Run code. See ``Kernel``."""
        # A thread: the pipe is full when code is longer, and the process busy with code before.
        line = json.dumps({"code": code}).encode() + b"\n"
        try:
            await asyncio.to_thread(_write, self._requests, line)
        except BrokenPipeError:
            raise KernelDied(await self._status()) from None
        while True:
            event = await self._next()
            if event["type"] == "end":
                count = event.get("execution_count")
                return count if isinstance(count, int) else None
            emit(event)

    async def _next(self) -> Json:
        try:
            line = await self._line()
            event = json.loads(line) if line else None
        except ValueError:  # the code has written there itself
            event = None
        if not isinstance(event, dict) or event.get("type") not in {*_KNOWN, "ready", "end"}:
            raise KernelDied(await self._status())
        return event

    async def _line(self) -> bytes:
        while True:
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    return await self._reader.readline()
            except TimeoutError:
                # What it has left behind may have the pipe open as well.
                if self._process is None or status_of(self._process.pid) is not None:
                    return b""

    async def _status(self) -> int | None:
        """How it has ended; None if it only says what makes no sense."""
        for _ in range(10):
            if self._process is None:
                return None
            if (status := status_of(self._process.pid)) is not None:
                return status
            await asyncio.sleep(LOOK_EVERY_S / 10)
        return None

    async def interrupt(self) -> None:
        """Interrupt it. See ``Kernel``."""
        # Not send_signal, which reaps: see status_of.
        if self._process is not None and status_of(self._process.pid) is None:
            os.kill(self._process.pid, signal.SIGINT)

    async def kill(self) -> None:
        """Kill it. See ``Kernel``."""
        process, self._process = self._process, None
        if process is None:
            return
        kill_group(process.pid)
        await asyncio.to_thread(process.wait)
        os.close(self._requests)
        self._transport.close()
        shutil.rmtree(self._around.folder, ignore_errors=True)


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
