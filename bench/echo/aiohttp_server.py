"""A WebSocket echo server with aiohttp: ``python aiohttp_server.py PORT``."""

import sys

from aiohttp import WSMsgType, web


async def handle(request: web.Request) -> web.StreamResponse:
    if request.path == "/plain":
        return web.Response(text="plain\n")
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await socket.send_str(message.data)
        else:
            await socket.send_bytes(message.data)
    return socket


app = web.Application()
app.router.add_get("/{path:.*}", handle)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
