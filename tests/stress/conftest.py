"""``perdure serve`` in a process of its own, and what it costs.

The tests run in a small size with all others; `.ci/run stress` runs them in full, with
PERDURE_STRESS set.
"""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.serving import Serving
from tests.wire import PATIENCE_S

IS_FULL = bool(os.environ.get("PERDURE_STRESS"))
# How often it is looked whether the server has let go of what it should; nobody tells.
LOOK_S = 0.02

# /standard/NAME, /hibernating/NAME: WebSockets, which echo. With ?delivery=..&tag=.. they have a
# policy and a tag. /NAME?say=.. tells all of an actor, ?fill=.. sends much to one tag, and
# ?wait=.. is answered after ?go_on=...
MAIN = """
    import asyncio
    import gc
    import weakref
    from collections import Counter
    from perdure import DurableObject, Response, WebSocketPair, WorkerEntrypoint

    QUEUE_BYTES_MAX = 256 * 1024
    alive = weakref.WeakSet()
    closes = Counter()

    class Room(DurableObject):
        def __init__(self, ctx, env):
            super().__init__(ctx, env)
            alive.add(self)
            self.go_on = asyncio.Event()

        async def fetch(self, request):
            query = request.parsed_url.query
            if request.is_upgrade:
                return self.take(request.parsed_url.path.split("/")[1], query)
            if "fill" in query:
                for _ in range(int(query["fill"])):
                    self.ctx.broadcast("x" * 128 * 1024, tags=query["tag"])
                    await asyncio.sleep(0)
            if "say" in query:
                return Response(str(self.ctx.broadcast(query["say"])))
            if "wait" in query:
                await self.go_on.wait()
            if "go_on" in query:
                self.go_on.set()
            return Response(str(len(self.ctx.sessions)))

        def take(self, kind, query):
            client, server = WebSocketPair()
            if kind == "hibernating":
                options = {}
                if "delivery" in query:
                    options = {"delivery": query["delivery"], "queue_bytes_max": QUEUE_BYTES_MAX}
                self.ctx.accept_web_socket(server, [query["tag"]] if "tag" in query else [],
                                           **options)
            else:
                server.accept()
                server.on_message = lambda event: self.web_socket_message(server, event.data)
                server.on_close = lambda event: closes.update([event.code])
            return Response(None, status=101, web_socket=client)

        def web_socket_message(self, ws, message):
            if message == "bye":
                ws.close(4000, "bye")
            elif message == "much":
                ws.send("x" * 4_000_000)
            else:
                ws.send(message)

        def web_socket_close(self, ws, code, reason, was_clean):
            closes[code] += 1

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            path = request.parsed_url.path
            if path == "/state":
                gc.collect()  # what has left memory may be a cycle
                return Response.json({
                    "tasks": len(asyncio.all_tasks()),
                    "alive": len(alive),
                    "closes": closes,
                })
            return await self.env.ROOM.get_by_name(path.rsplit("/", 1)[1]).fetch(request)
"""


class Process:
    """A running server."""

    def __init__(self, process: "subprocess.Popen[str]", port: int, log: Path) -> None:
        self._process = process
        self._log = log
        self.port = port

    def get(self, path: str) -> Any:
        """What it answers, as JSON."""
        url = f"http://127.0.0.1:{self.port}{path}"
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
            return json.loads(answer.read())

    def closes(self) -> dict[str, int]:
        """How many WebSockets ended with each code."""
        found = self.get("/state")["closes"]
        assert isinstance(found, dict)
        return found

    def memory_kib(self) -> int:
        """Its own memory, without what it shares with others."""
        text = Path(f"/proc/{self._process.pid}/smaps_rollup").read_text()
        found = re.findall(r"^Private_\w+:\s+(\d+) kB", text, re.MULTILINE)
        return sum(map(int, found))

    def holds(self) -> tuple[int, int]:
        """Descriptors and tasks, but for those of the one who asks."""
        tasks = self.get("/state")["tasks"]
        return len(os.listdir(f"/proc/{self._process.pid}/fd")), tasks

    def until(self, condition: Callable[[], bool], what: Callable[[], object]) -> None:
        """Wait until it is so; ``what`` says how it is otherwise."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, what()
            time.sleep(LOOK_S)

    def is_as_before(self, before: tuple[int, int]) -> None:
        """It holds no more than then; a request that was just answered may still be there."""
        self.until(
            lambda: all(now <= then for now, then in zip(self.holds(), before, strict=True)),
            lambda: f"it holds {self.holds()}, and before {before}",
        )

    def errors(self) -> list[str]:
        """What it has logged as an error."""
        lines = self._log.read_text().splitlines()
        return [line for line in lines if " error " in line or "Traceback" in line]


Start = Callable[..., Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a server; its limits and other settings are given."""
    limit, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    running: list[subprocess.Popen[str]] = []

    def start(limits: Mapping[str, float] | None = None, toml: str = "") -> Process:
        config = Serving(tmp_path).write(MAIN, objects=["Room"], limits=limits, toml=toml)
        log = tmp_path / "log"
        with log.open("w") as log_file:
            process = subprocess.Popen(
                [
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
                ],
                stdout=subprocess.PIPE,
                stderr=log_file,
                text=True,
            )
        running.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Ready on "), line + log.read_text()
        server = Process(process, int(line.rsplit(":", 1)[1]), log)
        server.get("/state")  # what the first request makes is there from now on
        return server

    yield start
    for process in running:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
