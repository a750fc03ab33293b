"""The same program as bench/peer/worker.js, for perdure: the same routes, the same work."""

import asyncio
import os
import time
import uuid
from urllib.parse import urlsplit

from perdure import DurableObject, Request, Response, WebSocketPair, WorkerEntrypoint

ORDER = {"customer": "ann", "items": [{"name": "tea", "count": n, "price": 2.5} for n in range(8)]}


class Actor(DurableObject):
    """Answers each route as the peer's ``Actor`` does."""

    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.n = 0
        self.sql_is_ready = False
        self.sockets = set()

    def init(self):
        if self.sql_is_ready:
            return
        sql = self.ctx.storage.sql
        sql.exec("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, v TEXT)")
        sql.exec("INSERT OR IGNORE INTO t (id, v) VALUES (1, 'first')")
        self.sql_is_ready = True

    def inc(self):
        self.n += 1
        return self.n

    def take(self, order):
        self.n += len(order["items"])
        return {"count": self.n, "items": order["items"]}

    def process(self):
        return os.getpid()

    async def fetch(self, request: Request) -> Response:
        what = urlsplit(request.url).path.split("/")[1]
        storage = self.ctx.storage
        if what == "http":
            return Response("hello from actor")
        if what == "spin":  # Python's own work, some 2 ms of it
            return Response(str(sum(number * number for number in range(30_000))))
        if what == "kv":
            value = (await storage.get("n") or 0) + 1
            await storage.put("n", value)
            return Response(str(value))
        if what == "kvsync":
            value = (storage.kv.get("n") or 0) + 1
            storage.kv.put("n", value)
            return Response(str(value))
        if what == "sql":
            self.init()
            storage.sql.exec("INSERT INTO t (v) VALUES (?)", "a row of text")
            return Response("ok")
        if what == "sqlread":
            self.init()
            return Response(storage.sql.exec("SELECT v FROM t WHERE id = ?", 1).one()["v"])
        if what == "ws":
            client, server = WebSocketPair()
            server.accept()
            server.add_event_listener("message", lambda event: server.send(event.data))
            return Response(None, status=101, web_socket=client)
        if what == "hib":
            client, server = WebSocketPair()
            self.ctx.accept_web_socket(server)
            return Response(None, status=101, web_socket=client)
        if what == "room":
            client, server = WebSocketPair()
            server.accept()
            self.sockets.add(server)
            server.add_event_listener("message", self.broadcast)
            server.add_event_listener("close", lambda event: self.sockets.discard(server))
            return Response(None, status=101, web_socket=client)
        return Response("not found", status=404)

    def web_socket_message(self, ws, message):
        ws.send(message)

    def broadcast(self, event):
        for socket in self.sockets:
            socket.send(event.data)


class DocsRoom(DurableObject):
    """The broadcast of Cloudflare's documentation: three sends to everybody for each message."""

    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.sessions = {}

    async def fetch(self, request: Request) -> Response:
        client, server = WebSocketPair()
        server.accept()
        name = str(uuid.uuid4())
        self.sessions[name] = server
        server.add_event_listener("message", lambda event: self.heard(name, event.data))
        server.add_event_listener("close", lambda event: self.sessions.pop(name, None))
        return Response(None, status=101, web_socket=client)

    def heard(self, name, message):
        head = f"[Durable Object] message: {message}, from: {name}, to: "
        tail = f" Total connections: {len(self.sessions)}"
        self.sessions[name].send(f"{head}the initiating client.{tail}")
        for socket in self.sessions.values():
            socket.send(f"{head}all clients.{tail}")
        for other, socket in self.sessions.items():
            if other != name:
                socket.send(f"{head}all clients except the initiating client.{tail}")


class Default(WorkerEntrypoint):
    """Routes as the peer's does."""

    async def fetch(self, request: Request) -> Response:
        parts = urlsplit(request.url).path.split("/")
        what = parts[1]
        if what == "plain":
            return Response("hello world")
        if what == "rpc":
            return Response(str(await self.env.NS.get_by_name(parts[2]).inc()))
        if what == "calls":  # /calls/ACTOR/COUNT/inc, or take; not of the peer
            return await self.call(self.env.NS.get_by_name(parts[2]), int(parts[3]), parts[4])
        if what == "docs":
            return await self.env.DOCS.get_by_name(parts[2]).fetch(request)
        return await self.env.NS.get_by_name(parts[2]).fetch(request)

    async def call(self, stub, count, what):
        """Call a method so often, 32 calls at a time; how often a second, and in which process."""

        async def some():
            for _ in range(count // 32):
                await (stub.inc() if what == "inc" else stub.take(ORDER))

        process = await stub.process()
        start = time.perf_counter()
        await asyncio.gather(*(some() for _ in range(32)))
        rate = count // 32 * 32 / (time.perf_counter() - start)
        return Response.json({"calls_s": rate, "is_here": process == os.getpid()})
