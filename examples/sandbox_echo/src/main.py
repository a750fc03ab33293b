"""A WebSocket server runs in a sandbox, and a Worker connects its clients with it."""

from perdure import Response, Sandbox, WorkerEntrypoint, get_sandbox

__all__ = ["Default", "Sandbox"]  # wrangler.toml binds the latter


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if request.is_upgrade:
            # Who may, and to which sandbox: that is for the Worker to say, here.
            sandbox = get_sandbox(self.env.Sandbox, "echo-service")
            return await sandbox.ws_connect(request, 8080)

        return Response("WebSocket endpoint")
