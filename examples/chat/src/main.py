"""A chat of rooms: who is here, what was said, and nothing missed when a connection breaks.

Each room is a Durable Object. It leaves memory while nobody says anything, and its guests stay
connected. What it knows of a guest lies with the guest's connection; what was said lies in SQLite.
"""

import json
import time
from pathlib import Path

from perdure import (
    DurableObject,
    Response,
    WebSocketPair,
    WebSocketRequestResponsePair,
    WorkerEntrypoint,
)

PAGE = (Path(__file__).parent / "page.html").read_text()
NAME_LENGTH_MAX = 40
TEXT_LENGTH_MAX = 4000
# Who comes for the first time sees so many of the last messages; who comes back, so many at most.
FIRST_LOOK = 50
MISSED_MAX = 1000


class Room(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        # `said` is the sender's own mark of a message: sent twice, it is said once.
        ctx.storage.sql.exec(
            "CREATE TABLE IF NOT EXISTS message (number INTEGER PRIMARY KEY AUTOINCREMENT,"
            " name TEXT NOT NULL, text TEXT NOT NULL, time_ms INTEGER NOT NULL, said TEXT UNIQUE)"
        )
        # The page asks now and then whether the connection still stands; no need to wake for that.
        ctx.set_web_socket_auto_response(WebSocketRequestResponsePair("ping", "pong"))

    async def fetch(self, request):
        query = request.parsed_url.query
        name = query.get("name", "").strip()[:NAME_LENGTH_MAX]
        if not name:
            return Response("Say who you are: ?name=Ada", status=400)
        client, server = WebSocketPair()
        comes_back = name in self.here()
        self.ctx.accept_web_socket(server, [name])
        server.serialize_attachment(name)
        last = query.get("after", "")
        missed = self.since(int(last)) if last.isdigit() else self.newest()
        server.send(json.dumps({"type": "welcome", "here": self.here(), "messages": missed}))
        if not comes_back:
            self.tell("join", name, exclude=server)
        return Response(None, status=101, web_socket=client)

    def web_socket_message(self, ws, message):
        try:
            said = json.loads(message)
            text, mark = str(said["text"])[:TEXT_LENGTH_MAX], str(said["id"])
        except (ValueError, TypeError, KeyError):
            ws.send(json.dumps({"type": "error", "text": 'Send {"text": …, "id": …}'}))
            return
        name, time_ms = ws.deserialize_attachment(), int(time.time() * 1000)
        rows = self.ctx.storage.sql.exec(
            "INSERT INTO message (name, text, time_ms, said) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (said) DO NOTHING RETURNING number, name, text, time_ms, said",
            name,
            text,
            time_ms,
            f"{name}/{mark}",
        ).to_array()
        for row in rows:  # none, when this was said before the connection broke
            self.ctx.broadcast(json.dumps({"type": "message", **row}))

    def web_socket_close(self, ws, code, reason, was_clean):
        name = ws.deserialize_attachment()
        if self.ctx.get_web_sockets(name) == [ws]:  # not in another tab
            self.tell("leave", name, exclude=ws)

    def here(self):
        """Who is here: each name once."""
        return sorted({ws.deserialize_attachment() for ws in self.ctx.get_web_sockets()})

    def since(self, number):
        """What was said after message ``number``, oldest first."""
        return self.ctx.storage.sql.exec(
            "SELECT number, name, text, time_ms, said FROM message WHERE number > ?"
            " ORDER BY number LIMIT ?",
            number,
            MISSED_MAX,
        ).to_array()

    def newest(self):
        rows = self.ctx.storage.sql.exec(
            "SELECT number, name, text, time_ms, said FROM message ORDER BY number DESC LIMIT ?",
            FIRST_LOOK,
        )
        return rows.to_array()[::-1]

    def tell(self, what, name, exclude):
        self.ctx.broadcast(json.dumps({"type": what, "name": name}), exclude=exclude)


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        kind, _, room = request.parsed_url.path.removeprefix("/").partition("/")
        if kind == "room" and room:
            if request.headers.get("Upgrade", "").lower() != "websocket":
                return Response("A room is entered with a WebSocket", status=426)
            return await self.env.ROOMS.get_by_name(room).fetch(request)
        if kind == "":
            return Response(PAGE, headers={"Content-Type": "text/html;charset=UTF-8"})
        return Response("Not found", status=404)
