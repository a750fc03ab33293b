"""The Worker of this process: where requests from outside meet the app's ``Default`` class.

A Worker has no storage and no gates to wait at; its requests interleave freely at their awaits.
An instance of the class lives for one request.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from ...actors.channel import Outbound
from ...actors.errors import NoSuchMethod
from ...actors.events import CallEvent
from ...actors.execution import DEFAULT_LIMITS, Execution, is_coroutine, wait_for_it
from ...actors.handlers import check_response
from ...actors.http import Request, Response
from ...actors.limits import ActorLimits
from ...actors.response_stream import stream_through
from ...actors.rpc import is_fatal
from ...actors.scope import SCOPE, Scope
from ...actors.state import NO_PROPS, ExecutionContext
from ...actors.targets import LocalTargets, call
from ...actors.task import ActorTask
from ...actors.told_errors import tell_of_error
from ...actors.watch import EventTrace, watch
from .scheduled import ScheduledEvent

log = logging.getLogger("perdure.server")

# (response, None), or (None, what was raised).
OnResponse = Callable[[Response | None, BaseException | None], None]
# What was raised, or None.
OnDone = Callable[[BaseException | None], None]


class Worker(Execution):
    """Runs the entrypoint's ``fetch`` for each request.

    Attributes:
        farewells: What is to be done when all requests are answered, before the Worker ends.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        outbound: Outbound,
        entrypoint: type[Any],
        env: object,
        limits: ActorLimits = DEFAULT_LIMITS,
    ) -> None:
        super().__init__(loop, outbound, limits)
        self._entrypoint = entrypoint
        self._env = env
        self.targets = LocalTargets()
        self.farewells: list[Callable[[], Coroutine[Any, Any, None]]] = []

    def fetch(
        self,
        request: Request,
        on_response: OnResponse,
        entrypoint: type[Any] | None = None,
        props: bytes = NO_PROPS,
    ) -> None:
        """Have ``request`` answered; ``on_response`` is called once, maybe at once.

        Args:
            request: It.
            on_response: See above.
            entrypoint: A class of the program; None for its ``Default``.
            props: What it is told as ``ctx.props``, encoded.
        """
        turn = _RequestTurn(self, request, on_response, entrypoint or self._entrypoint, props)
        if watch.tracer is not None:
            turn.trace = watch.tracer.event(self, turn, request)
        self.resume(turn)

    def instance_of(self, entrypoint: type[Any], props: bytes = NO_PROPS) -> Any:
        """Make what handles one request, or one call."""
        return entrypoint(ExecutionContext(self, props), self._env)

    def call_on(self, instance: Any, event: CallEvent, scope: Scope | None) -> Any:
        """Call the method of ``instance`` that ``event`` names."""
        return call(instance, event, scope)

    def result_of(self, result: Any) -> Any:
        """What a method has returned, as it travels."""
        return result

    def handle(self, instance: Any, request: Request) -> Any:
        """Call the handler of requests."""
        fetch = getattr(instance, "fetch", None)
        if fetch is None:
            raise NoSuchMethod("fetch")
        return fetch(request)

    def response_of(self, result: Any) -> Response:
        """What the handler has returned, as a response."""
        return check_response(result)

    def scheduled(
        self,
        event: ScheduledEvent,
        on_done: OnDone,
        entrypoint: type[Any] | None = None,
        props: bytes = NO_PROPS,
    ) -> None:
        """Have a cron trigger's event handled; ``on_done`` is called once, maybe at once.

        Args:
            event: It.
            on_done: See above.
            entrypoint: A class of the program; None for its ``Default``.
            props: What it is told as ``ctx.props``, encoded.
        """
        self.resume(_ScheduledTurn(self, event, on_done, entrypoint or self._entrypoint, props))

    def handle_scheduled(self, instance: Any, event: ScheduledEvent) -> Any:
        """Call the handler of a cron trigger's events."""
        scheduled = getattr(instance, "scheduled", None)
        if scheduled is None:
            event.no_retry = True
            raise NoSuchMethod("scheduled")
        return scheduled(event)

    def describe(self) -> Mapping[str, str]:
        return {"class": self._entrypoint.__qualname__}

    async def say_farewell(self, limit_s: float) -> None:
        """Do what was asked for the end, once; what takes longer is left.

        Args:
            limit_s: For all of it.
        """
        farewells, self.farewells = self.farewells, []
        tasks = [self.spawn(farewell(), self.context.copy()) for farewell in farewells]
        if not tasks:
            return
        done, pending = await asyncio.wait(tasks, timeout=limit_s)
        for task in done:
            if not task.cancelled() and (error := task.exception()) is not None:
                log.error("worker.farewell_failed", exc_info=error)
        if pending:
            log.warning("worker.farewell_late", extra={"limit_s": limit_s})

    def close(self) -> None:
        """End what is under way."""
        self.sessions.sever("the server is going away", 1001)
        self.discard_tasks()


class _RequestTurn:
    """One request: the first turn of its handler, and its response."""

    __slots__ = (
        "_entrypoint",
        "_on_response",
        "_props",
        "_request",
        "_scope",
        "_worker",
        "gate",
        "since_s",
        "trace",
    )
    handler = "fetch"

    def __init__(
        self,
        worker: Worker,
        request: Request,
        on_response: OnResponse,
        entrypoint: type[Any],
        props: bytes,
    ) -> None:
        self._worker = worker
        self._entrypoint = entrypoint
        self._props = props
        self._request = request
        self._on_response = on_response
        self._scope = Scope()
        self.gate = worker.root
        self.since_s = 0.0
        self.trace: EventTrace | None = None

    def step(self) -> None:
        worker = self._worker
        context = worker.context.copy()
        context.run(SCOPE.set, self._scope)
        if self.trace is not None:
            self.trace.begin(context)
        try:
            result = context.run(self._handle)
        except BaseException as error:
            self._fail(error)
            if is_fatal(error):
                raise
            return
        if not is_coroutine(result):
            if not hasattr(type(result), "__await__"):
                self._finish(result)
                return
            result = wait_for_it(result)
        worker.begin(result, self.gate, self._on_task_done, context)

    def _handle(self) -> Any:
        worker = self._worker
        return worker.handle(worker.instance_of(self._entrypoint, self._props), self._request)

    def _on_task_done(self, task: ActorTask) -> None:
        if task.cancelled():
            self._answer(None, asyncio.CancelledError("the handler was cancelled"))
        elif (error := task.exception()) is not None:
            self._fail(error)
        else:
            self._finish(task.result())

    def _finish(self, result: Any) -> None:
        try:
            response = stream_through(self._worker, self._worker.response_of(result))
        except Exception as error:
            self._fail(error)
            return
        self._answer(response, None)

    def _fail(self, error: BaseException) -> None:
        tell_of_error(self._worker, "fetch", error)
        self._answer(None, error)

    def _answer(self, response: Response | None, error: BaseException | None) -> None:
        self._scope.end()
        if self.trace is not None:
            self.trace.end(error, response)
            self.trace.left(0.0)
        self._on_response(response, error)


class _ScheduledTurn:
    """One firing of a cron trigger: the first turn of its handler."""

    __slots__ = (
        "_entrypoint",
        "_event",
        "_on_done",
        "_props",
        "_scope",
        "_worker",
        "gate",
        "since_s",
    )
    handler = "scheduled"

    def __init__(
        self,
        worker: Worker,
        event: ScheduledEvent,
        on_done: OnDone,
        entrypoint: type[Any],
        props: bytes,
    ) -> None:
        self._worker = worker
        self._event = event
        self._on_done = on_done
        self._entrypoint = entrypoint
        self._props = props
        self._scope = Scope()
        self.gate = worker.root
        self.since_s = 0.0

    def step(self) -> None:
        worker = self._worker
        context = worker.context.copy()
        context.run(SCOPE.set, self._scope)
        try:
            result = context.run(self._handle)
        except BaseException as error:
            self._done(error)
            if is_fatal(error):
                raise
            return
        if is_coroutine(result):
            worker.begin(result, self.gate, self._on_task_done, context)
        elif hasattr(type(result), "__await__"):
            worker.begin(wait_for_it(result), self.gate, self._on_task_done, context)
        else:
            self._done(None)

    def _handle(self) -> Any:
        worker = self._worker
        instance = worker.instance_of(self._entrypoint, self._props)
        return worker.handle_scheduled(instance, self._event)

    def _on_task_done(self, task: ActorTask) -> None:
        if task.cancelled():
            self._done(asyncio.CancelledError("the handler was cancelled"))
        else:
            self._done(task.exception())

    def _done(self, error: BaseException | None) -> None:
        self._scope.end()
        if error is not None:
            tell_of_error(self._worker, self.handler, error)
            log.error("scheduled.failed", extra={"cron": self._event.cron}, exc_info=error)
        self._on_done(error)
