"""A room whose sockets the platform keeps, with the habits that code in the wild has about them."""

from js import URL, WebSocketPair, WebSocketRequestResponsePair
from pyodide.ffi import to_js
from workers import DurableObject, Response, WorkerEntrypoint


class Box(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.said = {}
        self.ids = {}
        self.ctx.setWebSocketAutoResponse(WebSocketRequestResponsePair.new("ping", "pong"))

    async def fetch(self, request):
        client, server = WebSocketPair.new().object_values()  # shows: tuple-unpacked object_values()
        self.ctx.acceptWebSocket(server, to_js(["all"]))
        server.nick = URL.new(request.url).searchParams.get("nick")  # shows: arbitrary attributes set on ws # shows: attribute set
        self.said[server] = 0  # shows: ws as dict key
        self.ids[id(server)] = server.nick  # shows: id(ws)
        return Response(None, status=101, web_socket=client)

    async def webSocketMessage(self, ws, message):
        if message == "who":
            sockets = self.ctx.getWebSockets()
            ws.send(f"{len(sockets)} {sockets.length}")  # shows: len(ctx.getWebSockets()) and .length # shows: len()
            for other in self.ctx.getWebSockets():  # shows: for ws in ctx.getWebSockets() # shows: iteration
                if ws == other:  # shows: ws == other # shows: ==
                    ws.send(f"{other.nick} is {self.ids[id(other)]}")
        elif message == "where":
            ws.send(f"{len(str(self.ctx.id))} {str(self.ctx.id) == self.ctx.id.toString()}")  # shows: str(ctx.id)
        elif isinstance(message, str):
            self.said[ws] += 1
            for other in self.ctx.getWebSockets("all"):
                other.send(f"{ws.nick} {self.said[ws]}: {message}")
        else:
            ws.send(message.decode())  # shows: message.decode()
            ws.send(repr(bytes(message)))  # shows: bytes(message)
            ws.send(repr(bytes(message.to_py())))  # shows: message.to_py()
            ws.send(repr(message.to_bytes()))  # shows: message.to_bytes()

    async def webSocketClose(self, ws, code, reason, wasClean):
        for other in self.ctx.getWebSockets():
            if other != ws:
                other.send(f"{ws.nick} left: {code} {reason} {wasClean}")


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if request.headers["Upgrade"] != "websocket":  # shows: request.headers["Upgrade"]
            return Response("Expected Upgrade: websocket", status=426)
        return await self.env.BOX.getByName("room").fetch(request)
