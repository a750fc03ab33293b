"""An object that deletes itself when nobody has called it for a while."""

from js import Date
from workers import DurableObject, Response, WorkerEntrypoint


class MyDurableObject(DurableObject):
    time_to_live_ms = 60_000

    async def fetch(self, request):
        ms = -1000 if request.url.endswith("/expire") else self.time_to_live_ms
        sql = self.ctx.storage.sql
        sql.exec("CREATE TABLE IF NOT EXISTS visits (path TEXT, at INTEGER)")
        sql.exec("INSERT INTO visits VALUES (?, ?)", request.url.rsplit("/", 1)[-1], 1)
        row = sql.exec("SELECT count(*) AS n, sum(at) AS total FROM visits").one()
        assert row.n == row["n"] == row.total
        await self.ctx.storage.setAlarm(Date.now() + ms)
        return Response(f"visit {row.n}")

    async def alarm(self):
        await self.ctx.storage.deleteAll()


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return await self.env.MY_DURABLE_OBJECT.getByName("foo").fetch(request)
