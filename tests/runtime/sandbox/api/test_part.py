"""How the parts of a sandbox's API reach what runs inside."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from perdure.runtime.sandbox.api.part import NoSandboxes, Scope, as_error, told, within
from perdure.runtime.sandbox.asking import SandboxLost, SandboxRefused
from perdure.runtime.sandbox.errors import SandboxFileNotFound, SandboxUnavailable
from perdure.runtime.sandbox.sandbox import Sandbox
from perdure.runtime.sandbox.streams import Refused
from tests.runtime.sandbox.boxes import Boxes
from tests.world import World


async def test_files_and_a_script_are_there_before_the_first_command(
    boxes: Boxes, tmp_path: Path
) -> None:
    (tmp_path / "hello.sh").write_text("echo copied")
    script = tmp_path / "startup.sh"
    script.write_text("#!/bin/bash\necho $A >> started\nsleep 987 &\n")
    boxes.restart(
        copy=[(tmp_path / "hello.sh", "/workspace/bin/hello.sh")],
        startup=script,
        env={"A": "from the configuration"},
    )
    box = boxes.box()
    first, second = await asyncio.gather(
        box.exec("sh bin/hello.sh; cat started"), box.exec("cat started")
    )
    assert first.stdout == "copied\nfrom the configuration\n"
    assert second.stdout == "from the configuration\n"
    [startup] = await box.list_processes()
    assert (startup.id, startup.status) == ("startup", "completed")


async def test_they_are_prepared_once_for_each_start(boxes: Boxes, tmp_path: Path) -> None:
    script = tmp_path / "startup.sh"
    script.write_text("echo x >> count")
    boxes.restart(startup=script)
    box = boxes.box()
    await box.exec("true")
    boxes.world.clock.advance(60)
    assert boxes.world.live(Sandbox) == 0
    assert (await box.exec("wc -l < count")).stdout.strip() == "1"
    await box.stop()
    assert (await box.exec("wc -l < count")).stdout.strip() == "2"


class Counting(Sandbox):
    """Writes down how often it was started."""

    async def on_start(self) -> None:
        await self.exec("echo x >> starts")


async def test_it_is_not_started_again_for_an_actor_that_comes_back(boxes: Boxes) -> None:
    box = boxes.box(cls=Counting)
    await box.exec("true")
    boxes.world.clock.advance(60)
    assert boxes.world.live(Counting) == 0
    assert (await box.exec("wc -l < starts")).stdout.strip() == "1"


async def test_a_start_is_prepared_once_however_many_wait_for_it(boxes: Boxes) -> None:
    box = boxes.box(cls=Counting)
    await asyncio.gather(*(box.exec("true") for _ in range(5)))
    assert (await box.exec("wc -l < starts")).stdout.strip() == "1"


async def test_a_caller_who_gives_up_does_not_stop_the_start(boxes: Boxes, tmp_path: Path) -> None:
    script = tmp_path / "startup.sh"
    script.write_text("until test -e go; do sleep 0.02; done")
    boxes.restart(startup=script)
    box = boxes.box()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await box.exec("true")
    connection = await boxes.home.connect(str(box.stub.id))
    waiting = asyncio.ensure_future(box.exec("echo ready"))
    async with connection.stream("write_file", path="go") as stream:
        stream.end()
        await stream.answer()
    assert (await waiting).stdout == "ready\n"


async def test_nothing_is_asked_before_what_was_written_is_durable(boxes: Boxes) -> None:
    asked: list[str] = []
    held: list[Any] = []

    class Slow(Sandbox):
        async def script(self) -> None:
            actor: Any = self.ctx._actor
            let_out = actor.let_out

            def later(action: Any, *arguments: object) -> None:
                held.append((let_out, action, arguments))

            actor.let_out = later
            try:
                await self.write_file("x", "1")
            finally:
                actor.let_out = let_out
            asked.append("written")

    stub = boxes.box(cls=Slow)
    await stub.exec("true")
    running = asyncio.ensure_future(stub.stub.script())
    async with asyncio.timeout(60):
        while not held:
            await asyncio.sleep(0.01)
    assert not (await stub_exists(boxes, stub))
    assert asked == []
    for let_out, action, arguments in held:
        let_out(action, *arguments)
    await running
    assert asked == ["written"]
    assert await stub_exists(boxes, stub)


async def stub_exists(boxes: Boxes, stub: Any) -> bool:
    connection = await boxes.home.connect(str(stub.stub.id))
    return bool((await connection.ask("exists", path="x"))["exists"])


async def test_where_nothing_starts_sandboxes_it_says_so(tmp_path: Path) -> None:
    world = World(tmp_path)
    with pytest.raises(NoSandboxes, match="perdure serve"):
        await world.stub(Sandbox).exec("true")
    world.close()


def test_what_is_refused_is_an_error_with_a_class() -> None:
    refused = SandboxRefused(Refused("FILE_NOT_FOUND", "no", path="/x"))
    with pytest.raises(SandboxFileNotFound) as raised, told():
        raise refused
    assert raised.value.context == {"path": "/x"}
    assert isinstance(as_error(SandboxLost("gone")), SandboxUnavailable)


async def test_a_time_may_be_without_a_limit() -> None:
    assert await within(None, lambda: asyncio.sleep(0, "x")) == "x"
    assert await within(10, lambda: asyncio.sleep(0, "x")) == "x"
    with pytest.raises(TimeoutError):
        await within(0, asyncio.Event().wait)


def test_the_default_scope_adds_nothing() -> None:
    assert (Scope().session_id, Scope().cwd, Scope().env) == (None, None, {})
