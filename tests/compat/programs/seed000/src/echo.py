from cloudflare_sandbox import Sandbox, getSandbox
from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if (request.headers.get("Upgrade") or "").lower() == "websocket":
            sandbox = getSandbox(self.env.Sandbox, "echo-service")
            return await sandbox.wsConnect(request, 8080)

        return Response("WebSocket endpoint")
