"""``workers.Request`` and ``workers.Response``: thin views of the native ones."""

import io
import json
import shutil
from collections.abc import Mapping
from functools import cached_property
from http import HTTPMethod
from http.client import HTTPMessage
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from ....actors.http import Request as NativeRequest
from ....actors.http import Response as NativeResponse
from ....actors.http_errors import BodyAlreadyUsed
from ....storage.errors import PerdureError
from ..js.blobs import Blob as JsBlob
from ..js.blobs import FormData as JsFormData
from ..js.bodies import native_body
from ..js.buffers import JsBuffer
from ..js.errors import RangeError, js_error
from ..js.headers import Headers as JsHeaders
from ..js.http import Request as JsRequest
from ..js.http import Response as JsResponse
from ..js.proxies import JsProxy, is_nullish
from ..js.streams import ReadableStream
from ..js.urls import URLSearchParams
from ..js.values import to_native
from .blobs import Blob
from .forms import FormData

__all__ = ["FetchResponse", "Request", "Response"]

_METHODS = {method.value: method for method in HTTPMethod}
_HTTP_ERROR = 400
_SERVER_ERROR = 500
_BODIES = (
    str,
    bytes,
    JsBuffer,
    JsBlob,
    JsFormData,
    ReadableStream,
    URLSearchParams,
    bytearray,
    memoryview,
)


class FieldsMapping(HTTPMessage, Mapping):  # type: ignore[misc,type-arg]  # it is both there too
    """The header fields of a message, as they were when it was asked for them.

    Several of one name are one, joined with ", "; each ``set-cookie`` is one of its own.
    """

    def __init__(self, native: Any) -> None:
        super().__init__()
        self._headers: list[tuple[str, str]] = [
            (name.lower(), value) for name, value in native.items()
        ]

    __hash__ = None  # type: ignore[assignment]  # mutable


class Message:
    """What requests and responses have in common.

    Attributes:
        native: The one this is a view of.
    """

    native: NativeRequest | NativeResponse

    @property
    def js_object(self) -> Any:
        """The same as ``js`` has it."""
        raise AttributeError("js_object")

    @property
    def headers(self) -> FieldsMapping:
        """The header fields: a mapping whose names are equal whatever their case."""
        return FieldsMapping(self.native.headers)

    @property
    def body(self) -> Any:
        """The body as a ReadableStream, or None when there is none."""
        return self.js_object.body

    @property
    def body_used(self) -> bool:
        """Whether the body was read, in part or whole."""
        return self.native.body_used

    async def bytes(self) -> bytes:
        """Read the whole body.

        Raises:
            OSError: It has been read before.
        """
        try:
            return await self.native.bytes()
        except BodyAlreadyUsed as error:
            raise OSError("Body already used") from error

    async def text(self) -> str:
        """Read the whole body as UTF-8; what is not becomes U+FFFD."""
        data = await self.bytes()
        return data.decode("utf-8", "replace").removeprefix("\ufeff")

    async def json(self, **options: Any) -> Any:
        """Read the body as JSON: dicts and lists; ``options`` are those of ``json.loads``."""
        return json.loads(await self.text(), **options)

    async def buffer(self) -> Any:
        """Read the whole body as an ArrayBuffer."""
        await_it = self.js_object.arrayBuffer()
        self._check_unused()
        return await await_it

    async def blob(self) -> Blob:
        """Read the whole body as a Blob."""
        self._check_unused()
        return Blob.of(await self.js_object.blob())

    async def form_data(self) -> FormData:
        """Read the body as a form."""
        self._check_unused()
        return FormData(await self.js_object.formData())

    def _check_unused(self) -> None:
        if self.body_used:
            raise OSError("Body already used")


class Request(Message):
    """An HTTP request: one that came in, or one to be sent.

    Args:
        input: An absolute URL, a Request, or one of ``js``.
        other_options: ``method``, ``headers``, ``body``, ``redirect``, ``cf``.
    """

    native: NativeRequest

    def __init__(self, input: Any, **other_options: Any) -> None:  # the SDK's name
        self.native = native_request(input, other_options)
        self._cf = other_options.get("cf")

    @classmethod
    def of(cls, native: NativeRequest) -> Self:
        """The view of a native request."""
        self = cls.__new__(cls)
        self.native = native
        return self

    _cf: Any = None

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

    @cached_property
    def headers(self) -> FieldsMapping:
        """The header fields: a mapping whose names are equal whatever their case."""
        return FieldsMapping(self.native.headers)

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


def native_request(resource: Any, options: Mapping[str, Any]) -> NativeRequest:
    """A native request out of what ``Request`` and ``fetch`` take.

    Raises:
        TypeError: The URL is not absolute, or an argument is of no use.
    """
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


def body_for(body: Any, what: str) -> tuple[Any, str | None]:
    """A body as the native messages take it, and the content type that it brings.

    Raises:
        TypeError: No body can be made of it.
    """
    if type(body) is str or type(body) is bytes or is_nullish(body):
        return (None if is_nullish(body) else body), None
    held = getattr(body, "js_object", body)
    if isinstance(held, _BODIES) or hasattr(type(held), "__aiter__"):
        return native_body(held)
    raise TypeError(f"Unsupported type in {what}: {type(body).__name__}")


def fields_of(headers: Any) -> Any:
    """Header fields as the native messages take them.

    Raises:
        TypeError: Of no type that header fields can be.
    """
    if not headers:
        return None
    if isinstance(headers, JsHeaders):
        return headers.native
    if isinstance(headers, JsProxy):
        headers = to_native(headers)
    if isinstance(headers, Mapping):
        return [
            (name, value if type(value) is str else str(value)) for name, value in headers.items()
        ]
    if isinstance(headers, list | tuple):
        return [(name, value if type(value) is str else str(value)) for name, value in headers]
    raise TypeError("Received unexpected type for headers argument")


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
        if isinstance(body, Response | JsResponse):
            if status is not None or status_text or headers or web_socket:
                raise ValueError(
                    "Expected no options when constructing Response from a js.Response"
                )
            self.native = body.native
            return
        content_type = None
        if body is not None and type(body) is not str and type(body) is not bytes:
            body, content_type = body_for(body, "Response")
        try:
            self.native = NativeResponse(
                body,
                200 if status is None else int(status),
                status_text=status_text,
                headers=fields_of(headers),
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
        if native.status_text:
            parts.append(f"status_text={native.status_text!r}")
        if kind := native.header_fields().get("Content-Type"):
            parts.append(f"content_type={kind!r}")
        if native.url:
            parts.append(f"url={native.url!r}")
        parts.append(f"type={self.type!r}")
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
        """The words that came with the status."""
        return self.native.status_text

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
