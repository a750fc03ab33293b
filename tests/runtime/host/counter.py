"""An actor that counts, can be waited for, and knows how often it was made."""

import asyncio
from typing import Any

from perdure.actors.base import DurableObject


class Counter(DurableObject):
    """Counts in its storage.

    Attributes:
        made: How many instances there were, in the whole process: a test that asks sets it to 0.
    """

    made = 0

    def __init__(self, ctx: Any, env: Any) -> None:
        super().__init__(ctx, env)
        type(self).made += 1

    async def increment(self) -> int:
        value: int = (await self.ctx.storage.get("n") or 0) + 1
        await self.ctx.storage.put("n", value)
        return value

    async def sleep(self, future_of: str) -> str:
        """Return when the test ends the future of that name in ``waits``."""
        await self.ctx.storage.get("x")
        await waits[future_of]
        return "woken"


waits: dict[str, "asyncio.Future[None]"] = {}
