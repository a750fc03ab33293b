import asyncio

import pytest

from perdure.runtime.sandbox.asking import SandboxRefused
from perdure.runtime.sandbox.connection import SandboxConnection
from tests.runtime.sandbox.sandboxes import Sandboxes

pytestmark = pytest.mark.slow

ECHO = """
import socket, sys
server = socket.create_server(("{host}", {port}), family=socket.{family})
while True:
    connection, _ = server.accept()
    connection.sendall(sys.argv[1].encode() + b" heard " + connection.recv(100))
    connection.close()
"""


async def serve(
    sandbox: SandboxConnection,
    name: str,
    port: int,
    host: str = "127.0.0.1",
    family: str = "AF_INET",
) -> None:
    program = ECHO.format(host=host, port=port, family=family)
    async with sandbox.stream("write_file", path="server.py") as stream:
        await stream.write(program.encode())
        stream.end()
        await stream.answer()
    await sandbox.ask("start", command=f"exec python3 server.py {name}")
    await sandbox.ask("listening", port=port, timeout_s=60)


async def say(sandbox: SandboxConnection, port: int, text: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    with await sandbox.socket(port) as connection:
        await loop.sock_sendall(connection, text)
        return await loop.sock_recv(connection, 100)


async def test_a_server_inside_is_reached_without_anybody_in_between(walled: Sandboxes) -> None:
    sandbox = await walled.open()
    await serve(sandbox, "one", 8080)
    assert await say(sandbox, 8080, b"hello") == b"one heard hello"
    assert await say(sandbox, 8080, b"again") == b"one heard again"


async def test_two_sandboxes_have_the_same_port(walled: Sandboxes) -> None:
    one, other = await walled.open(), await walled.open()
    await serve(one, "one", 8080)
    await serve(other, "other", 8080)
    assert await say(one, 8080, b"x") == b"one heard x"
    assert await say(other, 8080, b"x") == b"other heard x"


async def test_a_server_of_the_new_family_is_reached_too(walled: Sandboxes) -> None:
    sandbox = await walled.open()
    await serve(sandbox, "six", 8080, host="::1", family="AF_INET6")
    assert await say(sandbox, 8080, b"x") == b"six heard x"


async def test_where_nobody_listens_nobody_is_reached(walled: Sandboxes) -> None:
    sandbox = await walled.open()
    with pytest.raises(SandboxRefused, match="Nothing listens on port 8080") as caught:
        await sandbox.socket(8080)
    assert caught.value.code == "SERVICE_NOT_RESPONDING"
    with pytest.raises(SandboxRefused) as caught:
        await sandbox.ask("listening", port=8080, timeout_s=0.2)
    assert caught.value.code == "SERVICE_NOT_RESPONDING"


@pytest.mark.parametrize("port", [0, -1, 65_536, 10**30, "8080", None, 80.5])
async def test_what_is_no_port_is_refused(sandboxes: Sandboxes, port: object) -> None:
    sandbox = await sandboxes.open()
    for op in ("port", "listening"):
        with pytest.raises(SandboxRefused) as caught:
            await sandbox.ask(op, port=port)
        assert caught.value.code == "INVALID_PORT"


async def test_who_waits_for_a_port_may_stop_waiting(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    async with sandbox.stream("listening", port=1, timeout_s=1000):
        pass
    assert (await sandbox.ask("status"))["running"] == 0
