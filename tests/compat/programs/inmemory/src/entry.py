"""State that is in memory, and in storage for the next time."""

from workers import DurableObject, Response, WorkerEntrypoint


class Location(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.location = None
        self.ctx.blockConcurrencyWhile(self.load)

    async def load(self):
        self.location = await self.ctx.storage.get("location") or "nowhere"

    async def fetch(self, request):
        before = self.location
        body = await request.json()
        if body["city"] != before:
            self.location = body["city"]
            await self.ctx.storage.put("location", self.location)
        return Response(f"{before} -> {self.location}")


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        stub = self.env.DO.get(self.env.DO.idFromName("A"))
        return await stub.fetch(request)
