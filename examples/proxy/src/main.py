"""A proxy for two backends: /chat/room/x is /room/x of one, /api/x is /x of the other.

Ordinary requests and WebSockets take the same way: what ``fetch`` gives is returned. perdure passes
bodies and messages on as they come, reads no faster than the other side takes them, and keeps
close codes, reasons and subprotocols.
"""

import logging

from perdure import Request, Response, WorkerEntrypoint, fetch

log = logging.getLogger(__name__)


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        name, slash, rest = request.parsed_url.raw_path_qs.removeprefix("/").partition("/")
        backend = {"chat": self.env.CHAT, "api": self.env.API}.get(name)
        if backend is None or not slash:
            return Response("There is /chat/ and /api/", status=404)
        # A redirect is the client's to follow.
        forwarded = Request(
            f"{backend}/{rest}",
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
