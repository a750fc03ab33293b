"""The lifespan of an ASGI application in a Worker: begun before its first request, and ended.

An application is started once for each process that runs its Worker, and shut down when that
process has drained. One that has no lifespan is served without.
"""

import asyncio
import logging
from typing import Any
from weakref import WeakKeyDictionary

from ....actors.execution import Execution
from ...host.worker import Worker
from .asgi_http import VERSIONS, AsgiApp, Message
from .errors import ProtocolMisused, StartupFailed

log = logging.getLogger("perdure.gateway")


class Lifespan:
    """One application's, in one Worker.

    Attributes:
        state: What the application keeps for its requests.
        is_over: Its task has ended.
    """

    def __init__(self, app: AsgiApp, worker: Worker) -> None:
        self._app = app
        self.state: dict[str, Any] = {}
        self.is_over = False
        self._is_announced = False
        self._stopping: asyncio.Future[None] = worker.loop.create_future()
        self._stopped: asyncio.Future[None] = worker.loop.create_future()
        self.started: asyncio.Future[None] = worker.loop.create_future()
        self._failure: str | None = None
        # In a context of the Worker, not of the request that happened to be the first.
        context = worker.context.copy()
        task = worker.start(self._run(), worker.root, None, context)
        task.add_done_callback(self._ended, context=worker.neutral)
        task.start_later()

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": dict(VERSIONS), "state": self.state}
        try:
            await self._app(scope, self._receive, self._send)
        except Exception as error:
            if self._failure is None and not self.started.done():
                log.debug("gateway.no_lifespan", exc_info=error)
            elif self._failure is None:
                log.exception("gateway.lifespan_failed")

    def _ended(self, task: "asyncio.Future[Any]") -> None:
        self.is_over = True
        if not task.cancelled():
            task.exception()
        for waited in (self.started, self._stopped):
            if not waited.done():
                waited.set_result(None)

    async def _receive(self) -> Message:
        if not self._is_announced:
            self._is_announced = True
            return {"type": "lifespan.startup"}
        await asyncio.shield(self._stopping)
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "lifespan.startup.complete":
            if not self.started.done():
                self.started.set_result(None)
        elif kind == "lifespan.startup.failed":
            self._failure = message.get("message") or "it gave no reason"
            if not self.started.done():
                self.started.set_exception(StartupFailed(self._failure))
                self.started.exception()  # requests ask for it, if there are any left
        elif kind in {"lifespan.shutdown.complete", "lifespan.shutdown.failed"}:
            if kind.endswith("failed"):
                log.error("gateway.shutdown_failed", extra={"reason": message.get("message", "")})
            if not self._stopped.done():
                self._stopped.set_result(None)
        else:
            raise ProtocolMisused("ASGI", f"sends {kind!r} in its lifespan")

    @property
    def has_failed(self) -> bool:
        """It said so, and may be tried again."""
        return self._failure is not None

    async def stop(self) -> None:
        """Have the application shut down, and wait for it."""
        if self.is_over or not self.started.done():
            return
        if not self._stopping.done():
            self._stopping.set_result(None)
        await asyncio.shield(self._stopped)


# By the Worker, and by which object the application is; who has it here keeps it.
_lifespans: WeakKeyDictionary[Execution, dict[int, Lifespan]] = WeakKeyDictionary()


async def state_of(app: AsgiApp, execution: Execution) -> dict[str, Any]:
    """What the application's lifespan has made, which is begun if it is not yet.

    In an actor applications have none: actors come and go too often.

    Raises:
        StartupFailed: The application said so; the next request tries again.
    """
    if not isinstance(execution, Worker):
        return {}
    known = _lifespans.setdefault(execution, {})
    lifespan = known.get(id(app))
    if lifespan is None or lifespan.has_failed:
        lifespan = known[id(app)] = Lifespan(app, execution)
        execution.farewells.append(lifespan.stop)
    if not lifespan.started.done() or lifespan.has_failed:
        await asyncio.shield(lifespan.started)
    return lifespan.state
