"""Dates, timers, and what can be done with a promise besides awaiting it."""

import asyncio

from js import URL, Date, Error, Response, queueMicrotask, setTimeout
from pyodide.ffi import create_proxy
from workers import WorkerEntrypoint


def dates():
    then = Date.new("2026-01-02T03:04:05Z")
    passed = Date.now() - then.getTime()
    return [Date.new(0).toISOString(), then.getTime(), passed > 0]


async def timers():
    order, done = [], asyncio.Event()

    def late():
        order.append("timeout")
        done.set()

    setTimeout(create_proxy(late), 5)
    queueMicrotask(create_proxy(lambda: order.append("microtask")))
    order.append("now")
    await done.wait()
    return order


async def promises():
    order = []
    chained = await Response.new("x").text().then(lambda text: f"{text}!")
    caught = await Response.new("{").json().catch(lambda error: error.name)
    kept = await Response.new("y").text().finally_(lambda: order.append("finally"))
    awaited = await Response.new("z").text()  # shows: await
    return [chained, caught, kept, *order, awaited, Error.new("oh").message]


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        path = URL.new(request.url).pathname
        if path == "/dates":
            return Response.json(dates())
        if path == "/timers":
            return Response.json(await timers())
        return Response.json(await promises())
