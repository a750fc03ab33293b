"""A stopped data directory with a room, for commands of the operator."""

import asyncio
import time
from pathlib import Path
from typing import Any

from tests.town import Town


def furnish(root: Path, **values: Any) -> None:
    """Have ``values`` in the room "lobby" of the data directory at ``root``."""

    async def work() -> None:
        async with _town(root) as town:
            await town.room().put(**values)

    asyncio.run(work())


def look(root: Path, key: str, name: str = "lobby") -> Any:
    """What a room has under a key."""

    async def work() -> Any:
        async with _town(root) as town:
            return await town.room(name).get(key)

    return asyncio.run(work())


def _town(root: Path) -> Town:
    """A town of today: history of 1970 would not be kept by those who open it now."""
    town = Town(root)
    town.clock.now_s = time.time()
    return town
