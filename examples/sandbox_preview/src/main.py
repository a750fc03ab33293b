"""A WebSocket server runs in a sandbox, and clients connect to a URL of its own."""

from perdure import Response, Sandbox, WorkerEntrypoint, get_sandbox, proxy_to_sandbox

__all__ = ["Default", "Sandbox"]  # wrangler.toml binds the latter


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        # What is asked of a preview URL is not for this Worker, but for the server in the sandbox.
        answer = await proxy_to_sandbox(request, self.env)
        if answer is not None:
            return answer

        if request.parsed_url.path == "/ws-url":
            sandbox = get_sandbox(self.env.Sandbox, "echo-service")
            exposed = await sandbox.expose_port(8080, hostname=request.parsed_url.authority)
            # https, and with it wss, where there is TLS in front of the server.
            return Response.json({"url": exposed.url.replace("http", "ws", 1)})

        return Response("Not found", status=404)
