"""Commands that are waited for, behind a real wall."""

import asyncio
import base64
from typing import Any

import pytest

from perdure.actors.abort_signal import AbortSignal
from perdure.runtime.sandbox.api.commands import (
    COMMAND_BYTES_MAX,
    environment_of,
    input_of,
    variables_of,
)
from perdure.runtime.sandbox.api.events import parse_sse_stream
from perdure.runtime.sandbox.api.output import KEPT_BYTES_MAX
from perdure.runtime.sandbox.api.part import Scope
from perdure.runtime.sandbox.errors import SandboxCommandError, SandboxError, SandboxInvalid
from perdure.runtime.sandbox.results import ExecResult
from tests.runtime.sandbox.boxes import Boxes
from tests.runtime.sandbox.sandboxes import TIMES_S


async def test_a_command_tells_what_it_wrote_and_how_it_ended(boxes: Boxes) -> None:
    result = await boxes.box().exec("echo out; echo err >&2; exit 3")
    assert (result.stdout, result.stderr, result.exit_code) == ("out\n", "err\n", 3)
    assert not result.success
    assert result.command == "echo out; echo err >&2; exit 3"
    assert result.duration > 0
    assert result.timestamp.endswith("Z")
    assert (result.session_id, result.dropped_bytes) == (None, 0)
    assert (await boxes.box().exec("kill -9 $$")).exit_code == 128 + 9


async def test_it_has_the_variables_the_folder_and_the_input_that_it_is_given(
    boxes: Boxes,
) -> None:
    box = boxes.box()
    result = await box.exec("pwd; echo $A; cat", env={"A": "1 2"}, cwd="/tmp", stdin="é\n")
    assert result.stdout == "/tmp\n1 2\né\n"
    result = await box.exec("cat | od -An -tx1", stdin=b"\x00\xff")
    assert result.stdout.split() == ["00", "ff"]
    assert (await box.exec("cat")).stdout == ""
    large = "x" * 3_000_000
    assert (await box.exec("wc -c", stdin=large)).stdout.strip() == "3000000"
    assert (await box.exec("true", stdin=large)).success


async def test_bytes_that_are_no_text_are_kept_in_base64(boxes: Boxes) -> None:
    box = boxes.box()
    command = r"printf '\xff\x00a'"
    result = await box.exec(command, encoding="base64")
    assert base64.b64decode(result.stdout) == b"\xff\0a"
    assert (await box.exec(command)).stdout == "\ufffd\0a"
    with pytest.raises(SandboxInvalid, match="encoding"):
        await box.exec("true", encoding="latin-1")  # type: ignore[arg-type]  # on purpose


async def test_one_whose_time_is_over_is_ended_with_all_that_it_started(boxes: Boxes) -> None:
    box = boxes.box()
    for timeout in TIMES_S:
        with pytest.raises(
            SandboxCommandError, match=f"did not end within {timeout:g} s"
        ) as raised:
            await box.exec("echo begun; sleep 987 & sleep 987", timeout=timeout)
        if raised.value.context["stdout"]:
            break
    assert raised.value.code == "COMMAND_EXECUTION_ERROR"
    assert raised.value.context["stdout"] == "begun\n"
    assert raised.value.context["timed_out"] is True
    gone = "until ! pgrep -x sleep >/dev/null; do sleep 0.02; done"
    assert (await box.exec(gone, timeout=60)).success


async def test_output_without_end_is_bounded_and_its_newest_part_is_kept(boxes: Boxes) -> None:
    result = await boxes.box().exec(f"head -c {KEPT_BYTES_MAX + 500_000} /dev/zero; echo end")
    assert result.stdout.endswith("end\n")
    assert result.dropped_bytes > 0
    assert result.stdout.startswith(f"[{result.dropped_bytes:,} bytes dropped]\n")
    kept = len(result.stdout) - len(f"[{result.dropped_bytes:,} bytes dropped]\n")
    assert kept + result.dropped_bytes == KEPT_BYTES_MAX + 500_000 + len("end\n")


async def test_callbacks_hear_of_output_as_it_comes_and_of_the_end(boxes: Boxes) -> None:
    heard: list[Any] = []

    async def slowly(name: str, text: str) -> None:
        await asyncio.sleep(0)
        heard.append((name, text))

    async def script() -> ExecResult:
        return await boxes.box().exec(
            "echo a; echo b >&2; read x; echo $x",
            stdin="c\n",
            stream=True,
            on_output=slowly,
            on_complete=heard.append,
        )

    result = await boxes.called(script)
    assert "".join(text for name, text in heard[:-1] if name == "stdout") == "a\nc\n"
    assert "".join(text for name, text in heard[:-1] if name == "stderr") == "b\n"
    assert heard[-1] == result


async def test_characters_that_are_cut_in_two_arrive_whole(boxes: Boxes) -> None:
    heard: list[str] = []
    command = r"printf '\xc3'; sleep 0.1; printf '\xa9\xe2'"

    async def script() -> None:
        await boxes.box().exec(command, on_output=lambda _, text: heard.append(text))

    await boxes.called(script)
    assert "".join(heard) == "é\ufffd"


async def test_errors_are_told_and_raised(boxes: Boxes) -> None:
    heard: list[Exception] = []
    box = boxes.box()

    async def script() -> None:
        with pytest.raises(SandboxCommandError):
            await box.exec("sleep 987", timeout=0.1, on_error=heard.append)

    await boxes.called(script)
    [error] = heard
    assert isinstance(error, SandboxCommandError)
    for command in ("", "  "):
        with pytest.raises(SandboxCommandError, match="not empty") as raised:
            await box.exec(command)
        assert raised.value.code == "INVALID_COMMAND"
    with pytest.raises(SandboxError, match="no/such") as refused:
        await box.exec("true", cwd="/no/such")
    assert refused.value.code == "FILE_NOT_FOUND"


async def test_a_signal_calls_it_off(boxes: Boxes) -> None:
    box = boxes.box()
    begun = asyncio.Event()

    async def wait() -> str:
        await begun.wait()
        return "enough"

    async def script() -> str:
        with pytest.raises(SandboxError) as raised:
            await box.exec(
                "echo x; sleep 987", signal=AbortSignal(wait), on_output=lambda *_: begun.set()
            )
        return raised.value.code

    assert await boxes.called(script) == "OPERATION_INTERRUPTED"
    gone = "while pgrep -x sleep >/dev/null; do sleep 0.02; done"
    assert (await box.exec(gone, timeout=60)).success


async def test_commands_run_beside_each_other(boxes: Boxes) -> None:
    box = boxes.box()
    await box.exec("mkfifo pipe")
    reads, writes = await asyncio.gather(box.exec("cat pipe"), box.exec("echo hello > pipe"))
    assert (reads.stdout, writes.exit_code) == ("hello\n", 0)


async def test_what_a_command_leaves_in_the_background_goes_on(boxes: Boxes) -> None:
    box = boxes.box()
    await box.exec("(until test -e go; do sleep 0.02; done; echo done > there) >/dev/null 2>&1 &")
    await box.exec("touch go; until test -e there; do sleep 0.02; done", timeout=60)


async def test_a_stream_gives_events_of_what_it_writes(boxes: Boxes) -> None:
    stream = await boxes.box().exec_stream("echo a; echo b >&2; exit 4")
    events = [event async for event in parse_sse_stream(stream)]
    assert [events[0]["type"], events[-1]["type"]] == ["start", "complete"]
    assert events[-1]["exit_code"] == 4
    told = {event["type"]: event["data"] for event in events[1:-1]}
    assert told == {"stdout": "a\n", "stderr": "b\n"}
    assert all(event["timestamp"].endswith("Z") for event in events)


async def test_a_stream_tells_of_errors_and_ends(boxes: Boxes) -> None:
    stream = await boxes.box().exec_stream("sleep 987", timeout=0.1)
    events = [event async for event in parse_sse_stream(stream)]
    assert [event["type"] for event in events] == ["start", "error"]
    assert events[1]["code"] == "COMMAND_EXECUTION_ERROR"
    with pytest.raises(SandboxCommandError):
        await boxes.box().exec_stream("")


async def test_whoever_stops_reading_a_stream_ends_the_command(boxes: Boxes) -> None:
    box = boxes.box()
    stream: Any = await box.exec_stream("yes")
    async for _ in stream:
        break
    stream.cancel()
    gone = "until ! pgrep -x yes >/dev/null; do sleep 0.02; done"
    assert (await box.exec(gone, timeout=60)).success


def test_variables_are_text_and_none_removes_one() -> None:
    scope = Scope("s", "/x", {"A": "1", "B": "2"})
    fields = environment_of(scope, {"A": None, "C": "3"}, None)
    variables = {"A": None, "B": "2", "C": "3"}  # the keeper leaves out what is None
    assert fields == {"env": variables, "cwd": "/x", "session": "s"}
    assert environment_of(Scope(), None, "/y") == {"env": {}, "cwd": "/y"}
    for place in (5, b"/tmp"):
        with pytest.raises(SandboxInvalid, match="cwd is text"):
            environment_of(Scope(), None, place)  # type: ignore[arg-type]  # on purpose
    wrong: list[Any] = [
        ["A=1"],
        "A=1",
        {"": "1"},
        {"A=B": "1"},
        {"A": 1},
        {"A": "\0"},
        {1: "1"},
        {"\0": "1"},
    ]
    for env in wrong:
        with pytest.raises(SandboxInvalid, match="env"):
            variables_of(env)


async def test_a_command_can_do_without_a_variable_that_all_others_have(boxes: Boxes) -> None:
    box = boxes.box()
    await box.set_env_vars({"A": "1", "B": "2"})
    assert (await box.exec("echo [$A$B]", env={"A": None})).stdout == "[2]\n"
    process = await box.start_process("echo [$A$B]", env={"B": None})
    assert (await process.wait_for_log("[", timeout=60)).line == "[1]"


@pytest.mark.parametrize("stdin", [5, ["a"], object()])
async def test_input_that_is_none_is_refused(stdin: Any) -> None:
    with pytest.raises(SandboxInvalid, match="stdin is text or bytes"):
        input_of(stdin)
    assert [input_of(each) for each in (None, "é", b"x", bytearray(b"y"))] == [
        None,
        "é".encode(),
        b"x",
        b"y",
    ]


async def test_only_a_signal_calls_a_command_off(boxes: Boxes) -> None:
    with pytest.raises(SandboxInvalid, match="signal is an AbortSignal, not 'stop'"):
        await boxes.box().exec("true", signal="stop")  # type: ignore[arg-type]  # on purpose


async def test_what_is_too_long_for_the_system_is_refused_with_what_to_do(boxes: Boxes) -> None:
    box = boxes.box()
    longest = "# " + "x" * (COMMAND_BYTES_MAX - 2)
    assert (await box.exec(longest)).success
    for command in (longest + "x", "é" * (COMMAND_BYTES_MAX // 2 + 1), "x" * 5_000_000):
        with pytest.raises(SandboxCommandError, match="write it to a file") as raised:
            await box.exec(command)
        assert raised.value.code == "INVALID_COMMAND"
    with pytest.raises(SandboxCommandError, match="write what is long to a file"):
        await box.exec("true", env={"A": "x" * 200_000})


async def test_a_result_is_what_it_was_after_a_call(boxes: Boxes) -> None:
    assert type(await boxes.box().exec("true")) is ExecResult


async def test_what_cannot_be_called_back_is_refused_before_anything_runs(boxes: Boxes) -> None:
    box: Any = boxes.box()
    for call, name in (
        ("exec", "on_output"),
        ("start_process", "on_exit"),
        ("run_code", "on_result"),
    ):
        with pytest.raises(SandboxInvalid, match=f"{name} is a function; it was given 5"):
            await getattr(box, call)("touch here", **{name: 5})
    assert not (await box.exists("here")).exists
