"""A Worker whose program is in Workers style: its ``Default``, or functions of its module."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from ...actors.base import WorkerEntrypoint
from ...actors.events import CallEvent
from ...actors.http import Request as NativeRequest
from ...actors.http import Response as NativeResponse
from ...actors.scope import Scope
from ...actors.state import NO_PROPS, ExecutionContext
from ..config.errors import Problem
from ..host.loader import ENTRYPOINT, LoadError
from ..host.scheduled import ScheduledEvent
from ..host.worker import Worker
from .handlers import FETCH, FETCH_ARGUMENTS, called, made_with, places_of, relaxed
from .js.http import Request as JsRequest
from .pyodide.suspending import WISH, run, suspendable
from .replies import native_response
from .sdk.messages import Request
from .sdk.transfer import outgoing
from .views.bindings import OURS, BindingViews
from .views.env import EnvView
from .views.state import ScheduledController, WorkerContext

ON_FETCH, ON_SCHEDULED, SCHEDULED = "on_fetch", "on_scheduled", "scheduled"
GLOBAL_HANDLERS = (ON_FETCH, ON_SCHEDULED, "on_queue")


class WorkersWorker(Worker):
    """Runs ``Default.fetch(self, request)`` of a program in Workers style."""

    def __init__(self, *arguments: Any, view: EnvView, views: BindingViews = OURS) -> None:
        super().__init__(*arguments)
        self._view = view
        self._views = views
        self._places: dict[type[Any], int] = {}

    def context_of(self, props: bytes) -> WorkerContext:
        """``ctx`` of one request, or one call."""
        return WorkerContext(ExecutionContext(self, props), self._views)

    def instance_of(self, entrypoint: type[Any], props: bytes = NO_PROPS) -> Any:
        return made_with(entrypoint, self.context_of(props), self._view)

    def call_on(self, instance: Any, event: CallEvent, scope: Scope | None) -> Any:
        return called(instance, event, scope)

    def result_of(self, result: Any) -> Any:
        return outgoing(result)

    def handle(self, instance: Any, request: NativeRequest) -> Any:
        fetch = getattr(instance, FETCH, None)
        if fetch is None:
            raise TypeError(f"Method {FETCH} does not exist")
        places = self._places.get(type(instance))
        if places is None:
            places = self._places[type(instance)] = places_of(fetch, FETCH_ARGUMENTS)
        arguments = (self.seen(request), None, None)[:places]
        return run(fetch, *arguments) if WISH.is_there else fetch(*arguments)

    def seen(self, request: NativeRequest) -> Any:
        """A request as the program sees it."""
        return Request.of(request)

    def handle_scheduled(self, instance: Any, event: ScheduledEvent) -> Any:
        scheduled = getattr(instance, SCHEDULED, None)
        if scheduled is None:
            event.no_retry = True
            raise TypeError(f"Method {SCHEDULED} does not exist")
        return suspendable(relaxed(scheduled, 3))(ScheduledController(event), None, None)

    def response_of(self, result: Any) -> NativeResponse:
        return native_response(result)


def entrypoint_of_globals(module: ModuleType, main: Path) -> type[WorkerEntrypoint] | None:
    """A class whose handlers are the functions ``on_...`` of ``module``; None if it has none.

    Raises:
        LoadError: There is a class as well.
    """
    handler = vars(module).get(ON_FETCH)
    if not any(callable(vars(module).get(name)) for name in GLOBAL_HANDLERS):
        return None
    if ENTRYPOINT in vars(module):
        message = "Cannot define multiple default entrypoints"
        hint = f"{main.name} has a class {ENTRYPOINT} and functions of the module: keep one."
        raise LoadError(Problem(main, "", None, None, message, hint))
    found = vars(module).get(ON_SCHEDULED)
    return _entrypoint_calling(
        None if handler is None else relaxed(handler, FETCH_ARGUMENTS),
        None if found is None else relaxed(found, 3),
    )


def _entrypoint_calling(
    handler: Callable[..., Any] | None, on_scheduled: Callable[..., Any] | None
) -> type[WorkerEntrypoint]:
    class GlobalHandlers(WorkerEntrypoint):
        """The functions of a module, as an entrypoint."""

        def fetch(self, request: Request) -> Any:
            if handler is None:
                raise TypeError(f"Method {ON_FETCH} does not exist")
            return handler(JsRequest.of(request.native), self.env, self.ctx)

        def scheduled(self, controller: ScheduledController) -> Any:
            if on_scheduled is None:
                raise TypeError(f"Method {ON_SCHEDULED} does not exist")
            return on_scheduled(controller, self.env, self.ctx)

    return GlobalHandlers
