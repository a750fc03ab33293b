"""Sessions: each has a folder and variables of its own."""

from typing import Any

import pytest

from perdure.runtime.sandbox.api.events import parse_sse_stream
from perdure.runtime.sandbox.errors import (
    SandboxCommandError,
    SandboxInvalid,
    SandboxNotReady,
    SandboxSessionError,
)
from tests.runtime.sandbox.boxes import Boxes


async def test_one_has_its_own_folder_and_variables(boxes: Boxes) -> None:
    box = boxes.box()
    await box.exec("mkdir -p /workspace/app")
    session = await box.create_session(id="app", env={"A": "1"}, cwd="/workspace/app")
    result = await session.exec("pwd; echo $A")
    assert (result.stdout, result.session_id) == ("/workspace/app\n1\n", "app")
    assert (await box.exec("pwd; echo $A")).stdout == "/workspace\n\n"
    await session.write_file("here", "x")
    assert (await box.exists("/workspace/app/here")).exists
    process = await session.start_process("pwd; sleep 987")
    assert process.session_id == "app"
    await process.wait_for_log("/workspace/app", timeout=60)
    other = await box.create_session()
    assert other.id.startswith("session-")
    assert (await other.exec("echo $A")).stdout == "\n"


async def test_it_is_found_again_by_whoever_knows_its_id(boxes: Boxes) -> None:
    box = boxes.box()
    await box.create_session(id="s", name="Mine", env={"A": "1"})
    again = await box.get_session("s")
    assert (await again.exec("echo $A")).stdout == "1\n"
    [facts] = await box.list_sessions()
    assert (facts.id, facts.name, facts.cwd) == ("s", "Mine", None)
    with pytest.raises(SandboxSessionError, match="already") as raised:
        await box.create_session(id="s")
    assert raised.value.code == "SESSION_ALREADY_EXISTS"


async def test_to_delete_it_ends_its_processes_and_no_others(boxes: Boxes) -> None:
    box = boxes.box()
    session = await box.create_session(id="s")
    inside = await session.start_process("sleep 987")
    outside = await box.start_process("sleep 987")
    assert (await box.delete_session("s")).id == "s"
    assert (await inside.wait_for_exit(timeout=60)).exit_code == 143
    assert await outside.get_status() == "running"
    with pytest.raises(SandboxSessionError, match="no session s") as raised:
        await box.delete_session("s")
    assert raised.value.code == "SESSION_DESTROYED"


async def test_its_first_use_makes_one(boxes: Boxes) -> None:
    box = boxes.box()
    assert (await box.exec("pwd; export A=1", session_id="one")).session_id == "one"
    assert (await box.exec("echo $A", session_id="one")).stdout == "1\n"
    two = await box.get_session("two")
    assert [facts.id for facts in await box.list_sessions()] == ["one"]
    await two.set_env_vars({"A": "2"})
    assert (await two.exec("pwd; echo $A")).stdout == "/workspace\n2\n"
    assert [facts.id for facts in await box.list_sessions()] == ["one", "two"]
    with pytest.raises(SandboxSessionError, match="already"):
        await box.create_session(id="one")
    await box.delete_session("two")
    assert (await two.exec("echo $A")).stdout == "\n", "it is a new one"


@pytest.mark.parametrize("session_id", [5, "", "a b", "-a", "x" * 65])
async def test_what_cannot_be_an_id_is_none(boxes: Boxes, session_id: Any) -> None:
    box = boxes.box()
    calls: list[Any] = [
        box.get_session(session_id),
        box.delete_session(session_id),
        box.exec("true", session_id=session_id),
        box.read_file("/x", session_id=session_id),
        box.set_env_vars({}, session_id=session_id),
    ]
    for call in calls:
        with pytest.raises(SandboxInvalid, match="session's id"):
            await call
    assert await box.list_sessions() == []


async def test_variables_can_be_set_for_all_or_for_one_session(boxes: Boxes) -> None:
    box = boxes.box()
    session = await box.create_session(id="s", env={"B": "s"})
    await box.set_env_vars({"A": "1", "B": "2"})
    show = "echo $A$B$C"
    assert (await box.exec(show)).stdout == "12\n"
    assert (await session.exec(show)).stdout == "1s\n"
    await session.set_env_vars({"B": None, "C": "3"})
    assert (await session.exec(show)).stdout == "123\n"
    await box.set_env_vars({"A": None})
    assert (await box.exec(show)).stdout == "2\n"
    await box.stop()
    assert (await box.exec(show)).stdout == "2\n"
    with pytest.raises(SandboxInvalid, match="env"):
        await box.set_env_vars({"A": 1})  # type: ignore[dict-item]  # on purpose


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"id": ""}, "session's id"),
        ({"id": "a b"}, "session's id"),
        ({"id": "-a"}, "session's id"),
        ({"id": "x" * 65}, "session's id"),
        ({"cwd": "relative"}, "absolute"),
        ({"env": {"A": 1}}, "env"),
    ],
)
async def test_what_cannot_be_one_is_refused(
    boxes: Boxes, options: dict[str, Any], why: str
) -> None:
    with pytest.raises(SandboxInvalid, match=why):
        await boxes.box().create_session(**options)


async def test_its_commands_have_the_time_that_it_gives_them(boxes: Boxes) -> None:
    box = boxes.box()
    session = await box.create_session(id="hasty", command_timeout=0.2)
    with pytest.raises(SandboxCommandError, match=r"within 0\.2 s"):
        await session.exec("sleep 987")
    events = [event async for event in parse_sse_stream(await session.exec_stream("sleep 987"))]
    assert (events[-1]["type"], events[-1]["code"]) == ("error", "COMMAND_EXECUTION_ERROR")
    # One that is given a time has that, and what runs in the background has all the time.
    assert (await session.exec("sleep 0.5; echo late", timeout=60)).stdout == "late\n"
    process = await session.start_process("sleep 987")
    with pytest.raises(SandboxNotReady):
        await process.wait_for_exit(timeout=0.5)
    # It lasts, as the session does; the sandbox's other commands have nothing to do with it.
    boxes.restart()
    again = await boxes.box().get_session("hasty")
    with pytest.raises(SandboxCommandError, match=r"within 0\.2 s"):
        await again.exec("sleep 987")
    assert (await box.exec("sleep 0.5; echo late")).stdout == "late\n"


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"command_timeout": 0}, "command_timeout is a number of seconds"),
        ({"command_timeout": "5"}, "command_timeout is a number of seconds"),
        ({"name": 5}, "name is text"),
        ({"cwd": "app"}, "absolute path, not 'app'"),
        ({"env": {"A": 1}}, "the value of 'A' is text"),
        ({"env": {"A=": "1"}}, "cannot be called 'A='"),
    ],
)
async def test_what_makes_no_sense_for_one_is_told(
    boxes: Boxes, options: dict[str, Any], what: str
) -> None:
    with pytest.raises(SandboxInvalid, match=what):
        await boxes.box().create_session(**options)
    assert await boxes.box().list_sessions() == []


async def test_variables_and_switches_are_what_they_seem(boxes: Boxes) -> None:
    box: Any = boxes.box()
    with pytest.raises(SandboxInvalid, match="set_env_vars takes a dict"):
        await box.set_env_vars(None)
    with pytest.raises(SandboxInvalid, match="enable_default_session is True or False"):
        await box.set_enable_default_session("no")
