"""``Blob``, ``File`` and ``FormData``, and forms as bytes."""

import secrets
import time
from collections.abc import Iterable, Mapping
from typing import Any

from ....actors.blob import Blob as NativeBlob
from ....actors.form import File as NativeFile
from .buffers import ArrayBuffer, JsBuffer, Uint8Array, bytes_of
from .objects import text_of
from .options import options_of
from .pairs import Pairs
from .promises import Promise
from .proxies import JsProxy, is_nullish
from .pyproxies import unwrapped
from .streams import ReadableStream
from .values import NATIVE_VIEWS


class Blob(JsProxy):
    """Bytes with a type: ``Blob.new(["text", data], type="text/plain")``."""

    def __init__(self, parts: Any = None, options: Any = None, **more: Any) -> None:
        given = options_of(options, more, ("type", "endings"))
        held = unwrapped(parts)
        self.data = b"" if is_nullish(held) else b"".join(map(_part, held))
        self.type = str(given.get("type", "")).lower()

    @classmethod
    def of(cls, data: bytes, type: str = "") -> "Blob":
        """One of these bytes."""
        self = Blob(())
        self.data, self.type = data, type
        return self

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return len(self.data)

    def text(self) -> Promise:
        return Promise.resolve(self.data.decode("utf-8", "replace"))

    def arrayBuffer(self) -> Promise:
        return Promise.resolve(ArrayBuffer(self.data))

    def bytes(self) -> Promise:
        return Promise.resolve(Uint8Array(self.data))

    def to_bytes(self) -> bytes:  # type: ignore[valid-type]  # in this class `bytes` is the method
        """A copy, at once."""
        return self.data

    def slice(self, start: Any = None, end: Any = None, type: Any = "") -> "Blob":
        """Some of it."""
        first = 0 if is_nullish(start) else int(start)
        last = None if is_nullish(end) else int(end)
        return Blob.of(self.data[first:last], "" if is_nullish(type) else str(type))

    def stream(self) -> ReadableStream:
        stream = ReadableStream()
        stream.push(Uint8Array(self.data))
        stream.end()
        return stream

    def as_sent(self) -> NativeBlob:
        """What is sent for it."""
        return NativeBlob(self.data, self.type)


class File(Blob):
    """A Blob with a name."""

    def __init__(self, parts: Any, name: Any, options: Any = None, **more: Any) -> None:
        super().__init__(parts, options, **more)
        given = options_of(options, more, ("lastModified",))
        self.name = text_of(name)
        self.lastModified = int(given.get("lastModified", time.time_ns() // 1_000_000))

    def as_sent(self) -> NativeBlob:
        return NativeBlob(self.data, self.type, self.name, self.lastModified)


def blob_of(native: NativeBlob) -> Blob:
    """The Blob, or the File, that somebody has sent."""
    if native.filename is None:
        return Blob.of(native.data, native.content_type)
    options = {"type": native.content_type, "lastModified": native.last_modified_ms}
    return File([native.data], native.filename, options)


NATIVE_VIEWS[NativeBlob] = blob_of


def _part(part: Any) -> bytes:
    held = unwrapped(part)
    held = getattr(held, "js_object", held)
    if isinstance(held, Blob):
        return held.data
    if isinstance(held, JsBuffer | bytes | bytearray | memoryview):
        return bytes_of(held)
    return text_of(held).encode("utf-8", "replace")


class FormData(Pairs):
    """Names with texts and files, in order."""

    def __init__(self, init: Any = None) -> None:
        super().__init__()
        if isinstance(init, Mapping):
            for name, value in init.items():
                self.append(name, value)

    @classmethod
    def of(cls, fields: Iterable[tuple[str, str | NativeFile]]) -> "FormData":
        """A native form."""
        self = cls()
        for name, value in fields:
            if isinstance(value, NativeFile):
                file = File([value.data], value.filename, type=value.content_type)
                self._pairs.append((name, file))
            else:
                self._pairs.append((name, value))
        return self

    def append(self, name: Any, value: Any, filename: Any = None) -> None:
        self._pairs.append((text_of(name), _field(value, filename)))

    def set(self, name: Any, value: Any, filename: Any = None) -> None:
        """Let this be the only value of the name."""
        self._put((text_of(name), _field(value, filename)))

    def encoded(self) -> tuple[bytes, str]:
        """The form as a body of the type ``multipart/form-data``, and that type."""
        boundary = f"----perdure{secrets.token_hex(12)}"
        parts = []
        for name, value in self._pairs:
            said = f'Content-Disposition: form-data; name="{_escaped(name)}"'
            if isinstance(value, File):
                kind = value.type or "application/octet-stream"
                said += f'; filename="{_escaped(value.name)}"\r\nContent-Type: {kind}'
            data = value.data if isinstance(value, File) else value.encode("utf-8", "replace")
            parts.append(f"--{boundary}\r\n{said}\r\n\r\n".encode() + data + b"\r\n")
        body = b"".join([*parts, f"--{boundary}--\r\n".encode()])
        return body, f"multipart/form-data; boundary={boundary}"


def _field(value: Any, filename: Any) -> str | File:
    held = unwrapped(value)
    held = getattr(held, "js_object", held)
    if not isinstance(held, Blob):
        return text_of(held)
    if isinstance(held, File) and is_nullish(filename):
        return held
    return File([held], "blob" if is_nullish(filename) else filename, type=held.type)


def _escaped(name: str) -> str:
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
