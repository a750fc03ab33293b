"""The control port: metrics for Prometheus and a health check, over HTTP on the loopback interface.

*Promise*: it is read only, and tells counts and names of classes, never of actors, nor of
anything that clients have sent. Pages in a browser cannot read it, whatever their host's name
resolves to.
*Assumes*: whoever may open connections on this machine may know that. A collector elsewhere
comes through something that asks who it is.
"""

from ipaddress import ip_address

from aiohttp import web
from aiohttp.typedefs import Handler
from yarl import URL

from .observed import Observed

LOOPBACK = "127.0.0.1"
# Whoever scrapes asks again later.
_SHUTDOWN_S = 0.1


class ControlPort:
    """Answers ``GET /metrics`` and ``GET /health``; close it when done."""

    def __init__(self, observed: Observed) -> None:
        self._observed = observed
        application = web.Application(middlewares=[_refuse_other_hosts])
        application.router.add_get("/metrics", self._metrics)
        application.router.add_get("/health", self._health)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=_SHUTDOWN_S)

    async def listen(self, port: int) -> int:
        """Take a port, any if ``port`` is 0; return which.

        Raises:
            OSError: It is taken, or may not be used.
        """
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, port).start()
        return int(self._runner.addresses[0][1])

    async def close(self) -> None:
        """Answer nobody any more."""
        await self._runner.cleanup()

    async def _metrics(self, request: web.Request) -> web.Response:
        from .exposition import expose  # noqa: PLC0415  # a start must not pay for the library

        accept = request.headers.get("Accept", "")
        text, content_type = expose(await self._observed.families(), accept)
        return web.Response(body=text, headers={"Content-Type": content_type})

    async def _health(self, request: web.Request) -> web.Response:
        """503 while something is not as it should be, with the reasons in words."""
        del request
        reasons = list(await self._observed.reasons())
        said = {"status": "degraded" if reasons else "ok", "reasons": reasons}
        return web.json_response(said, status=503 if reasons else 200)


@web.middleware
async def _refuse_other_hosts(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer only who asks for this machine by a name or an address of its own.

    A page of evil.example may have that name resolve to 127.0.0.1, so that the browser lets it
    read what is answered (DNS rebinding); but the browser says what name it was.
    """
    host = request.headers.get("Host")
    if host is None or is_loopback(host):  # browsers always say it, health checks may not
        return await handler(request)
    text = f"The control port is asked for as {LOOPBACK} or localhost, not as {host[:255]!r}.\n"
    return web.Response(status=421, text=text)


def is_loopback(host: str) -> bool:
    """Say whether a Host header, with a port or without, can only mean this machine."""
    try:
        name = URL.build(scheme="http", authority=host).host or ""
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False
