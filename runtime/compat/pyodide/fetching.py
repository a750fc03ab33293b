"""``pyodide.http``: ``pyfetch`` and ``FetchResponse``."""

import io
import json
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from http import HTTPStatus
from http.client import HTTPMessage
from pathlib import Path
from typing import Any

from ..js.abort import AbortController, AbortSignal
from ..js.buffers import ArrayBuffer
from ..js.http import Response, fetch
from ..js.proxies import JsException


class HttpStatusError(OSError):
    """The status says that it failed; raised by ``raise_for_status``.

    Attributes:
        status: For instance 404.
        status_text: The words that came with it.
        url: What was asked for.
    """

    def __init__(self, status: int, status_text: str, url: str) -> None:
        self.status = status
        self.status_text = status_text
        self.url = url
        who = "Client" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "Server"
        super().__init__(f"{status} {who} Error: {status_text} for url: {url}")


class BodyUsedError(OSError):
    """A body is read once, and somebody has."""

    def __init__(self) -> None:
        super().__init__("Response body is already used")


class AbortError(OSError):
    """The request was aborted."""


class FetchResponse:
    """What ``pyfetch`` gives, over a JavaScript Response.

    Attributes:
        js_response: That one.
    """

    def __init__(
        self,
        url: "str | Response",
        js_response: Response | None = None,
        abort_controller: AbortController | None = None,
        abort_signal: AbortSignal | None = None,
    ) -> None:
        self._url = url if isinstance(url, str) else url.url
        if js_response is None:
            assert isinstance(url, Response), "one of both is it"
            js_response = url
        self.js_response = js_response
        self.abort_controller = abort_controller
        self.abort_signal = abort_signal

    @property
    def url(self) -> str:
        return self.js_response.url or self._url

    @property
    def status(self) -> int:
        return self.js_response.status

    @property
    def status_text(self) -> str:
        return self.js_response.statusText

    @property
    def ok(self) -> bool:
        return self.js_response.ok

    @property
    def redirected(self) -> bool:
        return self.js_response.redirected

    @property
    def type(self) -> str:
        return self.js_response.type

    @property
    def body_used(self) -> bool:
        return self.js_response.bodyUsed

    @property
    def headers(self) -> HTTPMessage:
        """The header fields, whatever the case of their names."""
        message = HTTPMessage()
        for name, value in self.js_response.headers:
            message.add_header(name, value)
        return message

    def raise_for_status(self) -> None:
        """Raise an HttpStatusError for a status from 400 on."""
        if self.status >= HTTPStatus.BAD_REQUEST:
            raise HttpStatusError(self.status, self.status_text, self.url)

    def clone(self) -> "FetchResponse":
        self._raise_if_failed()
        return FetchResponse(self._url, self.js_response.clone(), self.abort_controller)

    def abort(self, reason: Any = None) -> None:
        """Call the request off."""
        if self.abort_controller is None:
            raise ValueError("abort_controller is not set")
        self.abort_controller.abort(reason)

    def _raise_if_failed(self) -> None:
        if self.abort_signal is not None and self.abort_signal.aborted:
            raise AbortError(str(self.abort_signal.reason))
        if self.body_used:
            raise BodyUsedError

    async def buffer(self) -> ArrayBuffer:
        self._raise_if_failed()
        buffer: ArrayBuffer = await self.js_response.arrayBuffer()
        return buffer

    async def bytes(self) -> "bytes":
        return (await self.buffer()).to_bytes()

    async def memoryview(self) -> "memoryview":
        return (await self.buffer()).to_py()

    async def text(self) -> str:
        self._raise_if_failed()
        text: str = await self.js_response.text()
        return text

    string = text

    async def json(self, **options: Any) -> Any:
        """The body as JSON; ``options`` are those of ``json.loads``."""
        return json.loads(await self.text(), **options)

    async def unpack_archive(
        self, *, extract_dir: str | Path | None = None, format: str | None = None
    ) -> None:
        """Unpack the body into a directory."""
        data = await self.bytes()
        suffix = f".{format}" if format else Path(self.url).suffix
        with tempfile.NamedTemporaryFile(suffix=suffix) as file:
            shutil.copyfileobj(io.BytesIO(data), file)
            file.flush()
            # Of a tar file, nothing may leave the directory; zipfile sees to that by itself.
            is_zip = zipfile.is_zipfile(file.name)
            options: dict[str, Any] = {} if is_zip else {"filter": "data"}
            shutil.unpack_archive(file.name, extract_dir, format, **options)


async def pyfetch(
    request: Any,
    /,
    *,
    signal: Any = None,
    fetcher: Any = None,
    **options: Any,
) -> FetchResponse:
    """Send a request.

    Args:
        request: A URL or a JavaScript Request.
        signal: Says when it is called off.
        fetcher: What is called instead of ``js.fetch``, for instance a binding's.
        options: Those of ``js.fetch``.

    Raises:
        OSError: The network failed.
    """
    controller = None
    if signal is None:
        controller = AbortController()
        signal = controller.signal
    given = {name: value for name, value in options.items() if value is not None}
    if isinstance(given.get("headers"), Mapping):
        given["headers"] = dict(given["headers"])
    try:
        response = await (fetcher or fetch)(request, given | {"signal": signal})
    except JsException as error:
        raise failure_of(error) from error
    url = request if isinstance(request, str) else getattr(request, "url", "")
    return FetchResponse(str(url), response, controller, signal)


def failure_of(error: BaseException) -> BaseException:
    """What Python code gets for the error of a request: an OSError, unless it is none of ours.

    What an ``AbortSignal`` was given as its reason may be anything.
    """
    if not isinstance(error, JsException):
        return error
    if error.name == "AbortError":
        return AbortError(error.message)
    return OSError(error.message)


def open_url(url: str) -> io.StringIO:
    """As Pyodide's.

    Raises:
        OSError: Always: perdure does not block; ``await pyfetch(url)`` does it.
    """
    raise OSError(f"open_url({url!r}) would block the actor; use: await pyfetch(url)")


__all__ = [
    "AbortError",
    "BodyUsedError",
    "FetchResponse",
    "HttpStatusError",
    "open_url",
    "pyfetch",
]
