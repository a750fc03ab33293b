from cloudflare_sandbox import Sandbox, getSandbox, proxyToSandbox
from js import URL
from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        # Auto-route all requests via proxyToSandbox first
        proxyResponse = await proxyToSandbox(request, self.env)
        if proxyResponse:
            return proxyResponse

        # Extract hostname from request
        hostname = URL.new(request.url).hostname
        sandbox = getSandbox(self.env.Sandbox, "echo-service")

        # Expose the port to get preview URL
        exposedAt = (await sandbox.exposePort(8080, {"hostname": hostname})).exposedAt

        # Return URL to clients
        if "/ws-url" in request.url:
            return Response.json({"url": exposedAt.replace("https", "wss")})

        return Response("Not found", status=404)
