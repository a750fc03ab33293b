"""Counters by name, called over RPC."""

from urllib.parse import parse_qs, urlparse

from workers import DurableObject, Response, WorkerEntrypoint


class Counter(DurableObject):
    async def getCounterValue(self):
        return await self.ctx.storage.get("value") or 0

    async def increment(self, amount=1):
        value = await self.getCounterValue() + amount
        await self.ctx.storage.put("value", value)
        return value

    async def decrement(self, amount=1):
        return await self.increment(-amount)

    async def whoami(self):
        return {"name": self.ctx.id.name, "id": str(self.ctx.id)}


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        url = urlparse(request.url)
        name = parse_qs(url.query).get("name")
        if not name:
            return Response("Select a Durable Object to contact by using the `name` URL query string parameter, for example, ?name=A")
        id = self.env.COUNTERS.idFromName(name[0])
        stub = self.env.COUNTERS.get(id)
        if url.path == "/increment":
            count = await stub.increment()
        elif url.path == "/decrement":
            count = await stub.decrement(amount=1)
        elif url.path == "/":
            count = await stub.getCounterValue()
        elif url.path == "/who":
            who = await stub.whoami()
            assert who["id"] == who.id == str(id) == id.toString() == str(stub.id)
            assert id.equals(self.env.COUNTERS.idFromString(who.id))
            return Response(f"{who.name} {stub.name} {id.name}")
        else:
            return Response("Not found", status=404)
        return Response(f"Durable Object '{name[0]}' count: {count}")
