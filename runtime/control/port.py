"""The control port: metrics for Prometheus and a health check, over HTTP on the loopback interface.

*Promise*: it is read only, and tells counts and names of classes, never of actors, nor of
anything that clients have sent.
*Assumes*: whoever may open connections on this machine may know that. A collector elsewhere
comes through something that asks who it is.
"""

from aiohttp import web

from .observed import Observed

LOOPBACK = "127.0.0.1"
# Whoever scrapes asks again later.
_SHUTDOWN_S = 0.1


class ControlPort:
    """Answers ``GET /metrics`` and ``GET /health``; close it when done."""

    def __init__(self, observed: Observed) -> None:
        self._observed = observed
        application = web.Application()
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
        text, content_type = expose(self._observed, accept)
        return web.Response(body=text, headers={"Content-Type": content_type})

    async def _health(self, request: web.Request) -> web.Response:
        """503 while something is not as it should be, with the reasons in words."""
        del request
        health = self._observed.health()
        status = 503 if health.is_degraded else 200
        said = {"status": "degraded" if health.is_degraded else "ok", "reasons": health.reasons}
        return web.json_response(said, status=status)
