"""``perdure serve`` on a slow disk, watched by strace, and the outside that it speaks to."""

import asyncio
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.outside.trace import CALLS, STRINGS_MAX, Trace
from tests.serving import Serving

log = logging.getLogger(__name__)

HERE = Path(__file__).parent
READY_S = 60
_EFFECT = re.compile(r"([a-z]+)/([0-9a-f]{16})")


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that makes a disk slow; see slow_disk.c."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip(
            "there is no C compiler here, to make a disk slow with: `.ci/run packages` installs one"
        )
    path = tmp_path_factory.mktemp("shim") / "slow_disk.so"
    source = str(HERE / "slow_disk.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", path, source, "-ldl"], check=True)
    return path


@dataclass
class Witness:
    """Whoever is outside: notes each effect that has reached somebody."""

    seen: set[tuple[str, str]] = field(default_factory=set)
    _waiting: dict[tuple[str, str], asyncio.Event] = field(default_factory=dict)

    def note(self, text: str) -> None:
        for kind, token in _EFFECT.findall(text):
            self.seen.add((kind, token))
            self._event(kind, token).set()

    async def sees(self, kind: str, token: str) -> None:
        await self._event(kind, token).wait()

    def _event(self, kind: str, token: str) -> asyncio.Event:
        return self._waiting.setdefault((kind, token), asyncio.Event())


@dataclass
class Watched:
    """A server under observation.

    Attributes:
        url: Where it listens.
        witness: Sees what it sends to the outside.
    """

    url: str
    witness: Witness
    _process: asyncio.subprocess.Process
    _folder: Path

    async def stop(self) -> Trace:
        """Stop the server in good order, and read what was recorded."""
        (self._folder / "slow").unlink()
        async with aiohttp.ClientSession() as http, http.get(f"{self.url}/pid/") as answer:
            pid = int(await answer.text())
        os.kill(pid, signal.SIGTERM)
        await self._process.communicate()
        assert self._process.returncode == 0
        return await asyncio.to_thread(Trace.read, self._folder / "record")


Watch = Callable[[str], Awaitable[Watched]]


@pytest.fixture
async def watch(tmp_path: Path, shim: Path) -> AsyncIterator[Watch]:
    """Serve the program with its gate ``"whole"`` or ``"broken"``: ``await watch("whole")``."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip(
            "there is no strace here, to watch a server with: `.ci/run packages` installs it"
        )
    processes: list[asyncio.subprocess.Process] = []
    outsides: list[web.AppRunner] = []

    async def start(gate: str) -> Watched:
        witness, slow = Witness(), tmp_path / "slow"
        outsides.append(runner := await _outside(witness))
        host, port = runner.addresses[0]
        values = {"GATE": gate, "OUTSIDE": f"http://{host}:{port}"}
        program = (HERE / "program.py").read_text()
        config = Serving(tmp_path).write(program, objects=["Room"], values=values)
        with (tmp_path / "log").open("wb") as server_log:
            process = await asyncio.create_subprocess_exec(
                *(strace, "-f", "--seccomp-bpf", "-qq", "-x", "-yy", "-s", str(STRINGS_MAX)),
                *("-e", "signal=none", "-e", f"trace={CALLS}", "-o", str(tmp_path / "record")),
                *("-E", f"LD_PRELOAD={shim}", "-E", f"SLOW_DISK={slow}"),
                *(
                    sys.executable,
                    "-m",
                    "perdure",
                    "serve",
                    "--workers",
                    "0",
                    "-c",
                    str(config.path),
                ),
                *("--port", "0", "--data", str(tmp_path / "data")),
                stdout=asyncio.subprocess.PIPE,
                stderr=server_log,
                start_new_session=True,  # so that the server can be killed when its tracer is
            )
        processes.append(process)
        url = await _url(process)
        slow.touch()  # from now on; how long a start takes is no matter here
        return Watched(url, witness, process, tmp_path)

    yield start
    for process in processes:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
        await process.communicate()
        log.warning("%s", (tmp_path / "log").read_text())  # shown when the test fails
    for outside in outsides:
        await outside.cleanup()


async def _url(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(READY_S):
        line = (await process.stdout.readline()).decode()
    assert line.startswith("Ready on "), line
    return line.removeprefix("Ready on ").strip()


async def _outside(witness: Witness) -> web.AppRunner:
    """A server that knows nothing but what it is told."""

    async def hear(request: web.Request) -> web.StreamResponse:
        witness.note(request.path)
        witness.note(await request.text())
        if request.path != "/socket":
            return web.Response()
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            witness.note(message.data)
        return socket

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", hear)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner
