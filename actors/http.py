"""Request and Response, as user code makes and gets them.

The native forms of the Fetch standard's: spelled in Python, and without any knowledge of the
server or client that carries them. The edge makes its own with ``incoming``.
"""

import http
import json
import re
from collections.abc import AsyncIterator, Awaitable
from typing import Any, Literal, Protocol, Self, overload

from multidict import CIMultiDict
from yarl import URL

from .body import BodyInit, Content
from .headers import Fields, Headers, HeadersInit, check_name, check_value
from .http_errors import InvalidInit, InvalidStatus, InvalidUrl
from .link import SocketLink
from .message import Message
from .socket_events import EventName, Listener
from .url import absolute_url

Redirect = Literal["follow", "manual", "error"]

_METHOD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_NULL_BODY_STATUS = frozenset({101, 204, 205, 304})
_REDIRECT_STATUS = frozenset({301, 302, 303, 307, 308})


class UpgradeSocket(Protocol):
    """An end of a WebSocket, as a Response carries it. ``websocket.WebSocket`` is one."""

    on_open: Listener | None
    on_message: Listener | None
    on_close: Listener | None
    on_error: Listener | None

    @property
    def ready_state(self) -> int: ...
    def accept(
        self,
        *,
        allow_half_open: bool = False,
        delivery: str | None = None,
        queue_bytes_max: int | None = None,
    ) -> None: ...
    def send(
        self, message: str | bytes | bytearray | memoryview, *, key: str | None = None
    ) -> None: ...
    def close(self, code: int | None = None, reason: str | None = None) -> None: ...
    def add_event_listener(
        self, name: EventName, listener: Listener, *, once: bool = False
    ) -> None: ...
    def remove_event_listener(self, name: EventName, listener: Listener) -> None: ...
    def __aiter__(self) -> AsyncIterator[str | bytes]: ...
    @property
    def can_be_handed_over(self) -> bool: ...
    def hand_over(self, link: SocketLink) -> None:
        """For the runtime: the peer of this end talks to ``link`` from now on."""


class Request(Message):
    """An HTTP request: one that came in, or one to be sent.

    Args:
        resource: An absolute URL (http, https, ws or wss), or a Request to start from; its body
            goes over into this one.
        method: GET when nothing else is said.
        headers: They replace those of the Request to start from.
        body: None, str, bytes, or an async iterable of bytes that is streamed.
        redirect: What ``fetch`` does with a redirect: "follow" it, give it back ("manual"), or
            fail ("error").

    Raises:
        InvalidUrl: Not an absolute URL.
        InvalidInit: GET and HEAD have no body; or an argument is of no use.
        BodyAlreadyUsed: The body to start from has been read.
    """

    __slots__ = ("_parsed_url", "client_address", "method", "redirect", "resumed", "url")

    _owner = "request"

    method: str
    """In capitals: ``"GET"``."""
    url: str
    """The whole URL, as text; ``parsed_url`` has its parts."""
    redirect: Redirect
    """What ``fetch`` does with a redirect."""
    client_address: str | None
    """Who sent it: an IPv4 or IPv6 address, that of the client behind trusted proxies. None for a
    request that was made here, and not of one that came in; and for clients without addresses."""
    resumed: bool
    """Whether its client was connected before: the worker that held its WebSocket is gone, and the
    request is made again for the next one. The client does not see this."""

    def __init__(
        self,
        resource: "str | URL | Request",
        *,
        method: str | None = None,
        headers: HeadersInit = None,
        body: BodyInit = None,
        redirect: Redirect | None = None,
    ) -> None:
        fields = None if headers is None else _own_fields(headers)
        self.resumed = False
        if isinstance(resource, Request):
            self.resumed = resource.resumed
            self.url, self._parsed_url = resource.url, resource._parsed_url  # noqa: SLF001  # a Request too
            self.method = resource.method if method is None else _checked_method(method)
            self.redirect = resource.redirect if redirect is None else _checked_redirect(redirect)
            self.client_address = resource.client_address
            if fields is None:
                fields = CIMultiDict(resource.header_fields())
            has_new_terms = body is not None or method is not None
            if has_new_terms and (body is not None or resource.content is not None):
                self._refuse_body_for_get()
            if body is not None:
                fields.popall("Content-Length", None)  # it was the old body's
            self._start(body, fields)
            if body is None:
                self._content = resource.take_content()
        else:
            self.url, self._parsed_url = absolute_url(resource)
            self.method = "GET" if method is None else _checked_method(method)
            self.redirect = "follow" if redirect is None else _checked_redirect(redirect)
            self.client_address = None
            if body is not None:
                self._refuse_body_for_get()
            self._start(body, fields)

    def _refuse_body_for_get(self) -> None:
        if self.method in {"GET", "HEAD"}:
            raise InvalidInit("Request with a GET or HEAD method cannot have a body.")

    @classmethod
    def incoming(
        cls,
        method: str,
        url: str,
        fields: Fields,
        content: Content = None,
        client_address: str | None = None,
    ) -> Self:
        """A request from the network. For the runtime: nothing is checked or copied.

        Args:
            method: In capitals.
            url: Absolute, and encoded as it is to be shown.
            fields: The header fields; nobody may change them later.
            content: The body: all of it, its source, or None.
            client_address: Who sent it, if that is known.
        """
        self = cls.__new__(cls)
        self.method = method
        self.client_address = client_address
        self.url = url
        self.resumed = False
        self.redirect = "manual"
        self._parsed_url = None
        self._fields = fields
        self._headers = None
        self._immutable = True
        self._content = content
        self._used = False
        return self

    _parsed_url: URL | None

    def __repr__(self) -> str:
        return f"Request(method={self.method!r}, url={self.url!r})"

    @property
    def parsed_url(self) -> URL:
        """The URL in parts: ``parsed_url.path``, ``parsed_url.query["room"]``."""
        if self._parsed_url is None:
            self._parsed_url = URL(self.url)
        return self._parsed_url

    @property
    def is_upgrade(self) -> bool:
        """Whether the client asks for a WebSocket."""
        fields = self.header_fields()
        value = fields.get("Upgrade")
        if value is None or value.lower() == "websocket":
            return value is not None
        tokens = ",".join(fields.getall("Upgrade")).lower().split(",")
        return "websocket" in [token.strip() for token in tokens]

    async def json(self, **options: Any) -> Any:
        """Read the body as JSON; ``options`` are those of ``json.loads``.

        Raises:
            BodyAlreadyUsed: It has been read before.
            InvalidJson: It is not JSON.
            InvalidBody: It is not UTF-8.
        """
        return await self._read_json(**options)

    def clone(self) -> "Request":
        """The same request once more; each of the two bodies can be read.

        What one reader of a streaming body has read waits in memory for the other.

        Raises:
            BodyAlreadyUsed: The body has been read.
        """
        fields, content = self.header_fields(), self._copy_content()
        copy = Request.incoming(self.method, self.url, fields, content, self.client_address)
        copy.redirect = self.redirect
        copy.resumed = self.resumed
        if not self._immutable:
            copy._immutable = False  # noqa: SLF001  # of our own class
            copy._fields = CIMultiDict(fields)
        return copy


class ResponseMaker(Protocol):
    """``Response.json``, asked of the class."""

    def __call__(
        self, data: Any, status: int = 200, *, status_text: str = "", headers: HeadersInit = None
    ) -> "Response": ...


class JsonReader(Protocol):
    """``json`` of one response."""

    def __call__(self, **options: Any) -> Awaitable[Any]: ...


class _Json:
    """``Response.json(data)`` makes a response; ``await response.json()`` reads one."""

    @overload
    def __get__(self, response: None, cls: "type[Response]") -> ResponseMaker: ...
    @overload
    def __get__(self, response: "Response", cls: "type[Response]") -> JsonReader: ...
    def __get__(
        self, response: "Response | None", cls: "type[Response]"
    ) -> ResponseMaker | JsonReader:
        return cls._from_json if response is None else response._read_json  # noqa: SLF001  # see Response.json


class Response(Message):
    """An HTTP response: the answer to a request, or what ``fetch`` gave.

    Args:
        body: None, str (sent as UTF-8 text), bytes, or an async iterable of bytes that is
            streamed.
        status: 200 to 599; 101 with a ``web_socket`` only.
        status_text: The words after the status; usual ones when empty.
        headers: They win over the content type that a str body brings.
        web_socket: The end of a ``WebSocketPair`` that the client is to talk to.

    Raises:
        InvalidStatus: The status is out of range, or does not go with ``web_socket``.
        InvalidInit: The body is of no use, or goes with a status that has none.
        InvalidHeader: A header's name or value cannot be sent.
    """

    __slots__ = ("redirected", "served_by", "status", "status_text", "url", "web_socket")

    _owner = "response"

    status: int
    """For instance 200."""
    status_text: str
    """The words that came with the status; "" when there are none."""
    url: str
    """Where ``fetch`` got it from, after redirects; "" for one that was made here."""
    redirected: bool
    """Whether ``fetch`` followed a redirect on the way."""
    web_socket: UpgradeSocket | None
    """The open connection of a 101, else None."""
    served_by: str
    """Where it comes from, for who brings responses from other processes; others have none."""

    def __init__(
        self,
        body: BodyInit = None,
        status: int = 200,
        *,
        status_text: str = "",
        headers: HeadersInit = None,
        web_socket: UpgradeSocket | None = None,
    ) -> None:
        self.status = status if type(status) is int else _checked_status(status)
        if web_socket is not None:
            _check_upgrade(self.status, web_socket)
        elif not 200 <= status <= 599:
            raise InvalidStatus(
                "Responses may only be constructed with status codes in the range 200 to 599, "
                f"inclusive. This one is {status}."
            )
        if status in _NULL_BODY_STATUS and body is not None:
            if not isinstance(body, str | bytes) or body:
                raise InvalidInit(
                    "Response with null body status (101, 204, 205, or 304) cannot have a body."
                )
            body = None
        self.status_text = check_value("status_text", status_text) if status_text else ""
        self.web_socket = web_socket
        self.url = ""
        self.redirected = False
        self._start(body, None if headers is None else _own_fields(headers))

    json = _Json()

    @classmethod
    def _from_json(
        cls, data: Any, status: int = 200, *, status_text: str = "", headers: HeadersInit = None
    ) -> Self:
        """A response whose body is ``data`` as JSON.

        Raises:
            TypeError: Something in ``data`` has no form in JSON.
            ValueError: NaN and infinities have none.
        """
        body = json.dumps(data, allow_nan=False).encode()
        fields = CIMultiDict[str]() if headers is None else _own_fields(headers)
        fields.setdefault("Content-Type", "application/json")
        response = cls(body, status, status_text=status_text)
        response._fields = fields
        return response

    @classmethod
    def redirect(cls, url: str | URL, status: int = 302) -> Self:
        """Send the client to ``url``, which may be relative to the one asked for.

        Raises:
            InvalidStatus: Not one of 301, 302, 303, 307 and 308.
            InvalidUrl: Not a URL.
        """
        if status not in _REDIRECT_STATUS:
            raise InvalidStatus(f"a redirect has status 301, 302, 303, 307 or 308, not {status}")
        try:
            location = str(URL(url))
        except (TypeError, ValueError) as error:
            raise InvalidUrl(str(url), str(error)) from error
        return cls(None, status, headers={"Location": location})

    @classmethod
    def incoming(  # the parts of a response, in the order of the wire
        cls,
        status: int,
        status_text: str,
        fields: Fields,
        content: Content = None,
        url: str = "",
        web_socket: UpgradeSocket | None = None,
        *,
        redirected: bool = False,
    ) -> Self:
        """A response from the network. For the runtime: nothing is checked or copied."""
        self = cls.__new__(cls)
        self.status = status
        self.status_text = status_text
        self.url = url
        self.redirected = redirected
        self.web_socket = web_socket
        self._fields = fields
        self._headers = None
        self._immutable = True
        self._content = content
        self._used = False
        return self

    def __repr__(self) -> str:
        parts = [f"status={self.status}"]
        if self.status_text:
            parts.append(f"status_text={self.status_text!r}")
        if kind := self.header_fields().get("Content-Type"):
            parts.append(f"content_type={kind!r}")
        if self.url:
            parts.append(f"url={self.url!r}")
        if self.web_socket is not None:
            parts.append("web_socket=...")
        return f"Response({', '.join(parts)})"

    @property
    def ok(self) -> bool:
        """Whether the status is one of 200 to 299."""
        return 200 <= self.status <= 299

    def clone(self) -> "Response":
        """The same response once more; each of the two bodies can be read.

        What one reader of a streaming body has read waits in memory for the other.

        Raises:
            BodyAlreadyUsed: The body has been read.
            InvalidInit: It carries a WebSocket, of which there is only one.
        """
        if self.web_socket is not None:
            raise InvalidInit("Cannot clone a response to a WebSocket handshake.")
        fields, content = self.header_fields(), self._copy_content()
        copy = Response.incoming(
            self.status, self.status_text, fields, content, self.url, redirected=self.redirected
        )
        if not self._immutable:
            copy._immutable = False  # noqa: SLF001  # of our own class
            copy._fields = CIMultiDict(fields)
        return copy


def _own_fields(headers: HeadersInit) -> CIMultiDict[str]:
    """A copy of ``headers``, checked."""
    if type(headers) is dict:
        return CIMultiDict([(check_name(n), check_value(n, v)) for n, v in headers.items()])
    fields = Headers(headers).fields
    assert isinstance(fields, CIMultiDict), "Headers makes its own"
    return fields


def _checked_method(method: str) -> str:
    if not isinstance(method, str) or not _METHOD.fullmatch(method):
        raise InvalidInit(f"Invalid HTTP method: {method!r}")
    return method.upper()


def _checked_redirect(redirect: Redirect) -> Redirect:
    if redirect not in {"follow", "manual", "error"}:
        raise InvalidInit(f'redirect is "follow", "manual" or "error", not {redirect!r}')
    return redirect


def _checked_status(status: int) -> int:
    if not isinstance(status, http.HTTPStatus):
        raise InvalidInit(f"a status is an int, not {type(status).__name__}: {status!r:.60}")
    return int(status)


def _check_upgrade(status: int, web_socket: UpgradeSocket) -> None:
    if status != 101:
        raise InvalidStatus("Responses with a WebSocket must have status code 101.")
    if not hasattr(web_socket, "hand_over"):
        raise InvalidInit(
            f"web_socket is one end of a WebSocketPair, not {type(web_socket).__name__}: "
            "client, server = WebSocketPair()"
        )
