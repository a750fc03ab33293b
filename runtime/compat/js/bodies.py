"""Bodies of requests and responses, both ways."""

from typing import Any

from ....actors.http import Request as NativeRequest
from ....actors.http import Response as NativeResponse
from .blobs import Blob, FormData
from .buffers import ArrayBuffer, JsBuffer, Uint8Array, bytes_of
from .headers import Headers
from .json_text import JSON
from .objects import text_of
from .promises import Promise
from .proxies import JsProxy, is_nullish
from .pyproxies import unwrapped
from .streams import ReadableStream
from .urls import URLSearchParams

_FORM_TYPE = "application/x-www-form-urlencoded;charset=UTF-8"


def native_body(body: Any) -> tuple[Any, str | None]:
    """What a native message takes for ``body``, and the content type that it brings."""
    held = unwrapped(body)
    held = getattr(held, "js_object", held)
    if is_nullish(held) or isinstance(held, str):
        return (None if is_nullish(held) else held), None
    if isinstance(held, JsBuffer | bytes | bytearray | memoryview):
        return bytes_of(held), None
    if isinstance(held, ReadableStream):
        return held.take_source(), None
    if isinstance(held, Blob):
        return held.data, held.type or None
    if isinstance(held, FormData):
        return held.encoded()
    if isinstance(held, URLSearchParams):
        return held.toString().encode(), _FORM_TYPE
    if hasattr(held, "__aiter__"):
        return held, None
    return text_of(held), None


class Body(JsProxy):
    """What Request and Response have in common."""

    native: NativeRequest | NativeResponse

    @property
    def headers(self) -> Headers:
        headers = vars(self).get("_headers")
        if headers is None:
            headers = vars(self)["_headers"] = Headers.of(self.native.headers)
        return headers

    @property
    def body(self) -> ReadableStream | None:
        """Its stream, always the same; None when it has no body."""
        native = self.native.body
        if native is None:
            return None
        stream = vars(self).get("_stream")
        if stream is None:
            stream = vars(self)["_stream"] = ReadableStream.of(native)
        return stream

    @property
    def bodyUsed(self) -> bool:
        return self.native.body_used

    def text(self) -> Promise:
        return Promise.of(self._text())

    async def _text(self) -> str:
        data = await self.native.bytes()
        return data.decode("utf-8-sig", "replace")

    def json(self) -> Promise:
        return Promise.of(self._json())

    async def _json(self) -> Any:
        return JSON.parse(await self._text())

    def arrayBuffer(self) -> Promise:
        return Promise.of(self._buffer())

    async def _buffer(self) -> ArrayBuffer:
        return ArrayBuffer(await self.native.bytes())

    def bytes(self) -> Promise:
        return Promise.of(self._bytes())

    async def _bytes(self) -> Uint8Array:
        return Uint8Array(await self.native.bytes())

    def blob(self) -> Promise:
        return Promise.of(self._blob())

    async def _blob(self) -> Blob:
        kind = self.native.headers.get("Content-Type") or ""
        return Blob.of(await self.native.bytes(), kind.lower())

    def formData(self) -> Promise:
        return Promise.of(self._form())

    async def _form(self) -> FormData:
        return FormData.of((await self.native.form()).items())
