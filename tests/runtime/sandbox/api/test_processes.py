"""Processes in the background, behind a real wall."""

import asyncio
import re
from typing import Any

import pytest

from perdure.runtime.sandbox.api.events import parse_sse_stream
from perdure.runtime.sandbox.errors import (
    SandboxInvalid,
    SandboxNotReady,
    SandboxProcessError,
)
from perdure.runtime.sandbox.sandbox import Sandbox
from tests.runtime.sandbox.boxes import Boxes
from tests.runtime.sandbox.sandboxes import TIMES_S

SERVER = "python3 -m http.server 8080"


async def test_one_is_started_found_and_killed(boxes: Boxes) -> None:
    box = boxes.box()
    process = await box.start_process("sleep 987", process_id="sleeper")
    assert (process.id, process.command, process.status) == ("sleeper", "sleep 987", "running")
    assert process.pid is not None
    assert (process.end_time, process.exit_code, process.session_id) == (None, None, None)
    assert await box.get_process("sleeper") == process
    assert await box.list_processes() == [process]
    await process.kill("SIGKILL")
    assert (await process.wait_for_exit(timeout=60)).exit_code == 128 + 9
    assert await process.get_status() == "killed"
    [ended] = await box.list_processes()
    assert ended.end_time is not None
    assert await box.cleanup_completed_processes() == 1
    assert await box.get_process("sleeper") is None
    assert await process.get_status() == "error"


async def test_nothing_is_started_to_list_what_runs(boxes: Boxes) -> None:
    box = boxes.box()
    assert await box.list_processes() == []
    assert await box.kill_all_processes() == 0
    assert await box.cleanup_completed_processes() == 0
    assert not (await box.get_status()).is_running


async def test_it_goes_on_when_nobody_of_those_is_left_who_started_it(boxes: Boxes) -> None:
    process = await boxes.box().start_process("echo hello; sleep 987")
    await process.wait_for_log("hello", timeout=60)
    earlier = boxes.home
    while boxes.world.live(Sandbox):  # until it has let go of the log
        boxes.world.clock.advance(60)
        await asyncio.sleep(0)
    boxes.restart()
    await earlier.close()
    again = await boxes.box().get_process(process.id)
    assert again is not None
    assert again.pid == process.pid
    assert (await again.get_logs()).stdout == "hello\n"


async def test_how_it_ended_is_its_status(boxes: Boxes) -> None:
    box = boxes.box()
    for command, status, exit_code in [
        ("true", "completed", 0),
        ("exit 7", "failed", 7),
        ("kill -15 $$", "killed", 143),
    ]:
        process = await box.start_process(command)
        assert (await process.wait_for_exit(60)).exit_code == exit_code
        found = await box.get_process(process.id)
        assert found is not None
        assert (found.status, found.exit_code) == (status, exit_code)


async def test_its_time_may_be_limited(boxes: Boxes) -> None:
    process = await boxes.box().start_process("sleep 987", timeout=0.2)
    assert (await process.wait_for_exit(timeout=60)).exit_code == 143


async def test_one_that_is_not_there_is_an_error(boxes: Boxes) -> None:
    box = boxes.box()
    calls: list[Any] = [
        box.kill_process("nobody"),
        box.get_process_logs("nobody"),
        box.stream_process_logs("nobody"),
        box.wait_for_exit("nobody"),
        box.wait_for_log("nobody", "x"),
    ]
    for call in calls:
        with pytest.raises(SandboxProcessError, match="nobody") as raised:
            await call
        assert raised.value.code == "PROCESS_NOT_FOUND"
        assert raised.value.http_status == 404
    process = await box.start_process("sleep 987", process_id="taken")
    with pytest.raises(SandboxProcessError, match="taken"):
        await box.start_process("true", process_id="taken")
    with pytest.raises(SandboxInvalid, match="SIGNONE"):
        await process.kill("SIGNONE")
    assert await box.kill_all_processes() == 1


async def test_its_log_is_what_it_has_written(boxes: Boxes) -> None:
    box = boxes.box()
    process = await box.start_process("echo a; echo b >&2")
    await process.wait_for_exit(60)
    logs = await process.get_logs()
    assert (logs.stdout, logs.stderr, logs.process_id) == ("a\n", "b\n", process.id)
    assert logs.dropped_bytes == 0


async def test_output_without_end_drops_the_oldest_and_says_how_much(boxes: Boxes) -> None:
    box = boxes.box()
    process = await box.start_process("head -c 5000000 /dev/zero | tr '\\0' x; echo end")
    await process.wait_for_exit(60)
    logs = await process.get_logs()
    assert logs.stdout.endswith("end\n")
    assert logs.dropped_bytes > 3_000_000
    assert logs.stdout.count("x") + logs.dropped_bytes >= 5_000_000


async def test_its_log_can_be_followed(boxes: Boxes) -> None:
    box = boxes.box()
    process = await box.start_process("echo a; until test -e go; do sleep 0.02; done; exit 5")
    events = []
    async for event in parse_sse_stream(await box.stream_process_logs(process.id)):
        events.append(event)
        if event["type"] == "stdout":
            await box.write_file("go", "")
    assert [event["type"] for event in events] == ["stdout", "exit"]
    assert (events[0]["data"], events[1]["exit_code"]) == ("a\n", 5)
    assert {event["process_id"] for event in events} == {process.id}


async def test_whoever_starts_it_may_hear_of_it(boxes: Boxes) -> None:
    heard: list[Any] = []
    ended = asyncio.Event()

    def on_exit(code: int) -> None:
        heard.append(code)
        ended.set()

    async def script() -> None:
        process = await boxes.box().start_process(
            "echo a; exit 6",
            on_start=lambda process: heard.append(process.id),
            on_output=lambda name, text: heard.append((name, text)),
            on_exit=on_exit,
        )
        async with asyncio.timeout(60):
            await ended.wait()
        assert heard == [process.id, ("stdout", "a\n"), 6]

    await boxes.called(script)


async def test_a_line_of_its_log_can_be_waited_for(boxes: Boxes) -> None:
    box = boxes.box()
    process = await box.start_process("echo one; echo port=8080 ready; sleep 987")
    found = await process.wait_for_log("ready", timeout=60)
    assert (found.line, found.match) == ("port=8080 ready", [])
    found = await process.wait_for_log(re.compile(r"PORT=(\d+)(x)?", re.IGNORECASE), timeout=60)
    assert found.match == ["port=8080", "8080", None]
    assert (await box.wait_for_log(process.id, re.compile("^one$"))).line == "one"
    with pytest.raises(SandboxNotReady, match=r"within 0\.1 s") as raised:
        await process.wait_for_log("never", timeout=0.1)
    assert raised.value.code == "PROCESS_READY_TIMEOUT"
    assert raised.value.context == {"process_id": process.id, "condition": "never"}


async def test_an_end_before_the_line_is_told(boxes: Boxes) -> None:
    process = await boxes.box().start_process("echo one; exit 3")
    with pytest.raises(SandboxNotReady, match="without writing 'two'") as raised:
        await process.wait_for_log("two", timeout=60)
    assert raised.value.code == "PROCESS_EXITED_BEFORE_READY"
    assert raised.value.context["exit_code"] == 3


async def test_a_server_inside_can_be_waited_for(boxes: Boxes) -> None:
    box = boxes.box()
    process = await box.start_process(f"sleep 0.2; exec {SERVER}")
    await process.wait_for_port(8080, mode="tcp", timeout=60)
    await process.wait_for_port(8080, timeout=60)
    await process.wait_for_port(8080, path="/nope", status=404, timeout=60)
    await box.wait_for_port(8080, status=(200, 299), timeout=60)
    for timeout in TIMES_S:
        with pytest.raises(SandboxNotReady) as raised:
            await box.wait_for_port(8080, path="/nope", timeout=timeout, interval=0.05)
        if "/nope" in str(raised.value):  # there was time for an answer
            break
    assert "/nope has answered 404, and not 200 to 399, with" in str(raised.value)


async def test_a_server_that_ends_is_not_waited_for(boxes: Boxes) -> None:
    box = boxes.box()
    process = await box.start_process("exit 9")
    with pytest.raises(SandboxNotReady, match="ended before port 8080") as raised:
        await process.wait_for_port(8080, timeout=60)
    assert raised.value.context == {"process_id": process.id, "exit_code": 9}
    with pytest.raises(SandboxNotReady, match="Nothing answers at port 8081"):
        await box.wait_for_port(8081, timeout=0.1)


@pytest.mark.parametrize("port", [0, 65_536, "80", True])
async def test_a_port_is_a_port(boxes: Boxes, port: Any) -> None:
    with pytest.raises(SandboxInvalid, match="port is"):
        await boxes.box().wait_for_port(port)


async def test_a_time_is_a_number_of_seconds(boxes: Boxes) -> None:
    box = boxes.box()
    process = await box.start_process("sleep 987")
    waits: list[Any] = [box.wait_for_port, process.wait_for_log, process.wait_for_exit]
    for call, args in zip(waits, ((8080,), ("x",), ()), strict=True):
        for timeout in ("5", float("nan"), -1, True):
            with pytest.raises(SandboxInvalid, match="timeout is a number of seconds"):
                await call(*args, timeout=timeout)


async def test_an_exit_that_does_not_come_in_time_is_told(boxes: Boxes) -> None:
    process = await boxes.box().start_process("sleep 987")
    with pytest.raises(SandboxNotReady, match=r"has not ended within 0\.1 s"):
        await process.wait_for_exit(timeout=0.1)


async def test_the_time_of_one_is_checked_before_it_is_started(boxes: Boxes) -> None:
    box: Any = boxes.box()
    with pytest.raises(SandboxInvalid, match="timeout is a number of seconds") as raised:
        await box.start_process("sleep 987", timeout="5")
    assert raised.value.context == {"field": "timeout"}
    assert await box.list_processes() == []


@pytest.mark.parametrize("pattern", [5, None, re.compile(b"x")])
async def test_a_pattern_is_about_text(boxes: Boxes, pattern: Any) -> None:
    process = await boxes.box().start_process("echo x; sleep 987")
    with pytest.raises(SandboxInvalid, match="pattern is text, or a compiled pattern of text"):
        await process.wait_for_log(pattern)


async def test_all_have_ended_when_all_are_killed(boxes: Boxes) -> None:
    box = boxes.box()
    for number in range(3):
        await box.start_process("trap '' TERM; sleep 987", process_id=f"p{number}")
    assert await box.kill_all_processes() == 3
    assert {process.status for process in await box.list_processes()} == {"killed"}


async def test_nothing_is_started_to_find_one(boxes: Boxes) -> None:
    box = boxes.box()
    assert await box.get_process("p") is None
    assert not (await box.get_status()).is_running


@pytest.mark.parametrize("process_id", ["", 5, "x" * 129])
async def test_what_one_cannot_be_called_is_told(boxes: Boxes, process_id: Any) -> None:
    with pytest.raises(SandboxInvalid, match="process_id is text of 1 to 128 characters"):
        await boxes.box().start_process("sleep 987", process_id=process_id)


async def test_a_signal_that_there_is_not_is_told_with_one_that_there_is(boxes: Boxes) -> None:
    process = await boxes.box().start_process("sleep 987")
    with pytest.raises(SandboxInvalid, match="There is no signal 'term': say its name, such as"):
        await process.kill("term")
