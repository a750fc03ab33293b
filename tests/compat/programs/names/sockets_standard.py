"""Sockets that a program listens to by itself, in each way of saying so."""

import js
from js import URL, Object, WebSocketPair
from pyodide.ffi import create_proxy, to_js
from workers import DurableObject, Response, WorkerEntrypoint


class Box(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.watcher = None

    async def fetch(self, request):
        how = URL.new(request.url).pathname
        pair = WebSocketPair.new()
        client, server = pair["0"], pair["1"]  # shows: pair["0"] and pair["1"]
        assert list(pair.object_values()) == [client, server]  # shows: pair.object_values()
        server.accept()

        def on_message(event):
            server.send(f"{how} {event.data}")  # shows: event.data

        def on_close(event):
            self.watcher.send(f"{event.code} {event.reason} {event.wasClean}")  # shows: event.code # shows: event.reason # shows: event.wasClean

        if how == "/watch":
            self.watcher = server
            return Response(None, status=101, web_socket=client)
        server.addEventListener("close", create_proxy(on_close))
        if how == "/proxy":
            server.addEventListener("message", create_proxy(on_message))  # shows: addEventListener(name, proxy)
            return js.Response.new(None, status=101, webSocket=client)  # shows: Response.new(...) from js
        if how == "/bare":
            server.addEventListener("message", on_message)  # shows: addEventListener(name, bare function)
            init = to_js({"status": 101, "webSocket": client}, dict_converter=Object.fromEntries)
            return js.Response.new(None, init)
        server.onmessage = on_message  # shows: server.onmessage = fn
        return Response(None, status=101, web_socket=client)


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return await self.env.BOX.getByName("room").fetch(request.js_object)
