"""An actor that sets alarms, and what tests of the scheduler need around it."""

from typing import Any

from perdure.actors.alarm import AlarmInfo
from perdure.actors.base import DurableObject
from perdure.actors.ids import DurableObjectId
from perdure.runtime.host.alarms import AlarmScheduler
from perdure.storage.alarm_index import AlarmIndex
from tests.world import World, turns


class Sleeper(DurableObject):
    """Sets its alarm, and writes down when it is woken."""

    woken: list[tuple[int, int]] = []
    failures = 0
    then: Any = None

    async def wake_at(self, time_ms: int) -> None:
        await self.ctx.storage.set_alarm(time_ms)

    async def never_mind(self) -> None:
        await self.ctx.storage.delete_alarm()

    async def when(self) -> int | None:
        return await self.ctx.storage.get_alarm()

    async def alarm(self, info: AlarmInfo) -> None:
        self.woken.append((info.scheduled_time, info.retry_count))
        assert await self.ctx.storage.get_alarm() is None
        if self.then is not None:
            await type(self).then(self)
        if len(self.woken) <= self.failures:
            raise RuntimeError("not yet")


def start(world: World, index: AlarmIndex) -> AlarmScheduler:
    """A scheduler for the world's actors, as the server makes one."""

    def find(key: str, raw_id: bytes, name: str | None) -> Any:
        registry = world.host.namespaces.get(key)
        return None if registry is None else (registry, DurableObjectId(key, raw_id, name))

    scheduler = AlarmScheduler(index, world.clock, find)
    world.host.alarms = scheduler
    world.namespace(Sleeper)
    scheduler.start()
    return scheduler


def now_ms(world: World) -> int:
    return world.clock.time_ms()


async def pass_time(world: World, seconds: float) -> None:
    world.clock.advance(seconds)
    await turns()
