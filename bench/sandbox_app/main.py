"""Runs an echo server in a sandbox, for ``bench_sandbox_sockets.py``."""

from perdure import Request, Response, Sandbox, WorkerEntrypoint, get_sandbox, proxy_to_sandbox

__all__ = ["Default", "Sandbox"]

PORT = 8080


class Default(WorkerEntrypoint):
    async def fetch(self, request: Request) -> Response:
        if (response := await proxy_to_sandbox(request, self.env)) is not None:
            return response
        path = request.parsed_url.path
        sandbox = get_sandbox(self.env.Sandbox, "echo")
        if path.startswith("/ws"):
            return await sandbox.ws_connect(request, PORT)
        if path == "/start":
            await sandbox.start_process(f"exec {self.env.COMMAND} {PORT}")
            exposed = await sandbox.expose_port(PORT, "localhost", token="bench")
            return Response(exposed.url)
        return Response("plain\n")
