"""Real clients, a real server, and real shells; the actor is as small as one can be."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from yarl import URL

from perdure.runtime.sandbox.keeper.launching import LauncherProcess
from perdure.runtime.sandbox.terminal_relay import WAITING_BYTES_MAX
from perdure.runtime.sandbox.wire import CHUNK_BYTES_MAX
from tests.runtime.sandbox.sandboxes import Sandboxes, is_alive, stalled
from tests.serving import Serving
from tests.wire import BINARY, CLOSE, Wire

pytestmark = pytest.mark.slow

MAIN = """
import asyncio
import json
from pathlib import Path

from perdure import DurableObject, Response, WebSocketPair, WorkerEntrypoint
from perdure.runtime.sandbox.asking import SandboxRefused
from perdure.runtime.sandbox.connection import SandboxConnection
from perdure.runtime.sandbox.terminal_relay import TerminalRelay


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return await self.env.DESK.get_by_name("desk").fetch(request)


class Desk(DurableObject):
    async def fetch(self, request):
        client, server = WebSocketPair()
        server.accept()
        wanted = json.loads(request.parsed_url.query["wanted"])
        self.task = asyncio.create_task(self.relay(server, wanted))
        return Response(None, status=101, web_socket=client)

    async def relay(self, socket, wanted):
        connection = await SandboxConnection.open(
            Path(self.env.FOLDER), self.env.ID, {"isolation": "none"}
        )
        try:
            async with connection.stream("terminal", **wanted) as stream:
                await TerminalRelay(socket, stream).run()
        except SandboxRefused as error:
            socket.close(4000, error.code)
        finally:
            connection.close()
"""


class Desk:
    """A sandbox, and a server whose clients get terminals in it."""

    def __init__(self, url: str, workspace: Path) -> None:
        self.url = "ws" + url.removeprefix("http")
        self.workspace = workspace

    def address(self, wanted: dict[str, Any]) -> str:
        return str(URL(self.url).with_query(wanted=json.dumps(wanted)))

    def open(self, **wanted: Any) -> connect:
        return connect(self.address(wanted), max_size=None)

    def __truediv__(self, name: str) -> Path:
        return self.workspace / name

    async def pid(self) -> int:
        """The process that a program inside has written into that file."""
        file = self / "pid"
        while not (file.exists() and file.read_text().endswith("\n")):
            await asyncio.sleep(0.01)
        return int(file.read_text())


@pytest.fixture
async def desk(
    serve: Serving, launcher: tuple[LauncherProcess, Path], sandboxes: Sandboxes
) -> AsyncIterator[Desk]:
    folder, name = launcher[1], secrets.token_hex(32)
    await sandboxes.open(name)
    server = await serve(MAIN, objects=["Desk"], values={"FOLDER": str(folder), "ID": name})
    yield Desk(server.url, folder / name / "workspace")
    await server.stop(drain_s=0)


async def hear(ws: ClientConnection, text: bytes) -> bytes:
    """All that is shown until a text is."""
    shown = b""
    while text not in shown:
        message = await ws.recv()
        assert isinstance(message, bytes), message
        shown += message
    return shown


async def told(ws: ClientConnection) -> Any:
    """The next that is told, instead of shown."""
    while isinstance(message := await ws.recv(), bytes):
        pass
    return json.loads(message)


async def test_what_is_typed_is_done_and_what_it_shows_comes_back(desk: Desk) -> None:
    async with desk.open(env={"PS1": "> "}, cols=97, rows=33) as ws:
        assert json.loads(await ws.recv()) == {"type": "ready"}
        await ws.send(b"stty size; echo $((20 + 3)) \xc3\xa9\n")
        assert b"33 97\r\n23 \xc3\xa9\r\n" in await hear(ws, b"23 \xc3\xa9\r\n")
        await ws.send(b"exit 7\n")
        assert await told(ws) == {"type": "exit", "code": 7}
        await ws.wait_closed()
        assert (ws.close_code, ws.close_reason) == (1000, "the shell has ended with 7")


async def test_another_size_is_told_to_the_program(desk: Desk) -> None:
    command = "trap 'stty size; exit 5' WINCH; echo ready; while :; do sleep 0.05; done"
    async with desk.open(command=command) as ws:
        await ws.recv()
        await hear(ws, b"ready\r\n")
        await ws.send(json.dumps({"type": "resize", "cols": 120, "rows": 40}))
        assert await hear(ws, b"\r\n") == b"40 120\r\n"
        assert await told(ws) == {"type": "exit", "code": 5}


async def test_a_signal_that_ended_it_is_named(desk: Desk) -> None:
    async with desk.open(command="kill -9 $$") as ws:
        await ws.recv()
        assert await told(ws) == {"type": "exit", "code": 137, "signal": "SIGKILL"}


@pytest.mark.parametrize(
    "bad",
    [
        "garbage",
        "[]",
        "5",
        "{}",
        '{"type": "dance"}',
        '{"type": ["resize"]}',
        '{"type": "resize"}',
        '{"type": "resize", "cols": 0, "rows": 24}',
        '{"type": "resize", "cols": 80, "rows": 10001}',
        '{"type": "resize", "cols": true, "rows": 24.0}',
        '{"type": "taken"}',
        '{"type": "taken", "bytes": -1}',
        '{"type": "taken", "bytes": true}',
        '{"type": "taken", "bytes": 1000}',
    ],
)
async def test_what_is_no_control_message_is_answered_and_does_no_harm(
    desk: Desk, bad: str
) -> None:
    async with desk.open(command="stty size; read line; echo got $line", cols=80, rows=24) as ws:
        await ws.recv()
        await hear(ws, b"24 80\r\n")
        await ws.send(bad)
        answer = await told(ws)
        assert (answer["type"], answer["code"]) == ("error", "VALIDATION_FAILED")
        await ws.send(b"it\n")
        await hear(ws, b"got it\r\n")


LINES = 3_000_000  # 22 MB, which is more than may wait for any client
BYTES = sum(len(b"%d\n" % number) for number in range(1, LINES + 1))
COUNTING = f"stty -opost; echo $$ > pid; exec seq {LINES}"


async def test_a_client_that_does_not_read_stops_the_program_that_writes(desk: Desk) -> None:
    address = desk.address({"command": COUNTING})
    async with await Wire.connect(address, receive_buffer_size=4096) as wire:
        await wire.upgrade(str(URL(address).raw_path_qs))
        pid = await desk.pid()
        assert await stalled(lambda: written_by(pid)) < BYTES // 2
        shown, frame = 0, await wire.frame()
        while frame.opcode != CLOSE:
            shown += len(frame.payload) if frame.opcode == BINARY else 0
            frame = await wire.frame()
        assert frame.close[0] == 1000
        assert shown == BYTES


async def test_a_client_that_says_what_it_has_taken_is_sent_little_ahead(desk: Desk) -> None:
    async with desk.open(command=f"read go; {COUNTING}") as ws:
        await ws.recv()
        await ws.send('{"type": "taken", "bytes": 0}')
        await ws.send(b"go\n")
        pid = await desk.pid()
        shown = taken = 0

        async def watch() -> Any:
            nonlocal shown
            while isinstance(message := await ws.recv(), bytes):
                shown += len(message)
            return json.loads(message)

        watching = asyncio.create_task(watch())
        while taken < 4 * WAITING_BYTES_MAX:
            while shown - taken < WAITING_BYTES_MAX:
                await asyncio.sleep(0.01)
            await stalled(lambda: shown)  # there comes no more
            assert shown - taken < WAITING_BYTES_MAX + CHUNK_BYTES_MAX
            assert is_alive(pid)
            await ws.send(json.dumps({"type": "taken", "bytes": shown - taken}))
            taken = shown
        while not watching.done():
            if shown > taken:
                await ws.send(json.dumps({"type": "taken", "bytes": shown - taken}))
                taken = shown
            await asyncio.wait([watching], timeout=0.01)
        assert watching.result() == {"type": "exit", "code": 0}
        assert shown == BYTES + len(b"go\r\n")


async def test_a_program_that_does_not_read_stops_the_client_that_types(desk: Desk) -> None:
    command = "stty raw -echo; echo ready; while [ ! -e go ]; do sleep 0.01; done; head -c 30000000 | wc -c"
    async with desk.open(command=command) as ws:
        await ws.recv()
        await hear(ws, b"ready")
        sent = 0

        async def send() -> None:
            nonlocal sent
            for _ in range(300):
                await ws.send(bytes(100_000))
                sent += 100_000

        sending = asyncio.create_task(send())
        assert await stalled(lambda: sent) < 30_000_000
        (desk / "go").touch()
        await hear(ws, b"30000000")
        await sending


@pytest.mark.parametrize(
    "shell",
    [
        "exec bash --norc",
        "trap '' HUP TERM; while :; do sleep 0.05; done",
        "stty raw -echo; exec sleep 1000",
        "yes",
    ],
)
@pytest.mark.parametrize("goes", ["says goodbye", "vanishes"])
async def test_a_client_that_goes_ends_the_shell(desk: Desk, shell: str, goes: str) -> None:
    ws = await desk.open(command=f"echo $$ > pid; {shell}")
    pid = await desk.pid()
    await ws.send(bytes(10_000))
    if goes == "vanishes":
        ws.transport.abort()
    else:
        await ws.close()
    async with asyncio.timeout(60):
        while is_alive(pid):
            await asyncio.sleep(0.01)


async def test_a_shell_that_there_is_not_is_refused(desk: Desk) -> None:
    async with desk.open(cwd="/does/not/exist") as ws:
        await ws.wait_closed()
        assert (ws.close_code, ws.close_reason) == (4000, "FILE_NOT_FOUND")


async def test_the_end_of_the_sandbox_is_the_end_of_its_terminals(
    desk: Desk, sandboxes: Sandboxes
) -> None:
    async with desk.open(command="echo ready; sleep 1000") as ws:
        await ws.recv()
        await hear(ws, b"ready")
        await sandboxes.connections[0].ask("stop")
        await ws.wait_closed()
        assert ws.close_code == 4000
        assert ws.close_reason in {"CONTAINER_UNAVAILABLE", "OPERATION_INTERRUPTED"}


def written_by(pid: int) -> int:
    """How many bytes a process has written so far."""
    try:
        facts = Path(f"/proc/{pid}/io").read_text()
    except FileNotFoundError:
        return -1
    return int(facts.split("wchar: ")[1].split()[0])
