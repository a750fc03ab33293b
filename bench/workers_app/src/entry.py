"""The same program as bench/app/main.py, as it is written for Cloudflare's Python Workers."""

from urllib.parse import urlsplit

from js import WebSocketPair
from workers import DurableObject, Response, WorkerEntrypoint


class Actor(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.n = 0

    def inc(self):
        self.n += 1
        return self.n

    async def fetch(self, request):
        what = urlsplit(request.url).path.split("/")[1]
        storage = self.ctx.storage
        if what == "http":
            return Response("hello from actor")
        if what == "kv":
            value = (await storage.get("n") or 0) + 1
            await storage.put("n", value)
            return Response(str(value))
        if what == "ws":
            client, server = WebSocketPair.new().object_values()
            server.accept()
            server.addEventListener("message", lambda event: server.send(event.data))
            return Response(None, status=101, web_socket=client)
        if what == "hib":
            client, server = WebSocketPair.new().object_values()
            self.ctx.acceptWebSocket(server)
            return Response(None, status=101, web_socket=client)
        return Response("not found", status=404)

    def webSocketMessage(self, ws, message):
        ws.send(message)


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        parts = urlsplit(request.url).path.split("/")
        what = parts[1]
        if what == "plain":
            return Response("hello world")
        stub = self.env.NS.getByName(parts[2])
        if what == "rpc":
            return Response(str(await stub.inc()))
        return await stub.fetch(request)
