"""A Worker that is a client of another WebSocket server: itself, at another path."""

import asyncio

from js import URL, Object, WebSocket, WebSocketPair
from pyodide.ffi import create_proxy
from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        url = URL.new(request.url)
        if url.pathname == "/echo":
            client, server = Object.values(WebSocketPair.new())  # shows: Object.values(pair)
            server.accept()
            server.addEventListener("message", create_proxy(lambda event: server.send(f"echo {event.data}")))
            return Response(None, status=101, web_socket=client)
        answer = asyncio.Future()
        states = []
        ws = WebSocket.new(f"ws://{url.host}/echo")

        def on_open(event):
            states.append(ws.readyState == WebSocket.READY_STATE_OPEN)
            ws.send("hello")

        states.append(ws.readyState == WebSocket.READY_STATE_OPEN)
        ws.addEventListener("open", create_proxy(on_open))
        ws.addEventListener("message", create_proxy(lambda event: answer.set_result(event.data)))
        text = await answer
        ws.close(1000, "done")
        return Response.json([*states, text])
