"""A WebSocket echo server with the library ``websockets``: ``python websockets_server.py PORT``."""

import asyncio
import sys
from http import HTTPStatus

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


def plain(connection: ServerConnection, request: Request) -> Response | None:
    return connection.respond(HTTPStatus.OK, "plain\n") if request.path == "/plain" else None


async def main() -> None:
    port = int(sys.argv[1])
    async with serve(echo, "127.0.0.1", port, process_request=plain, compression=None) as server:
        await server.serve_forever()


asyncio.run(main())
