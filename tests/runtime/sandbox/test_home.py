"""Where the actors of one program find their sandboxes."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from perdure.runtime.sandbox import home as module
from perdure.runtime.sandbox.addresses import KEEPER_SOCKET_NAME
from perdure.runtime.sandbox.asking import SandboxLost
from perdure.runtime.sandbox.home import SandboxHome
from tests.runtime.sandbox.boxes import Boxes
from tests.runtime.sandbox.sandboxes import text_of, until


@pytest.fixture
def name(open_boxes: Boxes) -> str:
    return str(open_boxes.box().stub.id)


@pytest.fixture
async def other(open_boxes: Boxes) -> AsyncIterator[SandboxHome]:
    """The same sandboxes, as another process has them."""
    home = SandboxHome(open_boxes.home.folder, open_boxes.home.config, open_boxes.world.loop)
    yield home
    await home.close()


async def test_one_connection_is_for_all(open_boxes: Boxes, name: str) -> None:
    home = open_boxes.home
    first, second = await asyncio.gather(home.connect(name), home.connect(name))
    assert first is second is await home.connect(name) is await home.find(name)
    assert await text_of(first, "echo x") == "x"


async def test_one_that_does_not_run_is_not_started_to_be_found(
    open_boxes: Boxes, other: SandboxHome, name: str
) -> None:
    home = open_boxes.home
    assert await home.find(name) is None
    assert not home.has_files(name)
    connection = await home.connect(name)
    assert home.has_files(name)
    found = await other.find(name)
    assert found is not None
    assert found.boot == connection.boot
    await other.close()
    assert not found.is_open


async def test_one_that_runs_is_found_once_by_all_who_look(
    open_boxes: Boxes, other: SandboxHome, name: str
) -> None:
    await open_boxes.home.connect(name)
    looking = [asyncio.ensure_future(each) for each in (other.find(name), other.find(name))]
    hasty = asyncio.ensure_future(other.find(name))
    connecting = asyncio.ensure_future(other.connect(name))
    await asyncio.sleep(0)
    hasty.cancel()
    first, second, third = await asyncio.gather(*looking, connecting)
    assert first is second is third is await other.find(name)


async def test_one_that_is_being_started_is_found(open_boxes: Boxes, name: str) -> None:
    home = open_boxes.home
    opened, found = await asyncio.gather(home.connect(name), home.find(name))
    assert found is opened


async def test_a_connection_that_was_lost_is_made_again(open_boxes: Boxes, name: str) -> None:
    home = open_boxes.home
    first = await home.connect(name)
    heard: asyncio.Future[str] = open_boxes.world.loop.create_future()
    home.when_lost(first, heard.set_result)
    await first.ask("stop")
    assert await heard == "The sandbox was stopped"
    second = await home.connect(name)
    assert second.boot != first.boot


async def test_one_that_has_just_gone_to_sleep_is_started_again(
    open_boxes: Boxes, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has heard of it yet: what it said last waits in the socket."""
    monkeypatch.setattr(module, "FRESH_S", 0.0)
    home = open_boxes.home
    first = await home.connect(name)
    await first.ask("settings", sleep_after_s=0.02)
    until(lambda: not (home.folder / name / KEEPER_SOCKET_NAME).exists())  # no turn of the loop
    second = await home.connect(name)
    assert second.boot != first.boot
    assert await text_of(second, "echo x") == "x"


async def test_one_that_was_told_to_end_is_asked_nothing_more(open_boxes: Boxes, name: str) -> None:
    home = open_boxes.home
    first = await home.connect(name)
    home.forget(name, first)
    second = await home.connect(name)
    assert second is not first
    await first.ask("stop")
    assert await first.is_lost() == "The sandbox was stopped"


async def test_a_caller_who_gives_up_leaves_the_others_theirs(open_boxes: Boxes, name: str) -> None:
    home = open_boxes.home
    first = asyncio.ensure_future(home.connect(name))
    second = asyncio.ensure_future(home.connect(name))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).is_open


async def test_a_connection_that_nobody_uses_is_let_go_and_one_in_use_is_kept(
    open_boxes: Boxes, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "UNUSED_S", 0.5)
    home = open_boxes.home
    connection = await home.connect(name)
    async with connection.stream("hold") as held:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                await connection.is_lost()
        held.cancel()
    async with asyncio.timeout(60):
        await connection.is_lost()
    again = await home.connect(name)
    assert again.boot == connection.boot


async def test_what_cannot_be_started_says_why(open_boxes: Boxes, tmp_path: Path) -> None:
    home = SandboxHome(tmp_path / "elsewhere", open_boxes.home.config, open_boxes.world.loop)
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(SandboxLost, match="Nobody starts sandboxes"):
        await home.connect(secrets.token_hex(32))
    await home.close()
