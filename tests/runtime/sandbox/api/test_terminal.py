"""Terminals as a Worker gives them to its clients."""

import json
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from yarl import URL

from tests.serving import Serving

pytestmark = pytest.mark.slow

MAIN = """
import json

from perdure import Response, Sandbox, SandboxError, WorkerEntrypoint, get_sandbox


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if request.parsed_url.path == "/destroy":
            await get_sandbox(self.env.SANDBOX, "desk").destroy()
            return Response("gone")
        if request.parsed_url.path == "/own":
            return await self.env.SANDBOX.get_by_name("desk").fetch(request)
        options = json.loads(request.parsed_url.query["options"])
        sandbox = get_sandbox(self.env.SANDBOX, "desk")
        request.resumed = options.pop("resumed", request.resumed)
        try:
            if name := options.pop("session", None):
                found = {facts.id for facts in await sandbox.list_sessions()}
                if name not in found:
                    cwd = "/tmp" if name == "green" else "/does/not/exist"
                    await sandbox.create_session(id=name, cwd=cwd, env={"COLOUR": name})
                sandbox = await sandbox.get_session(name)
            return await sandbox.terminal(request, **options)
        except SandboxError as error:
            return Response(f"{error.code}: {error}", status=error.http_status)


class Inside(Sandbox):
    async def fetch(self, request):
        if request.parsed_url.path == "/own":
            return await self.terminal(request, cols=33)
        return await super().fetch(request)
"""
TOML = """
[[durable_objects.bindings]]
name = "SANDBOX"
class_name = "Inside"
[[migrations]]
tag = "v1"
new_sqlite_classes = ["Inside"]
[perdure.sandbox]
isolation = "none"
env = { PS1 = "> ", TASTE = "sweet" }
"""


class Desk:
    def __init__(self, url: str) -> None:
        self.url = url

    def open(self, **options: Any) -> connect:
        return connect(str(self.address(options).with_scheme("ws")))

    def address(self, options: dict[str, Any]) -> URL:
        return URL(self.url).with_query(options=json.dumps(options))


@pytest.fixture
async def desk(serve: Serving, http: aiohttp.ClientSession) -> Any:
    server = await serve(MAIN, toml=TOML)
    yield Desk(server.url)
    async with http.get(server.url + "/destroy") as response:
        assert await response.text() == "gone"


async def shown(ws: ClientConnection, text: bytes) -> bytes:
    """All that is shown until a text is."""
    whole = b""
    while text not in whole:
        message = await ws.recv()
        whole += message if isinstance(message, bytes) else b""
    return whole


async def test_a_client_gets_a_shell_of_the_size_that_it_asks_for(desk: Desk) -> None:
    async with desk.open(cols=91, rows=17) as ws:
        assert json.loads(await ws.recv()) == {"type": "ready"}
        await ws.send(b"stty size; echo $TASTE-$COLOUR-$PWD-$((1 + 1))\n")
        whole = await shown(ws, b"-2\r\n")
        assert b"17 91\r\n" in whole
        assert b"sweet--/" in whole
        await ws.send(b"exit 3\n")
        await shown_exit(ws, {"type": "exit", "code": 3})


async def shown_exit(ws: ClientConnection, expected: dict[str, Any]) -> None:
    while isinstance(message := await ws.recv(), bytes):
        pass
    assert json.loads(message) == expected
    await ws.wait_closed()
    assert ws.close_code == 1000


async def test_a_session_has_its_own_folder_and_variables(desk: Desk) -> None:
    async with desk.open(session="green") as ws:
        await ws.send(b"echo $TASTE-$COLOUR-$PWD-$((1 + 1))\n")
        assert b"sweet-green-/tmp-2" in await shown(ws, b"-2\r\n")


async def test_another_shell_is_run_by_its_path(desk: Desk) -> None:
    async with desk.open(shell="/bin/cat") as ws:
        await ws.send(b"hello\n")
        assert (await shown(ws, b"hello\r\nhello\r\n")).count(b"hello") == 2
        await ws.send(b"\x04")
        await shown_exit(ws, {"type": "exit", "code": 0})


async def test_a_shell_that_there_is_not_says_so_and_ends(desk: Desk) -> None:
    async with desk.open(shell="no such; echo hacked") as ws:
        whole = await shown(ws, b"not found")
        assert b"hacked\r\n" not in whole
        await shown_exit(ws, {"type": "exit", "code": 127})


async def test_two_terminals_are_two_shells_of_one_sandbox(desk: Desk) -> None:
    async with desk.open() as one, desk.open() as other:
        await one.send(b"mkfifo pipe; echo over there > pipe\n")
        await other.send(b"until [ -p pipe ]; do sleep 0.05; done; cat pipe; rm pipe\n")
        await shown(other, b"over there\r\n")


async def test_a_terminal_with_a_name_is_there_for_who_comes_back(desk: Desk) -> None:
    async with desk.open(terminal_id="main") as ws:
        assert json.loads(await ws.recv()) == {"type": "ready"}
        await ws.send(b"x=kept; echo $((40 + 2))\n")
        await shown(ws, b"42\r\n")
    async with desk.open(terminal_id="main", cols=91, rows=17) as ws:
        assert json.loads(await ws.recv()) == {"type": "ready", "again": True}
        await shown(ws, b"42\r\n")
        await ws.send(b"stty size; echo $x-$((1 + 1))\n")
        assert b"17 91\r\n" in await shown(ws, b"kept-2\r\n")
        await ws.send(b"exit\n")
        await shown_exit(ws, {"type": "exit", "code": 0})
    async with desk.open(terminal_id="main") as ws:
        assert json.loads(await ws.recv()) == {"type": "ready"}


async def test_those_who_ask_for_the_same_terminal_share_it(desk: Desk) -> None:
    async with desk.open(terminal_id="main") as one, desk.open(terminal_id="main") as other:
        await one.send(b"echo from-one$((1))\n")
        for ws in (one, other):
            await shown(ws, b"from-one1\r\n")
        await other.send(b"exit 4\n")
        for ws in (one, other):
            await shown_exit(ws, {"type": "exit", "code": 4})


@pytest.mark.parametrize("options", [{}, {"terminal_id": "main"}])
async def test_a_client_may_have_the_shell_ended(desk: Desk, options: dict[str, Any]) -> None:
    async with desk.open(**options) as ws:
        await ws.send(b"echo $((40 + 2))\n")
        await shown(ws, b"42\r\n")
        await ws.send('{"type": "end"}')
        await ws.send(b"typed into nothing\n")
        message = await ws.recv()
        while isinstance(message, bytes):
            message = await ws.recv()
        assert json.loads(message)["type"] == "exit"
        await ws.wait_closed()
        assert ws.close_code == 1000
    async with desk.open(**options) as ws:
        assert json.loads(await ws.recv()) == {"type": "ready"}


async def test_each_session_has_terminals_of_its_own(desk: Desk) -> None:
    async with desk.open(terminal_id="main") as ws:
        await ws.send(b"pwd\n")
        await shown(ws, b"/workspace\r\n")
        async with desk.open(terminal_id="main", session="green") as other:
            await other.send(b"pwd\n")
            await shown(other, b"/tmp\r\n")


async def test_a_client_whose_worker_was_replaced_finds_a_terminal_with_a_name_again(
    desk: Desk,
) -> None:
    async with desk.open(terminal_id="main") as ws:
        await ws.send(b"echo $((40 + 2))\n")
        await shown(ws, b"42\r\n")
    async with desk.open(terminal_id="main", resumed=True) as ws:
        assert json.loads(await ws.recv()) == {"type": "ready", "again": True}
        await ws.send('{"type": "taken", "bytes": 1000000}')  # sent by the worker before, too
        await ws.send(b"echo $((40 + 3))\n")
        while isinstance(message := await ws.recv(), bytes):
            if b"43\r\n" in message:
                break
        assert isinstance(message, bytes), message


async def test_what_cannot_be_started_is_told_and_closed_with_1011(desk: Desk) -> None:
    async with desk.open(session="nowhere") as ws:
        said = json.loads(await ws.recv())
        assert (said["type"], said["code"]) == ("error", "FILE_NOT_FOUND")
        await ws.wait_closed()
        assert (ws.close_code, ws.close_reason) == (1011, said["message"])


async def test_the_actor_itself_gives_terminals_as_well(desk: Desk) -> None:
    async with connect(str(URL(desk.url).with_scheme("ws") / "own")) as ws:
        await ws.send(b"stty size\n")
        await shown(ws, b"24 33\r\n")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"cols": 0}, "VALIDATION_FAILED: cols is a number from 1 to 10,000, not 0"),
        ({"rows": 10_001}, "VALIDATION_FAILED: rows is a number from 1 to 10,000, not 10001"),
        ({"cols": "80"}, "VALIDATION_FAILED: cols is a number from 1 to 10,000, not '80'"),
        ({"rows": True}, "VALIDATION_FAILED: rows is a number from 1 to 10,000, not True"),
        ({"shell": ""}, "VALIDATION_FAILED: shell is text, and not ''"),
        ({"shell": "a\0b"}, "VALIDATION_FAILED: shell is text, and not 'a\\x00b'"),
        ({"shell": "x" * 4097}, "VALIDATION_FAILED: shell is at most 4,096 bytes long"),
        ({"session_id": 5}, "VALIDATION_FAILED: session_id is text, and not 5"),
        ({"terminal_id": ""}, "VALIDATION_FAILED: terminal_id is text, and not ''"),
    ],
)
async def test_what_makes_no_sense_is_an_error_of_the_worker(
    desk: Desk, http: aiohttp.ClientSession, options: dict[str, Any], why: str
) -> None:
    async with http.get(desk.address(options)) as response:
        assert (response.status, await response.text()) == (400, why)


async def test_a_session_that_there_cannot_be_is_an_error_of_the_worker(desk: Desk) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await desk.open(session_id="un known")
    assert refused.value.response.status_code == 400
    assert b"un known" in refused.value.response.body


async def test_a_client_whose_worker_was_replaced_is_told_that_its_shell_has_ended(
    desk: Desk,
) -> None:
    """The request comes again, and what is no 101 is a close with 1012."""
    with pytest.raises(InvalidStatus) as refused:
        await desk.open(resumed=True)
    assert refused.value.response.status_code == 410


async def test_a_request_that_asks_for_no_websocket_gets_426(
    desk: Desk, http: aiohttp.ClientSession
) -> None:
    async with http.get(desk.address({})) as response:
        assert response.status == 426
        assert "websocket" in await response.text()


WORKERS = """
from cloudflare_sandbox import Sandbox, getSandbox
from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        sandbox = getSandbox(self.env.SANDBOX, "desk")
        if "destroy" in request.url:
            await sandbox.destroy()
            return Response("gone")
        if "again" in request.url:
            sandbox = await sandbox.getSession("dev")
        elif "session" in request.url:
            sandbox = await sandbox.createSession({"id": "dev", "cwd": "/tmp"})
        return await sandbox.terminal(request, {"cols": 91, "rows": 17, "shell": "/bin/sh"})
"""


async def test_programs_for_workers_spell_it_as_there(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    server = await serve(WORKERS, toml=TOML.replace("Inside", "Sandbox"))
    paths = ("/", "/", b"workspace"), ("/session", "/session/again", b"/tmp")
    for path, again, folder in paths:
        async with connect(str(URL(server.url).with_scheme("ws").with_path(path))) as ws:
            await ws.send(b"stty size; pwd; echo $((40 + 2))\n")
            whole = await shown(ws, b"42\r\n")
            assert b"17 91\r\n" in whole
            assert folder + b"\r\n" in whole
        async with connect(str(URL(server.url).with_scheme("ws").with_path(again))) as ws:
            assert json.loads(await ws.recv()) == {"type": "ready", "again": True}
            await shown(ws, b"42\r\n")
    async with http.get(server.url + "/destroy") as response:
        assert await response.text() == "gone"
