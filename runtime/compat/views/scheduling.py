"""Bindings that can fire a cron trigger: ``await env.OTHER.scheduled({"cron": "* * * * *"})``.

The platform has that with the flag ``service_binding_extra_handlers``, which tests set; without it
``scheduled`` is a method like any other.
"""

import asyncio
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ....actors.errors import NoSuchMethod
from ....actors.execution import current_execution
from ....actors.service_stub import ServiceStub
from ...host.scheduled import ScheduledEvent
from ...host.services import WorkerService
from ..js.dates import Date
from ..js.errors import TypeError_, platform_errors
from ..js.objects import text_of
from ..js.options import options_of
from ..js.promises import Promise
from ..js.proxies import JsProxy, is_nullish
from ..js.pyproxies import unwrapped
from ..js.values import JsDict
from ..sdk.transfer import ServiceView
from .bindings import BindingViews, LoopbackView
from .namespaces import NamespaceView

_NO_OPTIONS = (
    "Failed to execute 'scheduled' on 'Fetcher': parameter 1 is not of type 'ScheduledOptions'."
)
_NO_DATE = (
    "Incorrect type for the 'scheduledTime' field on 'ScheduledOptions': the provided value is "
    "not of type 'date'."
)


class Scheduling:
    """What a binding to a Worker has besides."""

    __slots__ = ()
    native: Any

    def scheduled(self, options: Any = None, **more: Any) -> Promise:
        """Run the Worker's ``scheduled`` once; awaiting it gives ``outcome`` and ``noRetry``.

        What the handler raises makes the outcome ``"exception"``, and is not raised here.

        Args:
            options: ``scheduledTime`` (now, if it is not said) and ``cron``.
            more: Likewise.

        Raises:
            JsException: A TypeError for options that are none, when awaited.
        """
        try:
            event = _event_of(options, more)
            with platform_errors():
                outcome = _fire(self.native, event)
        except Exception as error:
            return Promise.reject(error)
        return Promise.of(_told(outcome, event))


class SchedulingService(Scheduling, ServiceView):
    """Calls a Worker, and fires its cron triggers."""

    __slots__ = ()


class SchedulingLoopback(Scheduling, LoopbackView):
    """Likewise, an entrypoint of the program's own."""

    __slots__ = ()
    make_service = SchedulingService


def _event_of(options: Any, more: Mapping[str, Any]) -> ScheduledEvent:
    held = unwrapped(options)
    if not (is_nullish(held) or isinstance(held, Mapping | JsProxy)):
        raise TypeError_(_NO_OPTIONS)
    given = options_of(held, more, ("scheduledTime", "cron"))
    time = given.get("scheduledTime")
    return ScheduledEvent(
        text_of(given.get("cron", "")), Date.now() if time is None else _milliseconds(time)
    )


def _milliseconds(time: Any) -> int:
    if isinstance(time, datetime):
        return round(time.timestamp() * 1000)
    if isinstance(time, Date):
        time = time.getTime()
    if isinstance(time, bool) or not isinstance(time, int | float) or not math.isfinite(time):
        raise TypeError_(_NO_DATE)
    return int(time)


def _fire(stub: ServiceStub, event: ScheduledEvent) -> "asyncio.Future[str]":
    """Have it run when what the caller has written so far is durable; give what becomes of it."""
    execution = current_execution("scheduled()")
    execution.check_may_call_out()
    outcome: asyncio.Future[str] = execution.loop.create_future()

    def on_done(error: BaseException | None) -> None:
        if not outcome.done() and not execution.is_over:
            outcome.set_result("ok" if error is None else "exception")

    service = stub._to_capability()  # noqa: SLF001  # a stub's public names are remote
    if isinstance(service, WorkerService):
        execution.emit(service.scheduled, event, on_done)
    else:  # assets have no handlers
        event.no_retry = True
        on_done(NoSuchMethod("scheduled"))
    return outcome


async def _told(outcome: "asyncio.Future[str]", event: ScheduledEvent) -> JsDict:
    return JsDict({"outcome": await outcome, "noRetry": event.no_retry})


SCHEDULING = BindingViews(NamespaceView, SchedulingService, SchedulingLoopback)
