"""Three servers that echo: ours, aiohttp's, and workerd where it is installed."""

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from aiohttp import WSMsgType, web

from bench.servers import find_workerd, free_port

PERDURE = """
    from perdure import Response, WebSocketPair, WorkerEntrypoint

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            if not request.is_upgrade:
                return Response("Expected Upgrade: websocket", status=426)
            client, server = WebSocketPair()
            server.accept()
            server.on_message = lambda event: server.send(event.data)
            return Response(None, status=101, web_socket=client)
"""
WORKERD = """
export default {
  fetch(request) {
    if (request.headers.get("Upgrade")?.toLowerCase() !== "websocket")
      return new Response("Expected Upgrade: websocket", { status: 426 });
    const [client, server] = Object.values(new WebSocketPair());
    server.binaryType = "arraybuffer";
    server.accept();
    server.addEventListener("message", (event) => server.send(event.data));
    return new Response(null, { status: 101, webSocket: client });
  },
};
"""
CONFIG = """
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .main)],
  sockets = [(name = "http", address = "127.0.0.1:PORT", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "worker.js")],
  compatibilityDate = "2026-04-21",
);
"""


async def echo(request: web.Request) -> web.StreamResponse:
    """aiohttp's handler, with the same behaviour."""
    if "Upgrade" not in request.headers:
        return web.Response(status=426, text="Expected Upgrade: websocket")
    ws = web.WebSocketResponse(max_msg_size=32 * 2**20)
    await ws.prepare(request)
    async for message in ws:
        if message.type is WSMsgType.TEXT:
            await ws.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await ws.send_bytes(message.data)
    return ws


@contextlib.contextmanager
def running_workerd(folder: Path) -> Iterator[str]:
    """The URL of a workerd of our own.

    Raises:
        Missing: There is none on this machine.
    """
    program = find_workerd()
    port = free_port()
    (folder / "worker.js").write_text(WORKERD)
    (folder / "config.capnp").write_text(CONFIG.replace("PORT", str(port)))
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [program, "serve", "config.capnp"], cwd=folder, stdout=log, stderr=log
        )
        try:
            wait_for(port, process, folder / "log")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when somebody listens there."""
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.1):
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
            raise RuntimeError(f"workerd did not start:\n{log.read_text()}")
