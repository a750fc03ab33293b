"""A FastAPI application in front of Durable Objects, in both ways that programs write it."""

import asgi
from fastapi import FastAPI, Request
from workers import DurableObject, WorkerEntrypoint

app = FastAPI()


@app.get("/count/{name}")
async def count(name: str, request: Request):
    stub = request.scope["env"].THINGS.getByName(name)
    return {"name": name, "count": await stub.count()}


class Thing(DurableObject):
    async def count(self):
        value = self.ctx.storage.kv.get("count") or 0
        self.ctx.storage.kv.put("count", value + 1)
        return value + 1


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return await asgi.fetch(app, request.js_object, self.env)
