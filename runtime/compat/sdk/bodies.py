"""What ``workers.Request`` and ``workers.Response`` have in common: header fields and a body."""

import json
from collections.abc import Mapping
from http.client import HTTPMessage
from typing import Any

from ....actors.http import Request as NativeRequest
from ....actors.http import Response as NativeResponse
from ....actors.http_errors import BodyAlreadyUsed
from ..js.blobs import Blob as JsBlob
from ..js.blobs import FormData as JsFormData
from ..js.bodies import native_body
from ..js.buffers import JsBuffer
from ..js.headers import Headers as JsHeaders
from ..js.objects import text_of
from ..js.proxies import JsProxy, is_nullish
from ..js.streams import ReadableStream
from ..js.urls import URLSearchParams
from ..js.values import to_native
from .blobs import Blob
from .forms import FormData

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
    if type(headers) is dict and all(type(value) is str for value in headers.values()):
        return headers
    if isinstance(headers, JsHeaders):
        return headers.native
    if isinstance(headers, JsProxy):
        headers = to_native(headers)
    if isinstance(headers, Mapping):
        return [(name, text_of(value)) for name, value in headers.items()]
    if isinstance(headers, list | tuple):
        return [(name, text_of(value)) for name, value in headers]
    raise TypeError("Received unexpected type for headers argument")
