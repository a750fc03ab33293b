"""Everybody's pointer on one board: many small messages, of which only the newest matters.

A client that reads slowly must not be sent where a pointer was, but where it is: connections are
taken with ``delivery="latest"``, and each position is sent under the key of its pointer.
"""

import json
from pathlib import Path

from perdure import DurableObject, Response, WebSocketPair, WorkerEntrypoint

PAGE = (Path(__file__).parent / "page.html").read_text()


class Board(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.positions = {}  # lost when the actor leaves memory; so are pointers that rest

    async def fetch(self, request):
        client, server = WebSocketPair()
        self.ctx.accept_web_socket(server, delivery="latest")
        server.send(json.dumps({"you": server.id, "pointers": self.positions}))
        return Response(None, status=101, web_socket=client)

    def web_socket_message(self, ws, message):
        try:
            x, y = (min(max(float(value), 0.0), 1.0) for value in json.loads(message))
        except (ValueError, TypeError):
            ws.close(1003, "send [x, y], each from 0 to 1")
            return
        self.positions[ws.id] = [x, y]
        text = json.dumps({"id": ws.id, "at": [x, y]})
        self.ctx.broadcast(text, exclude=ws, key=f"cursor:{ws.id}")

    def web_socket_close(self, ws, code, reason, was_clean):
        self.positions.pop(ws.id, None)
        # Under the same key: who has not read where it was need not hear of it any more.
        text = json.dumps({"id": ws.id, "at": None})
        self.ctx.broadcast(text, exclude=ws, key=f"cursor:{ws.id}")

    def statistics(self):
        """For each connection: bytes that wait for it, and messages it was spared."""
        return [[ws.buffered_amount, ws.dropped_messages] for ws in self.ctx.get_web_sockets()]


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        kind, _, name = request.parsed_url.path.removeprefix("/").partition("/")
        if kind == "board" and name:
            if request.headers.get("Upgrade", "").lower() != "websocket":
                return Response("A board is entered with a WebSocket", status=426)
            return await self.env.BOARDS.get_by_name(name).fetch(request)
        if kind == "statistics" and name:
            return Response.json(await self.env.BOARDS.get_by_name(name).statistics())
        if kind == "":
            return Response(PAGE, headers={"Content-Type": "text/html;charset=UTF-8"})
        return Response("Not found", status=404)
