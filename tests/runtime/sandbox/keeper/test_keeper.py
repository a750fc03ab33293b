import asyncio
import os
import secrets
import signal
from pathlib import Path

import pytest

from perdure.runtime.sandbox.asking import SandboxLost, SandboxRefused
from perdure.runtime.sandbox.connection import SandboxConnection
from tests.runtime.sandbox.sandboxes import (
    Sandboxes,
    is_alive,
    next_output,
    processes_with,
    run,
    text_of,
    until,
)

pytestmark = pytest.mark.slow

NAME = secrets.token_hex(32)  # of this process: other tests run beside it


def keeper_of(agent: int) -> int:
    """The parent, or its parent: there is bubblewrap in between, or not."""
    status = Path(f"/proc/{agent}/status").read_text()
    return int(status.partition("PPid:")[2].split()[0])


async def test_several_workers_have_one_sandbox(sandboxes: Sandboxes) -> None:
    first, second = await sandboxes.open(NAME), await sandboxes.open(NAME)
    assert first.boot == second.boot
    await first.ask("start", command="sleep 1000", process_id="p")
    assert (await second.ask("process", id="p"))["status"] == "running"
    first.close()
    assert (await second.ask("process", id="p"))["status"] == "running"


async def test_who_connects_again_finds_what_was_started(sandboxes: Sandboxes) -> None:
    first = await sandboxes.open(NAME)
    begun = await first.ask("start", command="echo hello; sleep 1000", process_id="p")
    first.close()
    second = await sandboxes.open(NAME)
    assert second.boot == first.boot
    async with second.stream("follow", id="p") as stream:
        assert await next_output(aiter(stream)) == b"hello\n"
    assert is_alive(begun["pid"])


async def test_what_a_worker_waited_for_ends_when_it_is_gone(sandboxes: Sandboxes) -> None:
    first, second = await sandboxes.open(NAME), await sandboxes.open(NAME)
    async with first.stream("exec", command="echo $$; exec sleep 1000") as stream:
        pid = int(await next_output(aiter(stream)))
        first.close()
        with pytest.raises(SandboxLost):
            await stream.answer()
    until(lambda: not is_alive(pid))
    assert (await second.ask("status"))["running"] == 0


async def test_a_worker_that_does_not_read_stalls_nobody_else(sandboxes: Sandboxes) -> None:
    deaf, other = await sandboxes.open(NAME), await sandboxes.open(NAME)
    await other.ask("start", command="yes", process_id="p")
    streams = [deaf.stream("exec", command="yes") for _ in range(3)]
    streams += [deaf.stream("follow", id="p")]
    keeper = keeper_of(int(await text_of(other, "echo $PPID")))
    for _ in range(20):
        # The loop of this test takes what comes off the socket, and nobody reads the streams.
        assert await text_of(other, "echo fine") == "fine"
    status = Path(f"/proc/{keeper}/status").read_text()
    assert int(status.partition("VmRSS:")[2].split()[0]) < 150 * 1024
    for stream in streams:
        stream.cancel()


async def test_a_worker_whose_process_hangs_stalls_nobody_else(sandboxes: Sandboxes) -> None:
    """It does not even take the answers off its socket."""
    deaf, other = await sandboxes.open(NAME), await sandboxes.open(NAME)
    for descriptor in list(deaf._asking.channel._poller._epolls.values()):  # type: ignore[attr-defined]
        asyncio.get_running_loop().remove_reader(descriptor.fileno())
    for _ in range(900):
        deaf.stream("processes")
    deaf.stream("exec", command="yes")
    for _ in range(10):
        assert await text_of(other, "echo fine") == "fine"


async def test_stop_ends_all_and_leaves_the_files(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open(NAME)
    await run(sandbox, "setsid sleep 1000 >/dev/null 2>&1 & echo x > file")
    await sandbox.ask("start", command="trap '' TERM; while :; do sleep 1; done")
    async with sandbox.stream("exec", command="echo; sleep 1000") as stream:
        await next_output(aiter(stream))
        assert await sandbox.ask("stop") == {}
        with pytest.raises(SandboxRefused, match="The sandbox was stopped"):
            await stream.answer()
    assert await sandbox.is_lost() == "The sandbox was stopped"
    until(lambda: not processes_with(NAME))
    assert not (sandboxes.folder / NAME / "keeper.sock").exists()
    again = await sandboxes.open(NAME)
    assert again.boot != sandbox.boot
    assert await text_of(again, "cat file") == "x"


async def test_destroy_leaves_nothing(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open(NAME)
    await text_of(sandbox, "mkdir -p a/b; touch a/b/c; chmod 000 a/b; mkfifo pipe; ln -s / root")
    await sandbox.ask("destroy")
    assert not (sandboxes.folder / NAME).exists()
    assert Path("/etc/passwd").exists()


async def test_a_sandbox_that_has_nothing_to_do_sleeps(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open(NAME)
    begun = await sandbox.ask("start", command="sleep 1000")
    async with sandbox.stream("hold"):
        await sandbox.ask("settings", sleep_after_s=0.2)
        await text_of(sandbox, "sleep 0.5")
        assert is_alive(begun["pid"])
    assert "sleeps" in await sandbox.is_lost()
    until(lambda: not is_alive(begun["pid"]))


async def test_one_that_is_asked_nothing_at_all_sleeps(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open(NAME, sleep_after_s=0.1)
    assert "sleeps" in await sandbox.is_lost()


async def test_a_sandbox_that_is_kept_alive_does_not_sleep(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open(NAME)
    await sandbox.ask("settings", keep_alive=True, sleep_after_s=0.3)
    lost = asyncio.ensure_future(sandbox.is_lost())
    await asyncio.wait({lost}, timeout=0.8)
    assert not lost.done()
    await sandbox.ask("settings", keep_alive=False)
    assert "sleeps" in await lost


@pytest.mark.parametrize("kind", ["none", "bubblewrap"])
async def test_an_agent_that_is_killed_ends_the_sandbox_loudly(
    sandboxes: Sandboxes, walled: Sandboxes, kind: str
) -> None:
    sandbox = await (sandboxes if kind == "none" else walled).open(NAME)
    await sandbox.ask("start", command="sleep 1000")
    waiting = asyncio.ensure_future(run(sandbox, "sleep 1000"))
    with pytest.raises(SandboxRefused, match="ended"):
        await run(sandbox, "kill -9 $PPID; sleep 1000")
    with pytest.raises(SandboxRefused):
        await waiting
    assert "The agent inside the sandbox was lost" in await sandbox.is_lost()
    until(lambda: not processes_with(NAME))


async def test_who_hears_that_the_agent_was_lost_knows_that_the_sandbox_ends(
    sandboxes: Sandboxes,
) -> None:
    """So that what is asked next is asked of a new one."""
    for _ in range(5):
        sandbox = await sandboxes.open(NAME)
        with pytest.raises(SandboxRefused, match="was lost"):
            await run(sandbox, "kill -9 $PPID; sleep 1000")
        assert not sandbox.is_open


async def test_a_keeper_that_is_killed_leaves_nothing_running(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open(NAME)
    agent = int(await text_of(sandbox, "echo $PPID"))
    await run(sandbox, "setsid bash -c 'sleep 1000; :' >/dev/null 2>&1 &")
    await sandbox.ask("start", command="sleep 1000; :")
    os.kill(keeper_of(agent), signal.SIGKILL)
    await sandbox.is_lost()
    until(lambda: not processes_with(NAME))
    again = await sandboxes.open(NAME)
    assert await text_of(again, "echo again") == "again"


async def test_a_keeper_and_agent_that_are_killed_leave_nothing_running(
    sandboxes: Sandboxes,
) -> None:
    """The launcher adopts what they had, and ends it."""
    sandbox = await sandboxes.open(NAME)
    agent = int(await text_of(sandbox, "echo $PPID"))
    keeper = keeper_of(agent)
    await run(sandbox, "setsid bash -c 'sleep 1000; :' >/dev/null 2>&1 &")
    os.kill(agent, signal.SIGSTOP)
    os.kill(keeper, signal.SIGKILL)
    os.kill(agent, signal.SIGKILL)
    until(lambda: not processes_with(NAME))
    assert not sandbox.is_open or await sandbox.is_lost()


async def test_behind_a_wall_a_killed_keeper_leaves_nothing_running(walled: Sandboxes) -> None:
    sandbox = await walled.open(NAME)
    await run(sandbox, "setsid bash -c 'sleep 1000; :' >/dev/null 2>&1 &")
    keepers = [p for p in Path("/proc").iterdir() if p.name.isdigit() and holds(p, NAME)]
    assert keepers
    for keeper in keepers:
        os.kill(int(keeper.name), signal.SIGKILL)
    await sandbox.is_lost()
    again = await walled.open(NAME)
    assert await text_of(again, "ps ax | grep -c '[s]leep 1000'; true") == "0"


def holds(process: Path, name: str) -> bool:
    """Whether a process has a sandbox's lock."""
    try:
        return any(f"{name}/keeper.lock" in os.readlink(fd) for fd in (process / "fd").iterdir())
    except OSError:
        return False


async def test_a_disk_that_is_filled_ends_what_fills_it(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open(NAME, disk_bytes=5_000_000)
    await sandbox.ask(
        "start", command="head -c 20000000 /dev/zero > big; sleep 1000", process_id="p"
    )
    assert (await sandbox.ask("wait", id="p"))["signal"] == "SIGKILL"
    assert any("disk_exceeded" in notice for notice in sandbox.notices)
    await sandbox.ask("delete", path="big")
    assert await text_of(sandbox, "echo goes on") == "goes on"


async def test_a_sandbox_that_cannot_be_started_says_why(sandboxes: Sandboxes) -> None:
    with pytest.raises(SandboxRefused, match=r"cannot be started.*does not exist") as caught:
        await sandboxes.open(NAME, mounts=[["/no/such/folder", "/opt/folder"]])
    assert caught.value.code == "CONTAINER_UNAVAILABLE"
    assert await text_of(await sandboxes.open(NAME), "echo now") == "now"


async def test_how_it_is(walled: Sandboxes) -> None:
    sandbox = await walled.open(NAME)
    await sandbox.ask("start", command="sleep 1000")
    status = await sandbox.ask("status")
    assert status["running"] == 1
    assert status["is_walled"] is True
    assert status["usage"]["processes"] >= 3


async def test_a_worker_that_talks_garbage_is_cut_off_and_nobody_else(
    sandboxes: Sandboxes,
) -> None:
    liar, other = await sandboxes.open(NAME), await sandboxes.open(NAME)
    liar._asking.channel._socket.sendall(b"GET / HTTP/1.1\r\n\r\n")
    await liar.is_lost()
    assert await text_of(other, "echo fine") == "fine"
    assert isinstance(other, SandboxConnection)
