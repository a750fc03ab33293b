"""A WebSocket server: everyone who joins the same name talks through one Durable Object."""

import uuid
from pathlib import Path

from perdure import DurableObject, Response, WebSocketPair, WorkerEntrypoint

PAGE = (Path(__file__).parent / "page.html").read_text()


class Session:
    def __init__(self, *, ws):
        self.ws = ws


# Worker
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        url = request.parsed_url
        endpoint, _, name = url.path.removeprefix("/").partition("/")

        # /websocket/<name> and /websocket?name=<name> mean the same; without a name it is 'foo'.
        # Each name is another Durable Object, whose clients never see those of the others.
        name = name or url.query.get("name") or "foo"

        if endpoint == "websocket":
            # Expect to receive a WebSocket Upgrade request.
            # If there is one, accept the request and return a WebSocket Response.
            upgrade_header = request.headers.get("Upgrade", "")
            if upgrade_header.lower() != "websocket":
                return Response("Worker expected Upgrade: websocket", status=426)

            if request.method != "GET":
                return Response("Worker expected GET method", status=400)

            # All requests with the same name are sent to the same Durable Object instance.
            object_id = self.env.WEBSOCKET_SERVER.id_from_name(name)
            stub = self.env.WEBSOCKET_SERVER.get(object_id)

            return await stub.fetch(request)

        if endpoint == "connections":
            # A public method of the Durable Object, called through the stub.
            count = await self.env.WEBSOCKET_SERVER.get_by_name(name).count_connections()
            return Response.json({"name": name, "connections": count})

        if endpoint == "":
            return Response(PAGE, headers={"Content-Type": "text/html;charset=UTF-8"})

        return Response(
            "Supported endpoints:/websocket: Expects a WebSocket upgrade request",
            status=200,
            headers={"Content-Type": "text/plain"},
        )


# Durable Object
class WebSocketServer(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        # Keeps track of all WebSocket connections, keyed by session ID
        self.sessions = {}

    async def fetch(self, request):
        # Creates two ends of a WebSocket connection.
        client, server = WebSocketPair()

        # Calling `accept()` tells the runtime that this WebSocket is to begin terminating
        # requests within the Durable Object. It has the effect of "accepting" the connection,
        # and allowing the WebSocket to send and receive messages.
        server.accept()

        # Generate a random UUID for the session.
        session_id = str(uuid.uuid4())

        async def on_message(event):
            await self.handle_message(session_id, event.data)

        server.add_event_listener("message", on_message)

        # If the client closes the connection, the runtime will close the connection too.
        async def on_close(event):
            await self.handle_close(session_id)

        server.add_event_listener("close", on_close)

        # Add the WebSocket connection to the map of active sessions, keyed by session ID.
        self.sessions[session_id] = Session(ws=server)

        return Response(None, status=101, web_socket=client)

    def count_connections(self):
        return len(self.sessions)

    async def handle_message(self, session_id, message):
        def text(to):
            return (
                f"[Durable Object] message: {message}, from: {session_id}, to: {to}. "
                f"Total connections: {len(self.sessions)}"
            )

        # Reply back with the same message to the connection
        self.sessions[session_id].ws.send(text("the initiating client"))

        # Broadcast the message to all the connections,
        # except the one that sent the message.
        for other_id, session in self.sessions.items():
            if other_id != session_id:
                session.ws.send(text("all clients except the initiating client"))

        # Broadcast the message to all the connections,
        # including the one that sent the message.
        for session in self.sessions.values():
            session.ws.send(text("all clients"))

    async def handle_close(self, session_id):
        session = self.sessions.pop(session_id, None)
        if session:
            session.ws.close(1000, "Durable Object is closing WebSocket")
