import asyncio
import json
import secrets
import socket
from pathlib import Path

import pytest

import perdure.runtime.sandbox.connection as connections
from perdure.runtime.sandbox.asking import SandboxLost, SandboxRefused
from perdure.runtime.sandbox.connection import SandboxConnection
from tests.runtime.sandbox.sandboxes import Sandboxes, text_of

pytestmark = pytest.mark.slow

NAME = secrets.token_hex(32)  # of this process: other tests run beside it


async def test_who_opens_while_it_ends_gets_the_next_one(sandboxes: Sandboxes) -> None:
    for _ in range(10):
        first = await sandboxes.open(NAME)
        ending = first.stream("stop")
        second = await sandboxes.open(NAME)
        if second.boot == first.boot:  # it was connected before the end, and learns of it
            assert await second.is_lost() == "The sandbox was stopped"
        else:
            assert await text_of(second, "echo fine") == "fine"
        ending.cancel()


async def test_who_has_the_answer_to_its_end_knows_that_it_has_ended(sandboxes: Sandboxes) -> None:
    for ending in ("stop", "destroy"):
        first, other = await sandboxes.open(NAME), await sandboxes.open(NAME)
        await first.ask(ending)
        assert not first.is_open
        assert "The sandbox was" in await other.is_lost()
        assert await text_of(await sandboxes.open(NAME), "echo fine") == "fine"


async def test_a_sandbox_that_never_starts_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "OPEN_WITHIN_S", 0.2)
    with socket.socket(socket.AF_UNIX) as launcher:
        launcher.bind(str(tmp_path / "launcher.sock"))
        launcher.listen()
        with pytest.raises(SandboxLost, match=r"did not start within 0\.2 s"):
            await SandboxConnection.open(tmp_path, NAME, {})


async def test_who_gives_up_at_the_moment_of_the_greeting_leaves_no_connection(
    sandboxes: Sandboxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sandboxes.open(NAME)
    greeted: list[SandboxConnection] = []

    def noticed(self: SandboxConnection, notice: dict[str, object]) -> None:
        original(self, notice)
        greeted.append(self)
        finding.cancel()

    original = SandboxConnection._noticed
    monkeypatch.setattr(SandboxConnection, "_noticed", noticed)
    finding = asyncio.ensure_future(SandboxConnection.find(sandboxes.folder, NAME))
    with pytest.raises(asyncio.CancelledError):
        await finding
    assert [each.is_open for each in greeted] == [False]


async def test_what_is_too_much_to_be_listed_is_refused(
    sandboxes: Sandboxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "LINES_BYTES_MAX", 1000)
    sandbox = await sandboxes.open()
    await text_of(sandbox, "touch $(seq 1 100)")
    with pytest.raises(SandboxRefused) as caught:
        await sandbox.lines("list")
    assert caught.value.code == "TOO_MANY_FILES"


async def test_lines_come_whole(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    await text_of(sandbox, "touch $(seq 1 1000)")
    names = {json.loads(line)["name"] for line in await sandbox.lines("list")}
    assert names == {str(number) for number in range(1, 1001)}


async def test_it_says_when_and_why_it_has_ended(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open(NAME)
    assert sandbox.is_open
    assert sandbox.is_walled is False
    lost = asyncio.ensure_future(sandbox.is_lost())
    await sandbox.ask("stop")
    assert await lost == "The sandbox was stopped"
    assert not sandbox.is_open
