"""A file of a sandbox as a stream of events: its kind, its pieces, its end."""

import base64
import binascii
import codecs
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from ...actors.records import Record
from .api.events import parse_sse_stream, sse
from .errors import SandboxFileError, SandboxInvalid, error_of

# Divisible by three: pieces of base64 need nothing at their ends.
PIECE_BYTES: Final = 48 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class FileMetadata(Record):
    """What a file is.

    Attributes:
        mime_type: What its name and beginning say.
        size: In bytes, when it was opened.
        is_binary: It is no text.
        encoding: How the stream carries it: "utf-8" or "base64".
    """

    mime_type: str
    size: int
    is_binary: bool
    encoding: Literal["utf-8", "base64"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectedFile(Record):
    """A whole file: text, or bytes if it is none."""

    content: str | bytes
    metadata: FileMetadata


def is_text(beginning: bytes) -> bool:
    """Whether a file that begins so is taken for text. The last character may be cut in two."""
    if b"\0" in beginning:
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(beginning)
    except UnicodeDecodeError:
        return False
    return True


async def events_of(pieces: AsyncIterator[bytes], metadata: FileMetadata) -> AsyncIterator[bytes]:
    """A file as server-sent events: metadata, chunk..., complete."""
    yield sse(
        {
            "type": "metadata",
            "mime_type": metadata.mime_type,
            "size": metadata.size,
            "is_binary": metadata.is_binary,
            "encoding": metadata.encoding,
        }
    )
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    size, rest = 0, b""
    async for piece in pieces:
        size += len(piece)
        if not metadata.is_binary:
            if text := decoder.decode(piece):
                yield sse({"type": "chunk", "data": text})
            continue
        rest += piece
        whole = len(rest) - len(rest) % PIECE_BYTES
        for start in range(0, whole, PIECE_BYTES):
            yield _chunk(rest[start : start + PIECE_BYTES])
        rest = rest[whole:]
    if rest:
        yield _chunk(rest)
    if text := decoder.decode(b"", final=True):
        yield sse({"type": "chunk", "data": text})
    yield sse({"type": "complete", "bytes_read": size})


async def stream_file(
    stream: AsyncIterable[bytes | bytearray | memoryview],
) -> AsyncIterator[str | bytes]:
    """The pieces of a file that ``read_file_stream`` sends: text, or bytes if it is none.

    Raises:
        SandboxFileError: It could not be read to its end.
        SandboxInvalid: It is no such stream.
    """
    async for item in _items(stream):
        if not isinstance(item, FileMetadata):
            yield item


async def collect_file(
    stream: AsyncIterable[bytes | bytearray | memoryview],
) -> CollectedFile:
    """All of a file that ``read_file_stream`` sends, in memory.

    Raises:
        SandboxFileError: It could not be read to its end.
        SandboxInvalid: It is no such stream.
    """
    metadata: FileMetadata | None = None
    texts, data = list[str](), bytearray()
    async for item in _items(stream):
        if isinstance(item, FileMetadata):
            metadata = item
        elif isinstance(item, str):
            texts.append(item)
        else:
            data += item
    assert metadata is not None, "it comes first"
    content = bytes(data) if metadata.is_binary else "".join(texts)
    return CollectedFile(content=content, metadata=metadata)


async def _items(
    stream: AsyncIterable[bytes | bytearray | memoryview],
) -> AsyncIterator[FileMetadata | str | bytes]:
    metadata: FileMetadata | None = None
    async for event in parse_sse_stream(stream):
        kind = event.get("type")
        if kind == "metadata":
            metadata = _metadata_of(event)
            yield metadata
        elif kind == "error":
            raise error_of(str(event.get("code", "FILESYSTEM_ERROR")), str(event.get("error")))
        elif metadata is None:
            raise SandboxInvalid("VALIDATION_FAILED", f"{kind!r} comes before what the file is")
        elif kind == "chunk":
            yield _content(event, metadata)
        elif kind == "complete":
            return
    raise SandboxFileError("FILESYSTEM_ERROR", "The file's stream ended before the file did")


def _metadata_of(event: dict[str, Any]) -> FileMetadata:
    try:
        return FileMetadata(
            mime_type=str(event["mime_type"]),
            size=int(event["size"]),
            is_binary=bool(event["is_binary"]),
            encoding="base64" if event["encoding"] == "base64" else "utf-8",
        )
    except (KeyError, TypeError, ValueError):
        raise SandboxInvalid("VALIDATION_FAILED", "The stream does not say what it is") from None


def _content(event: dict[str, Any], metadata: FileMetadata) -> str | bytes:
    data = event.get("data")
    if isinstance(data, str):
        if metadata.encoding != "base64":
            return data
        try:
            return base64.b64decode(data, validate=True)
        except binascii.Error:
            pass
    raise SandboxInvalid("VALIDATION_FAILED", "A piece of the file's stream is garbled")


def _chunk(data: bytes) -> bytes:
    return sse({"type": "chunk", "data": base64.b64encode(data).decode()})
