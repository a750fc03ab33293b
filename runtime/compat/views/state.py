"""``ctx`` as programs in Workers style see it: that of an object, and that of a Worker."""

from collections.abc import Awaitable, Callable, Iterable
from functools import cached_property
from typing import Any

from ....actors.alarm import AlarmInfo
from ....actors.state import DurableObjectState, ExecutionContext
from ....storage.errors import UsageError
from ...host.exports import Exports
from ...host.scheduled import ScheduledEvent
from ..js.dates import Date
from ..js.proxies import JsProxy
from ..js.values import JsDict, JsList, from_native
from ..js.websockets import WebSocket, WebSocketRequestResponsePair
from .bindings import OURS, BindingViews
from .names import as_key, spelled
from .namespaces import DurableObjectIdView
from .storage import StorageView


class ContextView(JsProxy, js_name="ExecutionContext"):
    """What every ``ctx`` has.

    Args:
        native: Perdure's.
        views: What ``exports`` are seen as.
    """

    def __init__(
        self, native: DurableObjectState | ExecutionContext, views: BindingViews = OURS
    ) -> None:
        self.native = native
        self._views = views

    def __getattr__(self, name: str) -> Any:
        if name == "exports":
            return ExportsView(self.native.exports, self._views)
        raise AttributeError(
            f"ctx has no {name} on perdure; docs/workers-compatibility.md lists all"
        )

    def waitUntil(self, promise: Awaitable[Any]) -> None:
        """Go on with ``promise`` after the reply, or the response, has left."""
        self.native.wait_until(promise)


class DurableObjectContext(ContextView, js_name="DurableObjectState"):
    """An object's ``ctx``.

    Attributes:
        id: Whose ctx this is.
        storage: What the object keeps.
        props: Empty: nobody says anything of an object.
    """

    native: DurableObjectState

    def __init__(self, native: DurableObjectState, views: BindingViews = OURS) -> None:
        super().__init__(native, views)
        self.id = DurableObjectIdView(native.id)
        self.storage = StorageView(native.storage)
        self.props = JsDict()

    @spelled
    def blockConcurrencyWhile(self, callback: Callable[[], Any]) -> Any:
        """Run ``callback`` while no other event of the object runs; also usable as a decorator."""
        return self.native.block_concurrency_while(callback)

    def abort(self, reason: Any = None) -> None:
        """Reset the object. Does not return: it raises DurableObjectAbort."""
        self.native.abort(None if reason is None else str(reason))

    # Sockets.

    @spelled
    def acceptWebSocket(self, ws: WebSocket, tags: Iterable[Any] | None = None) -> None:
        """Take ``ws``; its events go to ``webSocketMessage`` and its like."""
        if not isinstance(ws, WebSocket):
            raise TypeError(
                "Failed to execute 'acceptWebSocket' on 'DurableObjectState': parameter 1 is not "
                "of type 'WebSocket'."
            )
        if isinstance(tags, str):
            raise UsageError("tags are a list of strings; write [tag] for one tag")
        self.native.accept_web_socket(ws.native, [as_key(tag) for tag in tags or ()])

    @spelled
    def getWebSockets(self, tag: str | None = None) -> JsList:
        """The sockets taken with ``acceptWebSocket``, or those of them that carry ``tag``."""
        return JsList(map(WebSocket.of, self.native.get_web_sockets(tag)))

    @spelled
    def getTags(self, ws: WebSocket) -> JsList:
        """The tags that ``acceptWebSocket`` was given for ``ws``."""
        return JsList(self.native.get_tags(ws.native))

    @spelled
    def setWebSocketAutoResponse(
        self, maybeReqResp: WebSocketRequestResponsePair | None = None
    ) -> None:
        """Have a message answered without a handler."""
        pair = None if maybeReqResp is None else maybeReqResp.native
        self.native.set_web_socket_auto_response(pair)

    def getWebSocketAutoResponse(self) -> WebSocketRequestResponsePair | None:
        """What is answered by itself; None when nothing is."""
        pair = self.native.get_web_socket_auto_response()
        return None if pair is None else WebSocketRequestResponsePair.of(pair)

    def getWebSocketAutoResponseTimestamp(self, ws: WebSocket) -> Any:
        """When ``ws`` was last answered by itself, as a Date; None for never."""
        time_ms = self.native.get_web_socket_auto_response_timestamp(ws.native)
        return None if time_ms is None else Date(time_ms)

    @spelled
    def setHibernatableWebSocketEventTimeout(self, timeoutMs: int | None = None) -> None:
        """Cancel a handler that takes longer for one event of a socket."""
        self.native.set_hibernatable_web_socket_event_timeout(timeoutMs)

    def getHibernatableWebSocketEventTimeout(self) -> int | None:
        """How long a handler may take for one event of a socket; None for as long as it likes."""
        return self.native.get_hibernatable_web_socket_event_timeout()


class WorkerContext(ContextView, js_name="ExecutionContext"):
    """A Worker's ``ctx``."""

    native: ExecutionContext

    @cached_property
    def props(self) -> Any:
        """What the binding, or ``ctx.exports``, through which it is called says of who calls."""
        return from_native(self.native.props)

    def passThroughOnException(self) -> None:
        """Accepted; there is no origin behind perdure that a request could pass on to."""


class AlarmInfoView(JsProxy, js_name="AlarmInvocationInfo"):
    """What ``alarm(self, alarm_info)`` is given."""

    def __init__(self, native: AlarmInfo) -> None:
        self.native = native

    @property
    def isRetry(self) -> bool:
        """Whether this alarm has failed before."""
        return self.native.is_retry

    @property
    def retryCount(self) -> int:
        """How often."""
        return self.native.retry_count

    @cached_property
    def scheduledTime(self) -> int:
        """Unix time in milliseconds for which the alarm was set."""
        return self.native.scheduled_time


class ScheduledController(JsProxy, js_name="ScheduledController"):
    """What ``scheduled`` is given.

    Attributes:
        cron: The trigger that fires, as the configuration has it.
        scheduledTime: Unix time in milliseconds of the minute it fires for.
    """

    def __init__(self, native: ScheduledEvent) -> None:
        self.native = native
        self.cron = native.cron
        self.scheduledTime = native.scheduled_time

    def noRetry(self) -> None:
        """Have who has fired it be told so. perdure tries nothing again that has failed."""
        self.native.no_retry = True


class ExportsView(JsProxy, js_name="Object"):
    """``ctx.exports``: the program's own entrypoints and classes, as bindings to them."""

    def __init__(self, native: Exports, views: BindingViews = OURS) -> None:
        self.native = native
        self._views = views

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        own = vars(self)
        return own["_views"].of(getattr(own["native"], name))
