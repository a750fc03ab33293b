"""Sandboxes that are kept awake by a process that has something to do with them."""

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest

from perdure.runtime.sandbox.asking import SandboxLost
from perdure.runtime.sandbox.awake import Awake
from perdure.runtime.sandbox.connection import SandboxConnection
from tests.runtime.sandbox.sandboxes import Sandboxes

pytestmark = pytest.mark.slow

ONE = secrets.token_hex(32)  # of this process: other tests run beside it


class Waking:
    """What keeps them awake, and one connection to a keeper."""

    def __init__(self, sandboxes: Sandboxes) -> None:
        self.sandboxes = sandboxes
        self.keeper: SandboxConnection | None = None
        self.awake = Awake(self.reach, asyncio.get_running_loop())

    async def reach(self, sandbox_id: str) -> SandboxConnection:
        if self.keeper is None or not self.keeper.is_open:
            self.keeper = await self.sandboxes.open(sandbox_id)
        return self.keeper

    async def is_held(self) -> bool:
        status = await (await self.reach(ONE)).ask("status")
        return bool(status["idle_s"] == 0)

    async def let_go(self) -> None:
        while await self.is_held():
            await asyncio.sleep(0)


@pytest.fixture
async def waking(walled: Sandboxes) -> AsyncIterator[Waking]:
    waking = Waking(walled)
    yield waking
    waking.awake.close()


async def test_each_use_ends_once(waking: Waking) -> None:
    end, other_end = waking.awake.use(ONE), waking.awake.use(ONE)
    await waking.awake.until_held(ONE)
    assert await waking.is_held()
    end()
    end()
    assert await waking.is_held()
    other_end()
    await waking.let_go()


async def test_one_that_was_started_anew_is_kept_awake_too(waking: Waking) -> None:
    keeper = await waking.reach(ONE)
    ends = [waking.awake.use(ONE)]
    await waking.awake.until_held(ONE)
    await keeper.ask("stop")
    await keeper.is_lost()
    await waking.reach(ONE)
    ends.append(waking.awake.use(ONE))
    await waking.awake.until_held(ONE)
    assert await waking.is_held()
    for end in ends:
        end()


async def test_none_is_kept_awake_after_the_end(waking: Waking) -> None:
    end = waking.awake.use(ONE)
    await waking.awake.until_held(ONE)
    waking.awake.close()
    await waking.let_go()
    end()
    await waking.awake.until_held(ONE)


async def test_who_waits_for_one_that_cannot_be_reached_goes_on() -> None:
    async def reach(sandbox_id: str) -> SandboxConnection:
        raise SandboxLost(f"{sandbox_id} does not run")

    awake = Awake(reach, asyncio.get_running_loop())
    end = awake.use(ONE)
    await awake.until_held(ONE)
    end()
