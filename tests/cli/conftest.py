"""Projects on disk, and the command ``perdure`` as people run it."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from perdure.cli.main import main
from tests.cli.process import Processes, Running, Start

CONFIG = """\
name = "chat"
main = "src/main.py"

[[durable_objects.bindings]]
name = "ROOM"
class_name = "Room"

[[migrations]]
tag = "v1"
new_sqlite_classes = ["Room"]
"""
PROGRAM = """\
from perdure import DurableObject, Response, WebSocketPair, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if request.parsed_url.path == "/boom":
            raise KeyError("boom")
        if request.parsed_url.path == "/greeting":
            return Response(self.env.GREETING)
        return await self.env.ROOM.get_by_name("a").fetch(request)


class Room(DurableObject):
    async def fetch(self, request):
        count = (await self.ctx.storage.get("count") or 0) + 1
        await self.ctx.storage.put("count", count)
        if not request.is_upgrade:
            return Response(f"visit {count}")
        client, server = WebSocketPair()
        server.accept()
        server.send(f"visit {count}")
        return Response(None, status=101, web_socket=client)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A directory with a small program, its configuration, and no data yet."""
    directory = tmp_path / "project"
    (directory / "src").mkdir(parents=True)
    (directory / "wrangler.toml").write_text(CONFIG)
    (directory / "src" / "main.py").write_text(PROGRAM)
    return directory


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result]]:
    """Run a command in this process: ``invoke("check", "-c", path)``."""
    monkeypatch.delenv("CLOUDFLARE_ENV", raising=False)
    path = list(sys.path)

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(main, [str(argument) for argument in arguments])

    yield run
    sys.path[:] = path
    sys.modules.pop("main", None)  # the project's program


@pytest.fixture
async def start(project: Path) -> AsyncIterator[Start]:
    """Start a command in the project's directory: ``await start("dev", "--port", 0)``."""
    processes = Processes()

    async def start_it(
        *arguments: object,
        stdin: int = asyncio.subprocess.DEVNULL,
        stdout: int = asyncio.subprocess.PIPE,
        **environment: str,
    ) -> Running:
        return await processes.start(
            *arguments, cwd=project, env=environment, stdin=stdin, stdout=stdout
        )

    yield start_it
    await processes.clean_up()
