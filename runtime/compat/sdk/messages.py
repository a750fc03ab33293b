"""``workers.Request`` and ``workers.Response``: thin views of the native ones."""

import io
import json
import shutil
from collections.abc import Mapping
from functools import cached_property
from http import HTTPMethod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from ....actors.http import Request as NativeRequest
from ....actors.http import Response as NativeResponse
from ....storage.errors import PerdureError
from ..js.abort import AbortSignal
from ..js.errors import RangeError, js_error
from ..js.http import Request as JsRequest
from ..js.http import Response as JsResponse
from ..js.http import words_of
from ..js.proxies import is_nullish
from .bodies import FieldsMapping, Message, body_for, fields_of
from .forms import FormData

__all__ = ["FetchResponse", "Request", "Response"]

_METHODS = {method.value: method for method in HTTPMethod}
_HTTP_ERROR = 400
_SERVER_ERROR = 500


class Request(Message):
    """An HTTP request: one that came in, or one to be sent.

    Args:
        input: An absolute URL, a Request, or one of ``js``.
        other_options: ``method``, ``headers``, ``body``, ``redirect``, ``cf``, ``signal``.
    """

    native: NativeRequest

    def __init__(self, input: Any, **other_options: Any) -> None:  # the SDK's name
        self.native = native_request(input, other_options)
        self._cf = other_options.get("cf")
        if (signal := signal_of(input, other_options)) is not None:
            self.js_object.take_signal(signal)

    @classmethod
    def of(cls, native: NativeRequest) -> Self:
        """The view of a native request."""
        self = cls.__new__(cls)
        self.native = native
        return self

    _cf: Any = None
    _fields: FieldsMapping | None = None

    def __repr__(self) -> str:
        return f"Request(method={str(self.method)!r}, url={self.url!r})"

    @cached_property
    def js_object(self) -> JsRequest:
        """The same as ``js`` has it."""
        return JsRequest.of(self.native)

    @property
    def method(self) -> str:
        """The method, an ``http.HTTPMethod`` where there is one."""
        return _METHODS.get(self.native.method, self.native.method)

    @property
    def url(self) -> str:
        """The whole URL."""
        return self.native.url

    @property
    def headers(self) -> FieldsMapping:
        """The header fields: a mapping whose names are equal whatever their case."""
        if self._fields is None:  # not a cached_property, which takes a lock each time
            self._fields = FieldsMapping(self.native.headers)
        return self._fields

    @property
    def redirect(self) -> str:
        """What ``fetch`` does with a redirect."""
        return self.native.redirect

    @property
    def cf(self) -> Any:
        """None for a request that came in: there is no Cloudflare in front of perdure."""
        return self._cf

    cache = "default"
    credentials = "same-origin"
    destination = ""
    integrity = ""
    is_history_navigation = False
    keepalive = False
    mode = "cors"
    referrer = "about:client"
    referrer_policy = ""

    def clone(self) -> "Request":
        """The same request once more; each of the two bodies can be read.

        Raises:
            OSError: The body has been read.
        """
        self._check_unused()
        copy = Request.of(self.native.clone())
        copy._cf = self._cf  # noqa: SLF001  # of our own class
        return copy


def signal_of(resource: Any, options: Mapping[str, Any]) -> AbortSignal | None:
    """What calls off a request that is made of these, if anything does.

    Raises:
        TypeError: ``signal`` is none.
    """
    signal = options.get("signal")
    if is_nullish(signal):
        if isinstance(resource, Request):
            resource = getattr(resource.native, "view", None)
        return resource.given_signal if isinstance(resource, JsRequest) else None
    if not isinstance(signal, AbortSignal):
        raise TypeError(f"signal is an AbortSignal of js, not {type(signal).__name__}")
    return signal


def native_request(resource: Any, options: Mapping[str, Any]) -> NativeRequest:
    """A native request out of what ``Request`` and ``fetch`` take.

    Raises:
        TypeError: The URL is not absolute, or an argument is of no use.
    """
    if type(resource) is str and not options:
        return NativeRequest(resource)
    if isinstance(resource, Request | JsRequest):
        resource = resource.native
        if not options:
            native: NativeRequest = resource
            return native
    elif not isinstance(resource, str):
        resource = str(resource)
    body, content_type = body_for(options.get("body"), "Request")
    headers = fields_of(options.get("headers"))
    method, redirect = options.get("method"), options.get("redirect")
    try:
        made = NativeRequest(
            resource,
            method=None if method is None else str(getattr(method, "value", method)),
            headers=headers,
            body=body,
            redirect=redirect,
        )
    except PerdureError as error:
        if isinstance(error, TypeError | ValueError):
            raise
        raise js_error(error) from error
    if content_type is not None and "Content-Type" not in made.headers:
        made.headers.set("Content-Type", content_type)
    return made


class _Json:
    """``Response.json(data)`` makes a response; ``await response.json()`` reads one."""

    def __get__(self, response: "Response | None", cls: "type[Response]") -> Any:
        return cls.from_json if response is None else super(Response, response).json


class Response(Message):
    """An HTTP response: the answer to a request, or what ``fetch`` gave.

    Args:
        body: str, bytes, FormData, None, or one of the objects of ``js`` that a body can be.
        status: 200 when nothing is said.
        status_text: The words after the status.
        headers: A dict, pairs, or ``js.Headers``.
        web_socket: The end of a ``WebSocketPair`` that the client is to talk to; status 101.

    Raises:
        TypeError: The body or the headers are of no use.
        ValueError: Options were given besides a ``js.Response``.
        JsException: Status or headers are not allowed.
    """

    native: NativeResponse

    def __init__(
        self,
        body: Any = None,
        status: Any = None,
        status_text: str = "",
        headers: Any = None,
        web_socket: Any = None,
    ) -> None:
        is_plain = body is None or type(body) is str or type(body) is bytes
        if not is_plain and isinstance(body, Response | JsResponse):
            if status is not None or status_text or headers or web_socket:
                raise ValueError(
                    "Expected no options when constructing Response from a js.Response"
                )
            self.native = body.native
            return
        content_type = None
        if not is_plain:
            body, content_type = body_for(body, "Response")
        try:
            self.native = NativeResponse(
                body,
                200 if status is None else int(status),
                status_text=status_text,
                headers=None if headers is None else fields_of(headers),
                web_socket=web_socket.native if web_socket else None,
            )
        except PerdureError as error:
            raise js_error(error) from error
        if content_type is not None and "Content-Type" not in self.native.headers:
            self.native.headers.set("Content-Type", content_type)

    @classmethod
    def of(cls, native: NativeResponse) -> Self:
        """The view of a native response."""
        self = cls.__new__(cls)
        self.native = native
        return self

    json: Any = _Json()

    @classmethod
    def from_json(
        cls, data: Any, status: Any = 200, status_text: str = "", headers: Any = None
    ) -> Self:
        """A response whose body is ``data`` as JSON.

        Raises:
            TypeError: Something in ``data`` has no form in JSON.
            ValueError: The status is not allowed.
        """
        try:
            made = cls(json.dumps(data).encode(), status, status_text, headers)
        except RangeError as error:
            raise ValueError(str(error)) from error
        if "Content-Type" not in made.native.headers:
            made.native.headers.set("Content-Type", "application/json")
        return made

    @staticmethod
    def redirect(url: Any, status: Any = 302) -> JsResponse:
        """Send the client to ``url``.

        Raises:
            ValueError: No status of a redirect.
        """
        return JsResponse.of(NativeResponse.redirect(str(url), int(status)))

    def __repr__(self) -> str:
        native = self.native
        parts = [f"status={native.status}"]
        if self.status_text:
            parts.append(f"status_text={self.status_text!r}")
        if kind := native.header_fields().get("Content-Type"):
            parts.append(f"content_type={kind!r}")
        if native.url:
            parts.append(f"url={native.url!r}")
        return f"Response({', '.join(parts)})"

    @cached_property
    def js_object(self) -> JsResponse:
        """The same as ``js`` has it."""
        return JsResponse.of(self.native)

    @property
    def js_response(self) -> JsResponse:
        """The same as ``js`` has it."""
        return self.js_object

    @property
    def status(self) -> int:
        """For instance 200."""
        return self.native.status

    @property
    def status_text(self) -> str:
        """The words that came with the status, or the usual ones."""
        return words_of(self.native)

    @property
    def ok(self) -> bool:
        """Whether the status is one of 200 to 299."""
        return self.native.ok

    @property
    def redirected(self) -> bool:
        """Whether ``fetch`` followed a redirect on the way."""
        return self.native.redirected

    @property
    def type(self) -> str:
        """Where such a response is from; always "default", as on the platform."""
        return "default"

    @property
    def url(self) -> str:
        """Where ``fetch`` got it from, after redirects."""
        return self.native.url

    def raise_for_status(self) -> None:
        """Raise if the status tells of an error.

        Raises:
            OSError: It is 400 or more.
        """
        if self.status >= _HTTP_ERROR:
            whose = "Server" if self.status >= _SERVER_ERROR else "Client"
            raise OSError(f"{self.status} {whose} Error: {self.status_text} for url: {self.url}")

    def clone(self) -> "Response":
        """The same response once more; each of the two bodies can be read.

        Raises:
            OSError: The body has been read.
        """
        self._check_unused()
        return Response.of(self.native.clone())

    def replace_body(self, body: Any) -> "Response":
        """The same status and headers with another body."""
        kept = [(n, v) for n, v in self.native.headers.items() if n.lower() != "content-length"]
        return Response(body, self.status, self.status_text, kept)

    async def string(self) -> str:
        """As ``text``."""
        return await self.text()

    async def memoryview(self) -> memoryview:
        """Read the whole body as a memoryview."""
        return memoryview(await self.bytes())

    async def formData(self) -> FormData:
        """As ``form_data``."""
        return await self.form_data()

    async def unpack_archive(
        self,
        *,
        extract_dir: str | None = None,
        format: str | None = None,
    ) -> None:
        """Unpack the archive that the body is, by the end of its URL or by ``format``."""
        data = await self.bytes()
        name = Path(self.url.partition("?")[0]).name or "archive"
        with TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_bytes(io.BytesIO(data).getbuffer())
            shutil.unpack_archive(path, extract_dir, format)

    def abort(self, reason: Any = None) -> None:
        """Read no further."""
        del reason
        if self.native.body is not None:
            self.native.body.cancel()


FetchResponse = Response
