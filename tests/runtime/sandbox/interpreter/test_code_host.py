"""The way of a worker to the code host of a sandbox."""

import asyncio
import contextlib
import json
import shlex
from dataclasses import asdict
from typing import Any

import pytest

from perdure.runtime.sandbox.asking import SandboxLost, SandboxRefused
from perdure.runtime.sandbox.interpreter import code_host
from perdure.runtime.sandbox.interpreter.code_host import CodeHost, HostAddress, check_language
from perdure.runtime.sandbox.keeper.housing import python
from tests.runtime.sandbox.interpreter.hosts import Hosted, hosted
from tests.runtime.sandbox.sandboxes import TIMES_S, Sandboxes, is_alive, text_of, until

pytestmark = pytest.mark.slow

LIST = {"op": "list"}


async def test_another_worker_finds_it_and_what_was_left_in_it(walled: Sandboxes) -> None:
    host = await hosted(walled)
    await host.text("x = 1")
    host.connection.close()
    name = next(iter(walled.ids))
    # All that the next one has is what was remembered, as it lies in storage.
    kept = json.loads(json.dumps(host.memory))
    after = Hosted(await walled.open(name), kept)
    assert await after.text("x") == "1"
    assert after.memory == host.memory


async def test_who_starts_it_at_once_with_others_shares_it(walled_host: Hosted) -> None:
    answers = await asyncio.gather(*(walled_host.ask("list") for _ in range(5)))
    assert answers == [{"contexts": []}] * 5
    # The first of both processes may still be on its way out.
    one = "until [ $(pgrep -fc '[p]erdure code host') = 1 ]; do sleep 0.02; done"
    await text_of(walled_host.connection, one)


async def test_a_sandbox_that_was_started_anew_has_another_one(walled: Sandboxes) -> None:
    host = await hosted(walled)
    context = await host.create("python")
    name = next(iter(walled.ids))
    await host.connection.ask("stop")
    await host.connection.is_lost()
    after = Hosted(await walled.open(name, packages=[]), host.memory)
    # Nobody is asked who is somebody else by now.
    messages = [each async for each in after.host.messages(after.connection, LIST, starts=False)]
    assert messages == []
    with pytest.raises(SandboxRefused) as caught:
        await after.run("1", context)
    assert caught.value.code == "CONTEXT_NOT_FOUND"
    assert after.memory != {}


async def test_one_that_was_killed_is_told_and_replaced(open_host: Hosted) -> None:
    context = await open_host.create()
    pid = int(await open_host.text("import os; os.getpid()", context))
    running = asyncio.ensure_future(
        open_host.run("import os, time; os.kill(os.getppid(), 9); time.sleep(1002)", context)
    )
    with pytest.raises(SandboxRefused, match="has ended, and with it all code contexts") as caught:
        await running
    assert caught.value.code == "INTERPRETER_NOT_READY"
    assert await open_host.text("1 + 1") == "2"
    # Its contexts have ended with it.
    until(lambda: not is_alive(pid))
    with pytest.raises(SandboxRefused) as caught:
        await open_host.run("1", context)
    assert caught.value.code == "CONTEXT_NOT_FOUND"


async def test_one_that_stands_still_is_given_up(
    open_host: Hosted, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = "import os; os.kill(os.getppid(), 19)"
    for patience_s in TIMES_S:
        context = await open_host.create()
        with monkeypatch.context() as patched, pytest.raises(SandboxRefused) as caught:
            patched.setattr(code_host, "PATIENCE_S", patience_s)
            await open_host.run(stop, context, None)
        if caught.value.code == "INTERPRETER_NOT_READY":  # it was heard before it stood still
            break
    assert caught.value.code == "INTERPRETER_NOT_READY"
    with monkeypatch.context() as patched, contextlib.suppress(SandboxRefused):
        patched.setattr(code_host, "PATIENCE_S", 3.0)  # with which another one may be given up, too
        await open_host.ask("list")
    assert await open_host.ask("list") == {"contexts": []}  # of another one


# What is no code host, and listens where one was.
LIAR = """
import socket, sys
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
while True:
    connection, _ = listening.accept()
    connection.recv(1 << 16)
    connection.sendall(b"{}\\n" + eval(sys.argv[1]))
    connection.close()
"""


@pytest.mark.parametrize(
    "said",
    [
        "b''",
        "b'nonsense\\n'",
        "b'[]\\n'",
        "b'[' * 100_000 + b'\\n'",
        "b'{}\\n' * 1000",
        "b'x' * 40_000_000",
        "b'{\"error\": 3}\\n'",
    ],
)
async def test_whatever_comes_from_inside_ends_one_request(sandboxes: Sandboxes, said: str) -> None:
    connection = await sandboxes.open()
    command = shlex.join([python(), "-I", "-S", "-c", LIAR, said])
    process = await connection.ask("start", command=f"exec {command}")
    async with connection.stream("follow", id=process["id"]) as stream:
        async for item in stream:
            port = int(getattr(item, "data", b"0"))
            break
    address = asdict(HostAddress(connection.boot, port, "secret"))
    host = CodeHost(lambda: address, lambda _: None)
    with pytest.raises(SandboxRefused) as caught:
        await host.ask(connection, LIST, starts=True)
    assert caught.value.code in {"INTERPRETER_NOT_READY", "None"}
    assert connection.is_open


@pytest.mark.parametrize("said", ["b''", "b'HTTP/1.1 400 Bad Request\\r\\n'", "b'x' * 40_000_000"])
async def test_another_program_at_its_port_is_not_taken_for_it(
    sandboxes: Sandboxes, said: str
) -> None:
    connection = await sandboxes.open()
    program = LIAR.replace(r'b"{}\n" + ', "")
    command = shlex.join([python(), "-I", "-S", "-c", program, said])
    process = await connection.ask("start", command=f"exec {command}")
    async with connection.stream("follow", id=process["id"]) as stream:
        async for item in stream:
            port = int(getattr(item, "data", b"0"))
            break
    memory = {"host": asdict(HostAddress(connection.boot, port, "secret"))}
    host = Hosted(connection, memory)
    assert [each async for each in host.host.messages(connection, LIST, starts=False)] == []
    assert await host.ask("list") == {"contexts": []}
    assert memory["host"]["port"] != port


async def test_one_that_does_not_start_says_why(
    sandboxes: Sandboxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = await sandboxes.open()
    host = CodeHost(lambda: None, lambda _: None)

    def broken(*_: Any) -> bytes:
        return b"import sys; sys.exit('no good')"

    monkeypatch.setattr(code_host, "code_host_program", broken)
    with pytest.raises(SandboxRefused, match="did not start: no good") as caught:
        await host.ask(connection, LIST, starts=True)
    assert caught.value.code == "INTERPRETER_NOT_READY"


async def test_a_sandbox_that_ends_ends_what_is_asked(walled_host: Hosted) -> None:
    running = asyncio.ensure_future(walled_host.run("while True: pass", None, None))
    while not (await walled_host.ask("list"))["contexts"]:
        await asyncio.sleep(0.01)
    await walled_host.connection.ask("stop")
    with pytest.raises(SandboxRefused) as caught:
        await running
    assert caught.value.code in {"INTERPRETER_NOT_READY", "CONTAINER_UNAVAILABLE"}
    with pytest.raises(SandboxLost):
        await walled_host.ask("list")


async def test_without_a_wall_its_files_lie_in_the_sandboxs_own_folder_and_are_tidied_up(
    sandboxes: Sandboxes,
) -> None:
    host = await hosted(sandboxes)
    await host.text("1")
    name = next(iter(sandboxes.ids))
    [before] = (sandboxes.folder / name).glob("perdure-code-*")
    await host.connection.ask("stop")  # kills it in the middle of its life
    await host.connection.is_lost()
    after = Hosted(await sandboxes.open(name))
    await after.ask("list")
    [now] = (sandboxes.folder / name).glob("perdure-code-*")
    assert now != before


def test_languages_are_looked_at_before_anything_is_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    check_language("python")
    check_language("javascript")
    codes = {"typescript": "JAVASCRIPT_NOT_AVAILABLE", "perl": "VALIDATION_FAILED", 3: None}
    for language, code in codes.items():
        with pytest.raises(SandboxRefused) as caught:
            check_language(language)
        assert caught.value.code == code or code is None
    monkeypatch.setattr(code_host, "package_folders", lambda: ())
    check_language("javascript")
    with pytest.raises(SandboxRefused, match=r"pip install 'perdure\[interpreter\]'") as caught:
        check_language("python")
    assert caught.value.code == "PYTHON_NOT_AVAILABLE"
