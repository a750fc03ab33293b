"""Functions that are not async, and wait all the same."""

import asyncio
import contextvars

from js import WebSocketPair
from pyodide.ffi import can_run_sync, run_sync
from workers import DurableObject, Response, WorkerEntrypoint

WHO = contextvars.ContextVar("WHO")


def stock_of(shop, name):
    """Deep in synchronous code, as a library would have it."""
    return run_sync(shop.count(name)) + run_sync(later(0))


async def later(value):
    await asyncio.sleep(0.01)
    return value


async def fail():
    await asyncio.sleep(0)
    raise LookupError("nothing of that")


class Shop(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.opened = asyncio.Event()
        self.log = []

    def count(self, name):
        run_sync(self.ctx.storage.put(name, 3))
        return run_sync(later(run_sync(self.ctx.storage.get(name))))

    def wait_until_open(self):
        self.log.append("waits")
        run_sync(self.opened.wait())
        self.log.append("goes on")
        return self.log

    def open(self):
        self.log.append("opens")
        self.opened.set()

    def give_up_after(self, seconds):
        async def bounded():
            async with asyncio.timeout(seconds):
                await asyncio.Event().wait()

        try:
            run_sync(bounded())
        except TimeoutError as error:
            return type(error).__name__

    def fails(self):
        run_sync(fail())

    def fetch(self, request):
        if request.headers.get("Upgrade") == "websocket":
            client, server = WebSocketPair.new().object_values()
            self.ctx.acceptWebSocket(server)
            return Response(None, status=101, web_socket=client)
        body = run_sync(request.text())
        return Response(f"{body}, {run_sync(later('later'))}")

    def webSocketMessage(self, ws, message):
        ws.send(run_sync(later(f"{message} later")))

    async def nested(self):
        """An async handler in which synchronous code waits: in its context, as if it had awaited."""
        WHO.set("nested")

        async def inner():
            WHO.set("inner")
            await asyncio.sleep(0)
            return stock_of(self.env.SHOP.getByName("other"), "tea")

        count = run_sync(inner())
        await asyncio.sleep(0)
        return [count, WHO.get(), can_run_sync()]


class Default(WorkerEntrypoint):
    def fetch(self, request):
        shop = self.env.SHOP.getByName("main")
        path = request.url.rpartition("/")[2]
        if path == "waits":
            waiting = shop.wait_until_open()
            run_sync(later(None))
            run_sync(shop.open())
            return Response.json(run_sync(waiting))
        if path == "object":
            return run_sync(shop.fetch("https://shop/", method="POST", body="now"))
        if path == "fails":
            try:
                run_sync(shop.fails())
            except LookupError as error:
                return Response(f"LookupError: {error}")
        if path == "ws":
            return run_sync(shop.fetch(request))
        if path == "nested":
            return Response.json(run_sync(shop.nested()))
        if path == "timeout":
            return Response(run_sync(shop.give_up_after(0.01)))
        if path == "both":
            both = asyncio.gather(later(1), later(2))
            return Response.json([run_sync(both), can_run_sync()])
        return Response(str(stock_of(shop, "tea")))
