"""``Request``, ``Response`` and ``fetch``, over the native ones."""

import asyncio
import http
from collections.abc import Callable
from typing import Any

from ....actors.execution import current_execution
from ....actors.fetch import fetch as native_fetch
from ....actors.headers import Headers as NativeHeaders
from ....actors.http import Request as NativeRequest
from ....actors.http import Response as NativeResponse
from .abort import AbortSignal
from .bodies import Body, native_body
from .errors import platform_errors
from .headers import Headers
from .json_text import JSON
from .objects import text_of
from .options import options_of
from .promises import Promise
from .proxies import is_nullish
from .pyproxies import unwrapped
from .websockets import WebSocket

_REQUEST = ("method", "headers", "body", "redirect", "cf", "signal")
_RESPONSE = ("status", "statusText", "headers", "webSocket")


def _typed(headers: Any, kind: str | None) -> NativeHeaders | None:
    """The native headers, with the content type that the body brings."""
    if headers is None and kind is None:
        return None
    fields = Headers(headers).native
    if kind is not None and "Content-Type" not in fields:
        fields["Content-Type"] = kind
    return fields


class Request(Body):
    """``Request.new(url, method="POST", body="...")``, or over the one that came in."""

    native: NativeRequest
    cf: Any = None
    cache = "default"
    credentials = "same-origin"
    destination = ""
    integrity = ""
    keepalive = False
    mode = "cors"
    referrer = "about:client"
    referrerPolicy = ""
    isHistoryNavigation = False

    def __init__(self, resource: Any, init: Any = None, **more: Any) -> None:
        options = options_of(init, more, _REQUEST)
        body, kind = native_body(options.get("body"))
        held = unwrapped(resource)
        held = getattr(held, "js_object", held)
        self._signal = options.get("signal") or getattr(held, "_signal", None)
        self.cf = options.get("cf", getattr(held, "cf", None))
        with platform_errors():
            self.native = NativeRequest(
                held.native if isinstance(held, Request) else text_of(held),
                method=_text(options.get("method")),
                headers=_typed(options.get("headers"), kind)
                if "headers" in options or kind is not None
                else None,
                body=body,
                redirect=options.get("redirect"),
            )

    @classmethod
    def of(cls, native: NativeRequest) -> "Request":
        """The view of a native request."""
        self = getattr(native, "view", None)
        if not isinstance(self, cls):
            self = cls.__new__(cls)
            self.native, self._signal = native, None
            native.view = self
        return self

    @property
    def method(self) -> str:
        return self.native.method

    @property
    def url(self) -> str:
        return self.native.url

    @property
    def redirect(self) -> str:
        return self.native.redirect

    @property
    def signal(self) -> AbortSignal:
        if self._signal is None:
            self._signal = AbortSignal()
        signal: AbortSignal = self._signal
        return signal

    @property
    def given_signal(self) -> AbortSignal | None:
        """For ``fetch``: the signal, if one was given or asked for."""
        return self._signal

    def take_signal(self, signal: AbortSignal) -> None:
        """For the SDK: be called off by it."""
        self._signal = signal

    def clone(self) -> "Request":
        """The same once more; both bodies can be read."""
        with platform_errors():
            copy = Request.of(self.native.clone())
        copy.cf = self.cf
        vars(self).pop("_stream", None)
        return copy

    def __repr__(self) -> str:
        return f"Request(method={self.method!r}, url={self.url!r})"


class _Json:
    """``Response.json(data)`` makes one, ``await response.json()`` reads one."""

    def __get__(self, response: "Response | None", cls: "type[Response]") -> Callable[..., Any]:
        return cls.from_json if response is None else super(cls, response).json


class Response(Body):
    """``Response.new("text", status=200)``, or over a native one.

    Raises:
        JsException: A RangeError for the status, a TypeError for the rest.
    """

    native: NativeResponse
    cf: Any = None
    type = "default"

    def __init__(self, body: Any = None, init: Any = None, **more: Any) -> None:
        options = options_of(init, more, _RESPONSE)
        content, kind = native_body(body)
        socket = unwrapped(options.get("webSocket"))
        status = options.get("status", 200)
        with platform_errors():
            self.native = NativeResponse(
                content,
                int(status),
                status_text=text_of(options.get("statusText", "")),
                headers=_typed(options.get("headers"), kind),
                web_socket=socket.native if isinstance(socket, WebSocket) else socket,
            )
        self.native.view = self

    json: Any = _Json()

    @classmethod
    def of(cls, native: NativeResponse) -> "Response":
        """The view of a native response."""
        self = getattr(native, "view", None)
        if not isinstance(self, cls):
            self = cls.__new__(cls)
            self.native = native
            native.view = self
        return self

    @classmethod
    def from_json(cls, data: Any, init: Any = None, **more: Any) -> "Response":
        """One whose body is ``data`` as JSON."""
        options = options_of(init, more, _RESPONSE)
        headers = Headers(options.pop("headers", None))
        if not headers.has("Content-Type"):
            headers.set("Content-Type", "application/json")
        return cls(JSON.stringify(data), options, headers=headers)

    @classmethod
    def redirect(cls, url: Any, status: int = 302) -> "Response":
        """Send the client elsewhere."""
        with platform_errors():
            return cls.of(NativeResponse.redirect(text_of(url), int(status)))

    @classmethod
    def error(cls) -> "Response":
        """A failed one: status 500, as there is no way to send status 0."""
        return cls(None, status=500)

    @property
    def status(self) -> int:
        return self.native.status

    @property
    def statusText(self) -> str:
        return words_of(self.native)

    @property
    def ok(self) -> bool:
        return self.native.ok

    @property
    def redirected(self) -> bool:
        return self.native.redirected

    @property
    def url(self) -> str:
        return self.native.url

    @property
    def webSocket(self) -> WebSocket | None:
        """The connection of a 101; None when the server did not upgrade."""
        native: Any = self.native.web_socket
        return None if native is None else WebSocket.of(native)

    def clone(self) -> "Response":
        """The same once more; both bodies can be read."""
        with platform_errors():
            copy = Response.of(self.native.clone())
        vars(self).pop("_stream", None)
        return copy

    def __repr__(self) -> str:
        return repr(self.native)


def words_of(response: NativeResponse) -> str:
    """The words after the status; the usual ones, where there are some, if it was given none."""
    if not response.status_text and response.status in http.HTTPStatus._value2member_map_:
        return http.HTTPStatus(response.status).phrase
    return response.status_text


def _text(value: Any) -> str | None:
    return None if is_nullish(value) else str(getattr(value, "value", value))


def fetch(resource: Any, init: Any = None, **more: Any) -> Promise:
    """Send a request; options come as an object or as keyword arguments.

    Raises:
        JsException: No handler is running; when awaited: the network failed, or it was aborted.
    """
    with platform_errors():
        current_execution("fetch()")
    return fetch_by(native_fetch, resource, init, **more)


def fetch_by(
    send: "Callable[[NativeRequest], asyncio.Future[NativeResponse]]",
    resource: Any,
    init: Any = None,
    **more: Any,
) -> Promise:
    """Likewise, by ``send``: through a binding, for instance."""
    held = unwrapped(resource)
    held = getattr(held, "js_object", held)
    has_more = bool(more) or not is_nullish(init)
    try:
        request = (
            held if isinstance(held, Request) and not has_more else Request(held, init, **more)
        )
        signal = request.given_signal
        if signal is not None and signal.aborted:
            return Promise.reject(signal.error())
        answer = send(request.native)
    except Exception as error:
        return Promise.reject(error)
    return Promise.of(_response(answer, signal))


async def _response(
    answer: "asyncio.Future[NativeResponse]", signal: AbortSignal | None
) -> Response:
    if signal is None:
        return Response.of(await answer)
    forget = signal.when_aborted(answer.cancel)
    try:
        native = await answer
    except asyncio.CancelledError:
        if signal.aborted:
            raise signal.error() from None
        raise
    finally:
        forget()
    signal.may_end(native, signal.error)
    return Response.of(native)
