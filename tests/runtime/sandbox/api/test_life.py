"""When a sandbox sleeps and ends, and what the program is told of it."""

import asyncio
import os
import signal
from typing import Any

import pytest

from perdure.runtime.sandbox.errors import SandboxInvalid, SandboxUnavailable
from perdure.runtime.sandbox.sandbox import Sandbox
from tests.runtime.sandbox.boxes import Boxes


class Telling(Sandbox):
    heard: list[Any]

    def on_start(self) -> None:
        self.heard.append("start")

    async def on_stop(self, reason: str) -> None:
        await asyncio.sleep(0)
        self.heard.append(reason)

    def on_error(self, error: Exception) -> None:
        self.heard.append(error)


class Furnishing(Sandbox):
    async def on_start(self) -> None:
        await asyncio.gather(self.write_file("there", "already"), self.exec("echo too >> there"))


class Failing(Sandbox):
    failures = 0

    def on_start(self) -> None:
        type(self).failures += 1
        if self.failures <= 2:
            raise ValueError(f"failure {self.failures}")


class Clumsy(Sandbox):
    def on_stop(self, reason: str) -> None:
        raise ValueError(reason)

    async def on_error(self, error: Exception) -> None:
        raise ValueError("of on_error") from error


@pytest.fixture
def heard() -> list[Any]:
    Telling.heard = []
    return Telling.heard


async def until(is_true: Any) -> None:
    async with asyncio.timeout(60):
        while not is_true():
            await asyncio.sleep(0.01)


async def test_it_is_started_by_the_first_call_and_stopped_by_a_call(
    boxes: Boxes, heard: list[Any]
) -> None:
    box = boxes.box(cls=Telling)
    assert not (await box.get_status()).is_running
    await box.write_file("kept", "x")
    status = await box.get_status()
    assert (status.is_running, status.is_walled, status.processes) == (True, True, 0)
    assert status.uptime_s > 0
    await box.stop()
    assert not (await box.get_status()).is_running
    await until(lambda: len(heard) == 2)
    assert (await box.read_file("kept")).content == "x"
    assert heard == ["start", "The sandbox was stopped", "start"]


async def test_what_on_start_does_is_done_before_anything_else(boxes: Boxes) -> None:
    box = boxes.box(cls=Furnishing)
    found, result = await asyncio.gather(box.exists("there"), box.exec("cat there"))
    assert found.exists
    assert result.stdout
    await box.stop()
    assert (await box.exec("cat there")).success


async def test_an_on_start_that_has_failed_is_called_again(boxes: Boxes) -> None:
    Failing.failures = 0
    box = boxes.box(cls=Failing)
    for number in (1, 2):
        with pytest.raises(ValueError, match=f"failure {number}"):
            await box.exec("true")
    assert (await box.exec("echo now")).stdout == "now\n"
    await box.exec("true")
    assert Failing.failures == 3


async def test_it_sleeps_when_it_has_nothing_to_do_and_its_files_stay(
    boxes: Boxes, heard: list[Any]
) -> None:
    box = boxes.box(cls=Telling)
    await box.write_file("kept", "x")
    await box.set_sleep_after(0.1)
    await until(lambda: len(heard) == 2)
    assert heard == ["start", "The sandbox sleeps, for it has had nothing to do"]
    await box.set_sleep_after("1h")
    assert (await box.read_file("kept")).content == "x"


async def test_one_that_is_kept_alive_does_not_sleep(boxes: Boxes) -> None:
    box = boxes.box(sleep_after=0.2, keep_alive=True)
    process = await box.start_process("sleep 987")
    before = boxes.home
    connection = await before.find(str(box.stub.id))
    assert connection is not None
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.6):
            await connection.is_lost()
    await box.set_keep_alive(False)
    async with asyncio.timeout(60):
        await connection.is_lost()
    assert await box.get_process(process.id) is None


async def test_when_it_sleeps_is_remembered(boxes: Boxes) -> None:
    box = boxes.box(sleep_after="1h")
    await box.exec("true")
    await box.stop()
    boxes.restart(sleep_after_s=0.05)
    again = boxes.box()
    process = await again.start_process("sleep 0.4; echo x")
    assert (await process.wait_for_exit(timeout=60)).exit_code == 0
    with pytest.raises(SandboxInvalid, match="sleep_after is"):
        await again.set_sleep_after("soon")


async def test_destroy_removes_its_files_and_all_that_is_kept_of_it(
    boxes: Boxes, heard: list[Any]
) -> None:
    box = boxes.box(cls=Telling)
    await box.write_file("gone", "x")
    await box.create_session(id="s")
    await box.set_env_vars({"A": "1"})
    folder = boxes.home.folder / str(box.stub.id)
    assert folder.exists()
    await box.stop()
    await box.destroy()
    assert not folder.exists()
    assert heard[-1] in {"The sandbox was stopped", "The sandbox was destroyed"}
    assert await box.list_sessions() == []
    assert not (await box.exists("gone")).exists
    assert (await box.exec("echo $A")).stdout == "\n"
    await box.destroy()
    await box.destroy()
    assert not folder.exists()


async def test_an_end_that_nobody_saw_is_told_at_the_next_start(
    boxes: Boxes, heard: list[Any]
) -> None:
    box = boxes.box(cls=Telling)
    await box.exec("true")
    boxes.world.clock.advance(60)
    assert boxes.world.live(Telling) == 0
    connection = await boxes.home.connect(str(box.stub.id))
    await connection.ask("stop")
    boxes.home.forget(str(box.stub.id), connection)
    assert heard == ["start"]
    await box.exec("true")
    assert heard == ["start", "The sandbox has ended while nobody looked", "start"]


async def test_to_end_what_ends_already_is_no_error(boxes: Boxes) -> None:
    box = boxes.box()
    for _ in range(3):
        await box.write_file("kept", "x")
        await asyncio.gather(box.stop(), box.stop())
        assert not (await box.get_status()).is_running
        await box.exec("true")
        await asyncio.gather(box.destroy(), box.stop(), box.destroy())
        assert not boxes.home.has_files(str(box.stub.id))


async def test_it_may_be_told_to_sleep_after_a_very_long_time(boxes: Boxes) -> None:
    box = boxes.box(sleep_after="9000h")
    await box.exec("true")
    await box.set_sleep_after("999999999999h")
    await box.stop()
    assert (await box.exec("echo again")).stdout == "again\n"


async def test_one_whose_keeper_dies_is_started_again(boxes: Boxes, heard: list[Any]) -> None:
    others = boxes.keepers()
    box = boxes.box(cls=Telling)
    process = await box.start_process("sleep 987")
    connection = await boxes.home.connect(str(box.stub.id))
    waits = asyncio.ensure_future(process.wait_for_exit())
    [keeper] = boxes.keepers() - others
    os.kill(keeper, signal.SIGKILL)
    async with asyncio.timeout(60):
        await connection.is_lost()
    with pytest.raises(SandboxUnavailable):
        await waits
    assert await box.list_processes() == []
    assert (await box.exec("echo again")).stdout == "again\n"


async def test_what_keeps_it_from_starting_is_told(boxes: Boxes, heard: list[Any]) -> None:
    boxes.restart(copy=[(boxes.home.folder / "not there", "/workspace/x")])
    box = boxes.box(cls=Telling)
    with pytest.raises(SandboxUnavailable, match="not there") as raised:
        await box.exec("true")
    assert [str(error) for error in heard] == [str(raised.value)]


@pytest.mark.parametrize("value", ["no", None, 0])
async def test_whether_it_is_kept_alive_is_yes_or_no(boxes: Boxes, value: Any) -> None:
    box = boxes.box()
    with pytest.raises(SandboxInvalid, match="keep_alive is True or False"):
        await box.set_keep_alive(value)


async def test_hooks_that_are_only_told_hold_nothing_up_when_they_fail(
    boxes: Boxes, caplog: pytest.LogCaptureFixture
) -> None:
    box = boxes.box(cls=Clumsy)
    await box.exec("true")
    # Its end is told at the next start, which goes on, and once only.
    boxes.world.clock.advance(60)
    assert boxes.world.live(Clumsy) == 0
    connection = await boxes.home.connect(str(box.stub.id))
    await connection.ask("stop")
    boxes.home.forget(str(box.stub.id), connection)
    assert (await box.exec("echo again")).stdout == "again\n"
    assert (await box.exec("echo again")).stdout == "again\n"
    await box.destroy()
    failed = [
        (vars(record)["hook"], str(record.exc_info[1]))
        for record in caplog.records
        if record.msg == "sandbox.hook_failed" and record.exc_info
    ]
    assert failed[0] == ("on_stop", "The sandbox has ended while nobody looked")
    assert [reason for _, reason in failed[1:]] == ["The sandbox was destroyed"]


async def test_who_calls_is_told_what_is_wrong_and_not_what_is_wrong_with_on_error(
    boxes: Boxes, caplog: pytest.LogCaptureFixture
) -> None:
    boxes.restart(copy=[(boxes.home.folder / "not there", "/workspace/x")])
    with pytest.raises(SandboxUnavailable, match="not there"):
        await boxes.box(cls=Clumsy).exec("true")
    assert "of on_error" in caplog.text
