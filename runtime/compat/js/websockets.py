"""``WebSocket``, ``WebSocketPair`` and ``WebSocketRequestResponsePair``, over the native ones."""

from collections.abc import Iterator
from typing import Any

from ....actors.auto_response import WebSocketRequestResponsePair as NativePair
from ....actors.http_errors import InvalidInit, InvalidUrl
from ....actors.socket_events import CloseEvent as NativeClose
from ....actors.socket_events import ErrorEvent as NativeError
from ....actors.socket_events import MessageEvent as NativeMessage
from ....actors.socket_events import OpenEvent as NativeOpen
from ....actors.socket_pair import WebSocketPair as NativeWebSocketPair
from ....actors.websocket import WebSocket as NativeWebSocket
from .abort import Event
from .blobs import Blob
from .buffers import ArrayBuffer, JsBuffer, Uint8Array, bytes_of
from .errors import SyntaxError_, TypeError_, js_error, platform_errors
from .objects import text_of
from .options import options_of
from .promises import Promise
from .proxies import JsProxy, is_nullish
from .pyproxies import unwrapped
from .values import from_native, to_native

_NO_DATA = object()


class EventData(ArrayBuffer, js_name="ArrayBuffer"):
    """A binary message: an ArrayBuffer that can be read as a Blob as well.

    The platform gives the one or the other by ``binaryType``, whose default depends on the
    compatibility date; code for either works with this.
    """

    @property
    def size(self) -> int:
        return len(self)

    def text(self) -> Promise:
        return Promise.resolve(self.to_bytes().decode("utf-8", "replace"))

    def arrayBuffer(self) -> Promise:
        return Promise.resolve(self)

    def bytes(self) -> Promise:
        return Promise.resolve(Uint8Array(self))


class MessageEvent(Event):
    """``data`` is the text or the binary message."""

    type = "message"
    data: Any = None


class CloseEvent(Event):
    """The end of a connection."""

    code: int = 0
    reason: str = ""
    wasClean: bool = False


class ErrorEvent(Event):
    """What broke a connection."""

    message: str = ""
    error: Any = None


_new_event: Any = object.__new__


class _Hearing:
    """A listener, told of JavaScript's events; equal to another of the same function."""

    __slots__ = ("_function", "_socket")

    def __init__(self, socket: "WebSocket", function: Any) -> None:
        self._socket = socket
        self._function = function

    @property
    def function(self) -> Any:
        return self._function

    def __call__(self, event: Any) -> Any:
        if type(event) is NativeMessage and type(event.data) is str:  # nearly always
            said = _new_event(MessageEvent)
            said.data = event.data
            said.target = self._socket
            return self._function(said)
        return self._function(self._socket.event_of(event))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hearing) and bool(other._function == self._function)

    def __hash__(self) -> int:
        return hash(self._function)


class WebSocket(JsProxy):
    """An end of a pair, or with ``WebSocket.new(url)`` a connection to another server.

    It may carry any attributes of the program's. The same native socket has the same view.
    """

    CONNECTING = READY_STATE_CONNECTING = 0
    OPEN = READY_STATE_OPEN = 1
    CLOSING = READY_STATE_CLOSING = 2
    CLOSED = READY_STATE_CLOSED = 3

    native: NativeWebSocket

    def __init__(self, url: Any, protocols: Any = None) -> None:
        names: Any = () if is_nullish(protocols) else to_native(unwrapped(protocols))
        try:
            with platform_errors():
                self.native = NativeWebSocket(text_of(url), names)
        except Exception as error:
            if isinstance(error.__cause__, InvalidUrl | InvalidInit):
                raise SyntaxError_(str(error.__cause__)) from error
            raise
        vars(self.native)["view"] = self

    @classmethod
    def of(cls, native: NativeWebSocket) -> "WebSocket":
        """The view of a native socket, always the same."""
        try:
            known: WebSocket = native.__dict__["view"]  # for every message: quicker than get()
        except KeyError:
            known = cls.__new__(cls)
            known.native = native
            native.__dict__["view"] = known
        return known

    def __repr__(self) -> str:
        return f"<WebSocket {self.native.id[:8]} {self.native.state.value}>"

    @property
    def readyState(self) -> int:
        return self.native.ready_state

    @property
    def url(self) -> str | None:
        return self.native.url

    @property
    def protocol(self) -> str:
        return self.native.protocol

    @property
    def extensions(self) -> str:
        return self.native.extensions

    @property
    def bufferedAmount(self) -> int:
        return self.native.buffered_amount

    @property
    def binaryType(self) -> str:
        return self.native.binary_type

    @binaryType.setter
    def binaryType(self, value: str) -> None:
        self.native.binary_type = value
        vars(self)["_is_blob"] = self.native.binary_type == "blob"

    def accept(self, options: Any = None, **more: Any) -> None:
        """Take this end: its events come here."""
        is_half_open = bool(options_of(options, more, ("allowHalfOpen",)).get("allowHalfOpen"))
        with platform_errors():
            self.native.accept(allow_half_open=is_half_open)

    def send(self, message: Any = _NO_DATA) -> None:
        """Send text or binary data; what is neither goes as its text."""
        if message is _NO_DATA:
            raise TypeError_(
                "Failed to execute 'send' on 'WebSocket': parameter 1 is not of type "
                "'ArrayBuffer or ArrayBufferView or string'."
            )
        if type(message) is not str:
            held = unwrapped(message)
            is_binary = isinstance(held, JsBuffer | bytes | bytearray | memoryview)
            message = bytes_of(held) if is_binary else text_of(held)
        try:
            self.native.send(message)
        except Exception as error:
            raise js_error(error) from error

    def close(self, code: Any = None, reason: Any = None) -> None:
        """Say goodbye."""
        number = None if is_nullish(code) else int(code)
        with platform_errors():
            self.native.close(number, None if is_nullish(reason) else text_of(reason))

    def serializeAttachment(self, value: Any) -> None:
        """Keep a copy of ``value`` with the connection."""
        with platform_errors():
            self.native.serialize_attachment(to_native(value))

    def deserializeAttachment(self) -> Any:
        """A copy of what was kept; None before."""
        return from_native(self.native.deserialize_attachment())

    def addEventListener(self, type: Any, listener: Any, options: Any = None, **more: Any) -> None:
        """Hear events: with a function or a proxy of one, async ones too."""
        held = unwrapped(listener)
        if is_nullish(held) or str(type) not in _EVENTS:
            return
        is_once = bool(options_of(options, more, ("once",)).get("once"))
        self.native.add_event_listener(_EVENTS[str(type)], _Hearing(self, held), once=is_once)

    def removeEventListener(self, type: Any, listener: Any, options: Any = None) -> None:
        del options
        if str(type) in _EVENTS:
            hearing = _Hearing(self, unwrapped(listener))
            self.native.remove_event_listener(_EVENTS[str(type)], hearing)

    def dispatchEvent(self, event: Event) -> bool:
        """Have listeners hear an event of the program's making, in a later turn."""
        with platform_errors():
            self.native.dispatch_event(_native_event(event))
        return True

    def event_of(self, event: Any) -> Event:
        """For listeners: a native event as JavaScript's."""
        if isinstance(event, NativeMessage):
            data: Any = event.data
            if not isinstance(data, str):
                is_blob = vars(self).get("_is_blob", False)
                data = Blob.of(data) if is_blob else EventData(data)
            said: Event = MessageEvent("message", data=data)
        elif isinstance(event, NativeClose):
            said = CloseEvent("close")
            said.code, said.reason, said.wasClean = event.code, event.reason, event.was_clean
        elif isinstance(event, NativeError):
            said = ErrorEvent("error", message=event.message)
            said.error = None if event.error is None else js_error(event.error)
        else:
            said = Event(event.type)
        said.target = self
        return said

    def _attribute(self, name: str) -> Any:
        known = getattr(self.native, name)
        return known.function if isinstance(known, _Hearing) else known

    def _set_attribute(self, name: str, listener: Any) -> None:
        held = unwrapped(listener)
        setattr(self.native, name, None if is_nullish(held) else _Hearing(self, held))


_EVENTS: Any = {"open": "open", "message": "message", "close": "close", "error": "error"}


def _listener_property(native_name: str) -> property:
    return property(
        lambda self: self._attribute(native_name),
        lambda self, listener: self._set_attribute(native_name, listener),
        doc="One listener, besides those that were added.",
    )


for _name in _EVENTS:
    setattr(WebSocket, f"on{_name}", _listener_property(f"on_{_name}"))


def _native_event(event: Event) -> Any:
    if event.type == "message":
        return NativeMessage(to_native(getattr(event, "data", "")))
    if event.type == "close":
        is_clean = bool(getattr(event, "wasClean", False))
        code, reason = getattr(event, "code", 0), getattr(event, "reason", "")
        return NativeClose(code, reason, was_clean=is_clean)
    if event.type == "error":
        return NativeError(getattr(event, "message", ""), getattr(event, "error", None))
    if event.type == "open":
        return NativeOpen()
    raise TypeError_(f"a WebSocket has no event {event.type!r} here")


class WebSocketPair(JsProxy):
    """Two joined ends: ``client, server = WebSocketPair.new().object_values()``."""

    length = 2

    def __init__(self) -> None:
        self.native = NativeWebSocketPair()

    def own_entries(self) -> list[tuple[str, Any]]:
        return [(str(index), WebSocket.of(end)) for index, end in enumerate(self.native)]

    def __getitem__(self, index: "str | int") -> WebSocket:
        if str(index) not in {"0", "1"}:
            raise KeyError(index)
        return WebSocket.of(self.native[int(index)])

    def __getattr__(self, name: str) -> WebSocket:
        if name not in {"0", "1"}:
            raise AttributeError(name)
        return self[name]

    def __iter__(self) -> Iterator[WebSocket]:
        return iter([self["0"], self["1"]])

    def __len__(self) -> int:
        return 2


class WebSocketRequestResponsePair(JsProxy):
    """What is answered to exactly this text, without waking the object."""

    def __init__(self, request: Any, response: Any) -> None:
        with platform_errors():
            self.native = NativePair(text_of(request), text_of(response))

    @classmethod
    def of(cls, native: NativePair) -> "WebSocketRequestResponsePair":
        """The view of a native pair."""
        return cls(native.request, native.response)

    @property
    def request(self) -> str:
        return self.native.request

    @property
    def response(self) -> str:
        return self.native.response

    def own_entries(self) -> list[tuple[str, Any]]:
        return [("request", self.request), ("response", self.response)]
