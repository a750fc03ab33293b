"""A WebSocket server whose sockets outlive the object's time in memory."""

from urllib.parse import urlparse

from js import WebSocketPair, WebSocketRequestResponsePair
from pyodide.ffi import to_js
from workers import DurableObject, Response, WorkerEntrypoint


class Room(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.sessions = {}
        for ws in self.ctx.getWebSockets():
            attachment = ws.deserializeAttachment()
            if attachment:
                self.sessions[ws] = attachment.to_py()
        self.ctx.setWebSocketAutoResponse(WebSocketRequestResponsePair.new("ping", "pong"))

    async def fetch(self, request):
        name = urlparse(request.url).path.rsplit("/", 1)[-1]
        client, server = WebSocketPair.new().object_values()
        self.ctx.acceptWebSocket(server, to_js([name]))
        server.serializeAttachment(to_js({"name": name}))
        self.sessions[server] = {"name": name}
        return Response(None, status=101, web_socket=client)

    async def webSocketMessage(self, ws, message):
        if not isinstance(message, str):
            ws.send(message)
            return
        name = self.sessions[ws]["name"]
        assert list(self.ctx.getTags(ws)) == [name]
        assert ws in list(self.ctx.getWebSockets(name))
        sockets = self.ctx.getWebSockets()
        assert len(sockets) == sockets.length == len(self.sessions)
        ws.send(f"to you: {message}, of {len(sockets)}")
        for other in sockets:
            if other != ws:
                other.send(f"from {name}: {message}")

    async def webSocketClose(self, ws, code, reason, wasClean):
        left = self.sessions.pop(ws)
        ws.close(code, "the room closes it")
        for other in self.sessions:
            other.send(f"{left['name']} left: {code} {reason} {wasClean}")


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if request.headers.get("Upgrade") != "websocket":
            return Response("Durable Object expected Upgrade: websocket", status=426)
        return await self.env.ROOM.getByName("lobby").fetch(request)
