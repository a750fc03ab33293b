# Pure: no clock, no files.
"""Text and its encodings: ``TextEncoder``, ``TextDecoder``, ``btoa``, ``encodeURIComponent``."""

import base64
import binascii
import codecs
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from .buffers import JsBuffer, Uint8Array, bytes_of
from .errors import DOMException, RangeError, TypeError_, error_named
from .objects import text_of
from .proxies import JsProxy, is_nullish
from .pyproxies import unwrapped
from .values import JsDict

_COMPONENT = "-_.!~*'()"
_URI = _COMPONENT + ";/?:@&=+$,#"
# What the Encoding standard calls latin1 is this.
_LABELS = {"latin1": "windows-1252", "iso-8859-1": "windows-1252", "ascii": "windows-1252"}


class TextEncoder(JsProxy):
    """Text to UTF-8."""

    encoding = "utf-8"

    def encode(self, text: Any = "") -> Uint8Array:
        return Uint8Array(text_of(text).encode("utf-8", "replace"))

    def encodeInto(self, text: str, target: Uint8Array) -> JsDict:
        """Write as much of ``text`` as there is room for."""
        read, data = 0, b""
        for char in text:
            more = char.encode("utf-8", "replace")
            if len(data) + len(more) > len(target):
                break
            read, data = read + 1, data + more
        target.set(data)
        return JsDict({"read": read, "written": len(data)})


class TextDecoder(JsProxy):
    """Bytes to text.

    Raises:
        JsException: A RangeError: an encoding that is not known; a TypeError: with ``fatal``, the
            bytes are no text.
    """

    def __init__(self, label: str = "utf-8", init: Any = None, **options: Any) -> None:
        options = {**(init if isinstance(init, dict) else {}), **options}
        name = "utf-8" if is_nullish(label) else str(label).strip().lower()
        name = _LABELS.get(name, name)
        try:
            codec = codecs.lookup(name)
        except LookupError as error:
            raise RangeError(f'"{label}" is not a valid encoding.') from error
        self.encoding = name
        self.fatal = bool(options.get("fatal"))
        self.ignoreBOM = bool(options.get("ignoreBOM"))
        self._codec = codec
        self._stream = self._decoder()

    def _decoder(self) -> codecs.IncrementalDecoder:
        return self._codec.incrementaldecoder("strict" if self.fatal else "replace")

    def decode(self, data: Any = b"", init: Any = None, **options: Any) -> str:
        options = {**(init if isinstance(init, dict) else {}), **options}
        more = bool(options.get("stream"))
        held = unwrapped(data)
        try:
            text = self._stream.decode(b"" if is_nullish(held) else bytes_of(held), not more)
        except UnicodeDecodeError as error:
            self._stream = self._decoder()
            raise TypeError_("Failed to decode input.") from error
        if not more:
            self._stream = self._decoder()
        return text if self.ignoreBOM else text.removeprefix("\ufeff")


def btoa(text: Any) -> str:
    """Latin-1 text to base64."""
    data = text.to_bytes() if isinstance(text, JsBuffer) else text_of(text).encode("latin-1")
    return base64.b64encode(data).decode()


def atob(text: Any) -> str:
    """Base64 to Latin-1 text."""
    packed = "".join(str(text).split())
    try:
        return base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True).decode("latin-1")
    except binascii.Error as error:
        message = "atob() called with invalid base64-encoded data."
        raise DOMException(message, "InvalidCharacterError") from error


def encodeURIComponent(text: Any) -> str:
    return quote(text_of(text), safe=_COMPONENT)


def encodeURI(text: Any) -> str:
    return quote(text_of(text), safe=_URI)


def decodeURIComponent(text: Any) -> str:
    """Text without its %XX.

    Raises:
        JsException: A URIError: they are no UTF-8.
    """
    try:
        return unquote_to_bytes(text_of(text)).decode()
    except UnicodeDecodeError as error:
        raise error_named("URIError", "URI malformed") from error
