"""A WebSocket server as anybody would write it: it knows nothing of sandboxes."""

import asyncio
import logging

from websockets.asyncio.server import serve

log = logging.getLogger("echo")


async def echo(ws):
    log.info("Client connected")
    async for message in ws:
        await ws.send(f"Echo: {message}")
    log.info("Client disconnected")


async def main():
    async with serve(echo, "0.0.0.0", 8080) as server:  # noqa: S104  # of the sandbox's own network
        log.info("WebSocket server listening on port 8080")
        await server.serve_forever()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    asyncio.run(main())
