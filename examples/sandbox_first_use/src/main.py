"""A server is written into a sandbox and started there when its first client comes."""

import contextlib

from perdure import Response, Sandbox, SandboxProcessError, WorkerEntrypoint, get_sandbox

__all__ = ["Default", "Sandbox"]  # wrangler.toml binds the latter

IN_PYTHON = """\
import asyncio
from websockets.asyncio.server import serve

async def echo(ws):
    async for message in ws:
        await ws.send(f"Echo: {message}")

async def main():
    async with serve(echo, "0.0.0.0", 8080) as server:
        await server.serve_forever()

asyncio.run(main())
"""
IN_JAVASCRIPT = """\
Bun.serve({
  port: 8080,
  fetch(req, server) {
    server.upgrade(req);
  },
  websocket: {
    message(ws, msg) {
      ws.send(`Echo: ${msg}`);
    }
  }
});
"""
SERVERS = {
    "python": ("/workspace/server.py", IN_PYTHON, "python3 /workspace/server.py"),
    "bun": ("/workspace/server.js", IN_JAVASCRIPT, "bun /workspace/server.js"),
}


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if not request.is_upgrade:
            return Response("WebSocket endpoint")

        sandbox = get_sandbox(self.env.Sandbox, "data-processor")
        await start_server(sandbox, *SERVERS[self.env.SERVER])
        return await sandbox.ws_connect(request, 8080)


async def start_server(sandbox, path, program, command):
    # Asked of the sandbox, not kept in a variable of this module: there are several workers, each
    # with modules of its own, and a sandbox that nobody has used for a while is stopped.
    process = await sandbox.get_process("server")
    if process is None or process.status != "running":
        await sandbox.write_file(path, program)
        with contextlib.suppress(SandboxProcessError):  # another client was as quick
            await sandbox.start_process(command, process_id="server")
    await sandbox.wait_for_port(8080, mode="tcp", timeout=60, process_id="server")
