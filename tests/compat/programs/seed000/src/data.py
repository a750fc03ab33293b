from cloudflare_sandbox import Sandbox, getSandbox
from workers import Response, WorkerEntrypoint

initialized = False


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        global initialized
        # Get or create a sandbox instance
        sandbox = getSandbox(self.env.Sandbox, "data-processor")

        # Check for WebSocket upgrade
        upgrade = (request.headers.get("Upgrade") or "").lower()

        if upgrade == "websocket":
            # Initialize server on first connection
            if not initialized:
                await sandbox.writeFile(
                    "/workspace/server.js",
                    """Bun.serve({
              port: 8080,
              fetch(req, server) {
                server.upgrade(req);
              },
              websocket: {
                message(ws, msg) {
                  ws.send(`Echo: ${msg}`);
                }
              }
            });""",
                )
                await sandbox.startProcess("bun /workspace/server.js")
                initialized = True
            # Connect to WebSocket server
            return await sandbox.wsConnect(request, 8080)

        return Response("Processed real-time data")
