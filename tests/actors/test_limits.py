"""Limits of one actor."""

from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest

from perdure.actors.base import DurableObject
from perdure.actors.errors import ActorOverloaded
from perdure.actors.limits import ActorLimits
from perdure.storage.errors import LimitExceeded
from tests.world import World, turns


def test_defaults_are_the_documented_ones() -> None:
    limits = ActorLimits()
    assert limits.block_concurrency_s == 30
    assert limits.critical_section_depth_max == 64
    assert limits.rpc_message_size_bytes_max == 33_554_432
    assert (limits.websocket_tags_max, limits.websocket_tag_length_max) == (10, 256)
    assert limits.websockets_per_actor_max == 32_768
    assert limits.websocket_attachment_size_bytes_max == 16_384
    assert limits.alarm_retries_max == 6


def test_limits_do_not_change_while_actors_run() -> None:
    with pytest.raises(FrozenInstanceError):
        ActorLimits().mailbox_events_max = 1  # type: ignore[misc]  # that is what is tested


class Busy(DurableObject):
    async def take(self, data: bytes) -> int:
        async def block(txn: object) -> int:
            for _ in range(10):
                await turns(1)
            return len(data)

        return await self.ctx.storage.transaction(block)


async def test_configured_limits_are_the_ones_that_hold(tmp_path: Path) -> None:
    world = World(tmp_path, ActorLimits(mailbox_events_max=3, rpc_message_size_bytes_max=1000))
    stub: Any = world.stub(Busy)
    with pytest.raises(LimitExceeded, match=r"no more than 1000 .*rpc_message_size_bytes_max"):
        stub.take(bytes(1001))
    calls = [stub.take(b"abc") for _ in range(5)]  # one runs, three wait
    assert [await call for call in calls[:4]] == [3, 3, 3, 3]
    with pytest.raises(ActorOverloaded) as overloaded:
        await calls[4]
    assert overloaded.value.waiting == 3
    world.close()
