"""Servers inside sandboxes, for tests of what reaches them."""

from pathlib import Path

from perdure.runtime.sandbox.connection import SandboxConnection

PROGRAM = Path(__file__).with_name("inner_server.py").read_text()
PORT = 8080


async def serve_inside(sandbox: SandboxConnection, port: int = PORT, name: str = "one") -> None:
    """Have a server run inside; see ``inner_server.py``."""
    async with sandbox.stream("write_file", path="inner_server.py") as stream:
        await stream.write(PROGRAM.encode())
        stream.end()
        await stream.answer()
    await sandbox.ask("start", command=f"exec python3 inner_server.py {port} {name}")
    await sandbox.ask("listening", port=port, timeout_s=60)
