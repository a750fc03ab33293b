"""What commands leave to the next ones of their session, behind a real wall."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from perdure.runtime.sandbox.api.events import parse_sse_stream
from perdure.runtime.sandbox.api.part import Scope
from perdure.runtime.sandbox.api.shell_state import VARIABLES_BYTES_MAX, ShellState
from perdure.runtime.sandbox.errors import SandboxCommandError, SandboxFileNotFound
from perdure.runtime.sandbox.sandbox import Sandbox
from tests.runtime.sandbox.boxes import Boxes
from tests.world import World

SHOW = "pwd; echo $A"


async def test_the_next_command_is_where_the_last_one_was_and_has_its_variables(
    boxes: Boxes,
) -> None:
    box = boxes.box()
    await box.exec("mkdir -p app/src; cd app; export A=1 B=2")
    assert (await box.exec(SHOW)).stdout == "/workspace/app\n1\n"
    await box.exec("cd /workspace; ln -sf app link; cd link")
    assert (await box.exec("pwd; cd ..; pwd")).stdout == "/workspace/link\n/workspace\n"
    await box.exec("cd app")
    await box.exec("cd src && unset B; false")
    assert (await box.exec(f"{SHOW}; echo ${{B-gone}}; cd -")).stdout == (
        "/workspace/app/src\n1\ngone\n/workspace/app\n"
    )
    assert (await box.exec("pwd; (cd /; export A=3); B=local")).stdout == "/workspace/app\n"
    assert (await box.exec(f"{SHOW}; echo $B")).stdout == "/workspace/app\n1\n\n"


async def test_what_is_said_for_one_command_is_for_that_one(boxes: Boxes) -> None:
    box = boxes.box()
    await box.exec("mkdir app; export A=1")
    assert (await box.exec(SHOW, cwd="/tmp", env={"A": "2"})).stdout == "/tmp\n2\n"
    assert (await box.exec(SHOW, env={"A": None})).stdout == "/workspace\n\n"
    assert (await box.exec(SHOW)).stdout == "/workspace\n1\n"
    await box.exec("export B=1", env={"C": "given"})
    assert (await box.exec("echo $B$C")).stdout == "1\n"
    await box.exec("cd ../workspace/app; export A=$A$A", cwd="/tmp", env={"A": "3"})
    assert (await box.exec(SHOW)).stdout == "/workspace/app\n33\n"


async def test_sessions_do_not_share_it(boxes: Boxes) -> None:
    box = boxes.box()
    one = await box.create_session(id="one", env={"A": "one"})
    two = await box.create_session(id="two", cwd="/tmp")
    await one.exec("cd /usr; export A=1$A")
    await two.exec("export A=2")
    assert (await one.exec(SHOW)).stdout == "/usr\n1one\n"
    assert (await two.exec(SHOW)).stdout == "/tmp\n2\n"
    assert (await box.exec(SHOW)).stdout == "/workspace\n\n"


async def test_what_a_deleted_session_has_left_is_gone(boxes: Boxes) -> None:
    box = boxes.box()
    session = await box.create_session(id="one")
    await session.exec("cd /usr; export A=1")
    await box.delete_session("one")
    again = await box.create_session(id="one")
    assert (await again.exec(SHOW)).stdout == "/workspace\n\n"


async def test_what_comes_when_its_session_was_deleted_is_left_to_nobody(boxes: Boxes) -> None:
    box = boxes.box()
    session = await box.create_session(id="one")
    command = "touch begun; until [ -e go ]; do sleep 0.01; done; export A=1"
    late = asyncio.ensure_future(session.exec(command))
    await box.exec("until [ -e begun ]; do sleep 0.01; done")
    await box.delete_session("one")
    await box.write_file("go", "")
    assert (await late).success
    again = await box.create_session(id="one")
    assert (await again.exec(SHOW)).stdout == "/workspace\n\n"


async def test_all_that_belongs_to_a_session_begins_there(boxes: Boxes) -> None:
    box = boxes.box()
    await box.exec("mkdir app; cd app; export A=1")
    await box.write_file("file", "text")
    assert (await box.read_file("/workspace/app/file")).content == "text"
    assert (await box.exists("file")).exists
    process = await box.start_process(f"{SHOW}; cd /; export A=2; echo done; sleep 987")
    await process.wait_for_log("done", timeout=60)
    assert (await process.get_logs()).stdout == "/workspace/app\n1\ndone\n"
    stream = await box.exec_stream("cd /tmp; export A=3")
    assert [event["type"] async for event in parse_sse_stream(stream)] == ["start", "complete"]
    assert (await box.exec(SHOW)).stdout == "/tmp\n3\n"


async def test_what_is_set_later_counts(boxes: Boxes) -> None:
    box = boxes.box()
    session = await box.create_session(id="s")
    for each in (box, session):
        await each.exec("export A=1 B=1")
        await each.set_env_vars({"A": "2"})
        assert (await each.exec("echo $A$B")).stdout == "21\n"
        await each.exec("export A=3")
        assert (await each.exec("echo $A$B")).stdout == "31\n"
        await each.set_env_vars({"A": None})
        assert (await each.exec("echo $A$B")).stdout == "1\n"


async def test_commands_at_the_same_time_leave_what_each_has_changed(boxes: Boxes) -> None:
    box = boxes.box()
    await box.exec("mkdir a; export A=0")
    begins = "touch here-{0}; until [ -e go ]; do sleep 0.01; done;"
    commands = (f"{begins.format(1)} export B=1", f"{begins.format(2)} cd a")
    both = [asyncio.ensure_future(box.exec(command)) for command in commands]
    await box.exec("until [ -e here-1 ] && [ -e here-2 ]; do sleep 0.01; done; export A=9")
    await box.write_file("/workspace/go", "")
    await asyncio.gather(*both)
    assert (await box.exec("pwd; echo $A$B")).stdout == "/workspace/a\n91\n"


async def test_it_stays_when_the_actor_goes_and_not_when_the_sandbox_does(boxes: Boxes) -> None:
    box = boxes.box()
    session = await box.create_session(id="s", cwd="/tmp", env={"A": "0"})
    await box.exec("mkdir -p app; cd app; export A=1")
    await session.exec("cd /usr; export A=2")
    earlier = boxes.home
    boxes.world.clock.advance(60)
    assert boxes.world.live(Sandbox) == 0
    boxes.restart()
    await earlier.close()
    box = boxes.box()
    session = await box.get_session("s")
    assert (await box.exec(SHOW)).stdout == "/workspace/app\n1\n"
    assert (await session.exec(SHOW)).stdout == "/usr\n2\n"
    await box.stop()
    await box.write_file("here", "")
    assert (await box.exec(f"{SHOW}; ls here")).stdout == "/workspace\n\nhere\n"
    assert (await session.exec(SHOW)).stdout == "/tmp\n0\n"


async def test_a_folder_that_is_no_more_is_left_for_the_one_before(boxes: Boxes) -> None:
    box = boxes.box()
    session = await box.create_session(id="s", cwd="/tmp")
    for each, where in ((box, "/workspace"), (session, "/tmp")):
        await each.exec("mkdir -p /tmp/gone; cd /tmp/gone; rmdir /tmp/gone")
        assert (await each.exec("pwd")).stdout == f"{where}\n"
        process = await each.start_process("pwd; sleep 987")
        await process.wait_for_log(where, timeout=60)
        with pytest.raises(SandboxFileNotFound, match="/nowhere"):
            await each.exec("true", cwd="/nowhere")


async def test_without_a_default_session_each_command_begins_anew(boxes: Boxes) -> None:
    box = boxes.box(enable_default_session=False)
    await box.exec("cd /tmp; export A=1")
    assert (await box.exec(SHOW)).stdout == "/workspace\n\n"
    session = await box.create_session()
    await session.exec("cd /tmp; export A=1")
    assert (await session.exec(SHOW)).stdout == "/tmp\n1\n"
    await box.set_enable_default_session(True)
    await box.exec("cd /tmp; export A=1")
    assert (await box.exec(SHOW)).stdout == "/tmp\n1\n"


async def test_one_that_is_ended_leaves_nothing(boxes: Boxes) -> None:
    box = boxes.box()
    with pytest.raises(SandboxCommandError):
        await box.exec("cd /tmp; export A=1; trap '' EXIT; sleep 987", timeout=0.5)
    assert (await box.exec(SHOW)).stdout == "/workspace\n\n"


async def test_the_oldest_variables_go_when_there_are_too_many(tmp_path: Path) -> None:
    def script(kv: Any) -> Scope:
        state = ShellState(kv, None)
        assert not state.is_kept
        half = "x" * (VARIABLES_BYTES_MAX // 2 - 10)
        for name in ("A", "B", "A", "C"):
            state.leave({"cwd": "/x" if name == "C" else None, "env": {name: half}})
        state.leave({"cwd": None, "env": {"D": None}})
        return state.on_top_of(Scope("s", "/base", {"A": "0", "E": "5"}))

    world = World(tmp_path)
    scope = await world.inside(lambda lab: script(lab.ctx.storage.kv))
    assert (scope.cwd, scope.or_cwd) == ("/x", "/base")
    assert {name: value[:1] if value else value for name, value in scope.env.items()} == {
        "A": "x",
        "C": "x",
        "D": None,
        "E": "5",
    }
    world.close()
