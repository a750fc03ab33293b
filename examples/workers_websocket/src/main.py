"""WebSockets in a Worker without any Durable Object: an echo server, and a client of one."""

import asyncio

from perdure import Response, UsageError, WebSocketPair, WorkerEntrypoint, fetch


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if request.parsed_url.path == "/client":
            return await answer_as_text(request)
        return echo(request)


# Server
def echo(request):
    upgrade_header = request.headers.get("Upgrade", "")
    if upgrade_header.lower() != "websocket":
        return Response("Expected Upgrade: websocket", status=426)

    client, server = WebSocketPair()

    # Tells the runtime to listen for WebSocket data here,
    # and to keep the connection open with the client.
    server.accept()
    server.add_event_listener("message", lambda event: server.send(event.data))

    return Response(None, status=101, web_socket=client)


# Client
async def ask(url, question):
    # Make a fetch request including the `Upgrade: websocket` header.
    # The runtime handles other requirements of the WebSocket protocol,
    # like the Sec-WebSocket-Key header.
    response = await fetch(url, headers={"Upgrade": "websocket"})

    # If the WebSocket handshake completed successfully, then the
    # response has a `web_socket`.
    ws = response.web_socket
    if ws is None:
        raise ConnectionError("server didn't accept WebSocket")

    # Call accept() to indicate that you'll be handling the socket here,
    # as opposed to returning it on to a client.
    ws.accept()

    first_answer = asyncio.get_running_loop().create_future()

    def on_message(event):
        if not first_answer.done():
            first_answer.set_result(event.data)

    def on_close(event):
        if not first_answer.done():
            first_answer.set_exception(ConnectionError(f"closed without an answer: {event.code}"))

    # Now you can send and receive messages like before.
    ws.add_event_listener("message", on_message)
    ws.add_event_listener("close", on_close)
    ws.send(question)

    try:
        async with asyncio.timeout(10):
            return await first_answer
    finally:
        ws.close(1000, "done")


async def answer_as_text(request):
    # Without ?url=..., this Worker is a client of itself. Only for trying it out: on the
    # internet, strangers must not choose which addresses your server connects to.
    itself = str(request.parsed_url.origin() / "websocket")
    url = request.parsed_url.query.get("url", itself)
    try:
        return Response(await ask(url, "hello"))
    except (OSError, UsageError) as error:  # nobody there, or no address at all
        return Response(f"{url}: {error}", status=502)
