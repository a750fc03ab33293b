"""What requests and responses have in common: headers and a body that is read once."""

import builtins
import json
from typing import Any, ClassVar

from multidict import CIMultiDict, MultiDict

from .body import BodyInit, BodyStream, BytesSource, Content, StreamSource, content_of
from .form import File, parse_form
from .headers import Fields, Headers
from .http_errors import BodyAlreadyUsed, InvalidBody, InvalidJson
from .tee import Tee

TEXT_TYPE = "text/plain;charset=UTF-8"
_TEXT_FIELDS = CIMultiDict({"Content-Type": TEXT_TYPE})


class Message:
    """The readable side of a Request and of a Response.

    Made for the fast path: headers and the body's stream come into being when asked for.
    """

    __slots__ = ("_content", "_fields", "_headers", "_immutable", "_used", "view")

    _owner: ClassVar[str] = "message"

    _content: Content
    _fields: Fields | None
    _headers: Headers | None
    _immutable: bool
    _used: bool
    view: Any
    """For a layer above that shows this message in another style: what it shows, once made."""

    @property
    def headers(self) -> Headers:
        """The header fields; those that came over the network cannot be changed."""
        if self._headers is None:
            self._headers = Headers.wrap(self.header_fields(), immutable=self._immutable)
        return self._headers

    @property
    def body(self) -> BodyStream | None:
        """The body as a stream of chunks, or None when there is none."""
        content = self._content
        if content is None or isinstance(content, BodyStream):
            return content
        source = BytesSource(content) if isinstance(content, bytes) else content
        self._content = stream = BodyStream(source, self._owner)
        if self._used:
            stream.cancel()
        return stream

    @property
    def body_used(self) -> bool:
        """Whether the body has been read, in part or whole, or was passed on."""
        content = self._content
        return self._used or (isinstance(content, BodyStream) and content.used)

    async def bytes(self) -> builtins.bytes:  # in this class `bytes` is the method
        """Read the whole body; ``b""`` when there is none.

        Raises:
            BodyAlreadyUsed: It has been read before.
        """
        content = self.take_content()
        if content is None:
            return b""
        if isinstance(content, bytes):
            return content
        chunks = []
        while chunk := await content.read_chunk():
            chunks.append(chunk)
        return b"".join(chunks)

    async def text(self) -> str:
        """Read the whole body as UTF-8, whatever its content type says.

        Raises:
            BodyAlreadyUsed: It has been read before.
            InvalidBody: It is not UTF-8.
        """
        data = await self.bytes()
        try:
            return data.decode("utf-8-sig")  # a byte order mark is no part of the text
        except UnicodeDecodeError as error:
            raise InvalidBody(
                self._owner,
                f"is not UTF-8: byte {data[error.start]:#04x} at offset {error.start}; "
                "read binary data with bytes()",
            ) from error

    async def form(self) -> MultiDict[str | File]:
        """Read the body as a form: str for a field of text, ``File`` for a file.

        Raises:
            BodyAlreadyUsed: It has been read before.
            InvalidBody: It is not a form.
        """
        kind = self.header_fields().get("Content-Type")
        return parse_form(await self.bytes(), kind, self._owner)

    async def _read_json(self, **options: Any) -> Any:
        text = await self.text()
        try:
            return json.loads(text, **options)
        except json.JSONDecodeError as error:
            raise InvalidJson(self._owner, error.msg, error.doc, error.pos) from error
        except RecursionError as error:
            raise InvalidBody(self._owner, "is JSON that is nested too deeply") from error

    # For the runtime.

    def header_fields(self) -> Fields:
        """The header fields as they are sent: not checked again, not copied."""
        if self._fields is None:
            self._fields = CIMultiDict()
        return self._fields

    @property
    def content(self) -> Content:
        """The body as it lies here; looking at it does not use it."""
        return self._content

    def take_content(self) -> Content:
        """Use the body: what whoever sends or reads this message must send or read.

        Raises:
            BodyAlreadyUsed: Somebody else has.
        """
        content = self._content
        if content is None:
            return None
        if self._used:
            raise BodyAlreadyUsed(self._owner)
        if isinstance(content, BodyStream):
            return content.take()
        self._used = True
        return content

    @property
    def is_immutable(self) -> bool:
        """Whether the header fields stay as they are: they came over the network."""
        return self._immutable

    def make_mutable(self) -> None:
        """Let the header fields be changed; they are a dict that nobody else has."""
        assert isinstance(self._fields, CIMultiDict), "a proxy cannot be changed"
        self._immutable = False
        self._headers = None

    def replace_content(self, source: StreamSource) -> None:
        """Let the body come from ``source``, which has taken what was here."""
        self._content = source
        self._used = False

    def _copy_content(self) -> Content:
        """The body once more; a stream is read once for both."""
        content = self.take_content()
        self._used = False
        if content is None or isinstance(content, bytes):
            return content
        self._content, copy = Tee(content).split()
        return copy

    def _start(self, body: BodyInit, fields: CIMultiDict[str] | None) -> None:
        """Fill in what both constructors have in common; text names its own type."""
        self._content = content_of(body, type(self).__name__)
        self._used = False
        self._headers = None
        self._immutable = False
        if isinstance(body, str):
            if fields is None:
                fields = _TEXT_FIELDS.copy()
            else:
                fields.setdefault("Content-Type", TEXT_TYPE)
        self._fields = fields
