"""A proxy for two backends: /chat/... goes to one, /api/... to the other.

Ordinary requests and WebSockets take the same way: what ``fetch`` gives is returned. perdure passes
bodies and messages on as they come, reads no faster than the other side takes them, and keeps
close codes, reasons and subprotocols.
"""

import logging

from perdure import Request, Response, WorkerEntrypoint, fetch

log = logging.getLogger(__name__)


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        backend = self.backend_of(request.parsed_url.path)
        if backend is None:
            return Response("there is /chat/ and /api/", status=404)
        # A redirect is the client's to follow.
        forwarded = Request(
            backend + request.parsed_url.raw_path_qs,
            method=request.method,
            headers=request.headers,
            body=request.body,
            redirect="manual",
        )
        forwarded.headers["X-Forwarded-Host"] = request.headers.get("Host", "")
        try:
            return await fetch(forwarded)
        except OSError as error:  # nobody listens there, or the connection broke
            log.warning("%s: %s", forwarded.url, error)
            return Response("Bad Gateway", status=502)

    def backend_of(self, path):
        if path.startswith("/chat/"):
            return self.env.CHAT
        if path.startswith("/api/"):
            return self.env.API
        return None
