"""Bodies as streams, and how to say that one is no longer wanted."""

import asyncio

from js import URL, AbortController, Object, ReadableStream, Response, TransformStream
from pyodide.ffi import create_proxy, to_js
from workers import WorkerEntrypoint


async def read_by_hand(body):
    reader, parts = body.getReader(), []
    while True:
        chunk = await reader.read()
        if chunk.done:
            return b"".join(parts).decode()
        parts.append(chunk.value.to_bytes())


def made():
    def start(controller):
        controller.enqueue(to_js(b"one "))
        controller.enqueue(to_js(b"two"))
        controller.close()

    return ReadableStream.new(to_js({"start": create_proxy(start)}, dict_converter=Object.fromEntries))


async def fill(writable):
    writer = writable.getWriter()
    await writer.write(to_js(b"through "))
    await writer.write(to_js(b"it"))
    await writer.close()


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        path = URL.new(request.url).pathname
        if path == "/read":
            return Response.new(await read_by_hand(request.js_object.body))
        if path == "/made":
            return Response.new(made())
        if path == "/through":
            stream = TransformStream.new()
            self.filling = asyncio.ensure_future(fill(stream.writable))
            return Response.new(stream.readable)
        controller = AbortController.new()
        before = controller.signal.aborted
        controller.abort("enough")
        return Response.json(to_js([before, controller.signal.aborted, controller.signal.reason]))
