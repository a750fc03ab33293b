"""Collects requests, and handles them together when an alarm goes off."""

from datetime import datetime, timedelta

from js import Date
from workers import DurableObject, Response, WorkerEntrypoint

SECONDS = 1000


class Batcher(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.storage = ctx.storage

        @ctx.blockConcurrencyWhile
        async def load():
            vals = await self.storage.list(reverse=True, limit=1, prefix="item")
            self.count = len(vals) and int(next(iter(vals)).removeprefix("item"))

    async def fetch(self, request):
        text = await request.text()
        self.count += 1
        await self.storage.put(f"item{self.count:04}", text)
        alarm = await self.storage.getAlarm()
        if alarm is None:
            await self.storage.setAlarm(Date.now() + 3600 * SECONDS)
            assert await self.storage.getAlarm() > Date.now()
            await self.storage.setAlarm(datetime.now() - timedelta(seconds=1))
        return Response.json({"queued": self.count})

    async def alarm(self, alarm_info):
        assert alarm_info.isRetry is False
        assert alarm_info.retryCount == 0
        assert alarm_info.scheduledTime <= Date.now()
        assert await self.storage.getAlarm() is None
        items = await self.storage.list(prefix="item")
        done = await self.storage.get("done") or []
        await self.storage.put("done", [*done, *items.values()])
        await self.storage.delete(list(items))

    async def handled(self):
        return await self.storage.get("done") or []


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        stub = self.env.BATCHER.getByName("all")
        if request.method == "POST":
            return await stub.fetch(request)
        return Response.json((await stub.handled()).to_py())
