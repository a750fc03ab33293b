"""Assets as they are read: whole if they are short, else piece by piece, never on the loop."""

import asyncio
import os
from stat import S_ISREG

from multidict import CIMultiDict

from ...actors.http import Request, Response
from .manifest import Asset
from .ranges import content_range, part_of

# Longer files are streamed.
WHOLE_SIZE_BYTES_MAX = 64 * 1024
CHUNK_SIZE_BYTES = 256 * 1024
CACHE_CONTROL = "public, max-age=0, must-revalidate"
_WHOLE, _PARTIAL, _NO_SUCH_PART = 200, 206, 416
# A file that is written while it is read is read again, so often.
_TRIES = 3


class AssetChanged(Exception):
    """A file is another one now than when its first bytes were sent; the rest is not sent.

    Attributes:
        location: Where it is.
    """

    def __init__(self, location: str) -> None:
        self.location = location
        super().__init__(location)

    def __str__(self) -> str:
        return f"{self.location} was changed while it was sent; the client has to ask again"


def read(asset: Asset, request: Request, status: int) -> Response | None:
    """The answer that brings ``asset``; None if it is not there any more. Blocks.

    Args:
        asset: It.
        request: What it answers, a GET or HEAD; maybe the client has the file already, or asks for
            a part of it.
        status: 200, or 404 for a page that says so.
    """
    for _ in range(_TRIES):
        descriptor = _open(asset.location)
        if descriptor is None:
            return None
        try:
            before = os.fstat(descriptor)
            if not S_ISREG(before.st_mode):
                return None
            tag = tag_of(before)
            fields = _fields(asset, request, tag)
            if _has_it(request, tag):
                return Response.incoming(304, "", fields)
            answer, part = _head(request, status, fields, before)
            if request.method == "HEAD" or answer.status == _NO_SUCH_PART:
                return answer
            if len(part) > WHOLE_SIZE_BYTES_MAX:
                answer.replace_content(FileSource(asset.location, before, part))
                return answer
            data = os.pread(descriptor, len(part), part.start)
            if tag_of(os.fstat(descriptor)) == tag and len(data) == len(part):
                return Response.incoming(answer.status, "", fields, data)
        finally:
            os.close(descriptor)
    raise AssetChanged(asset.location)


def _head(
    request: Request, status: int, fields: CIMultiDict[str], state: os.stat_result
) -> tuple[Response, range]:
    """An answer without its body yet, and the bytes that are to be that."""
    size = state.st_size
    part = None
    if status == _WHOLE:  # a page that says that something is missing is not had in parts
        fields["Accept-Ranges"] = "bytes"
        if request.method == "GET":
            part = part_of(request.header_fields(), size, fields["ETag"])
    if part is None:
        part = range(size)
    else:
        fields["Content-Range"] = content_range(part, size)
        status = _PARTIAL if part else _NO_SUCH_PART
    fields["Content-Length"] = str(len(part))
    if status == _NO_SUCH_PART:
        fields.pop("Content-Type", None)
    return Response.incoming(status, "", fields), part


def tag_of(state: os.stat_result) -> str:
    """What tells one content of a file from the next, for ``ETag``."""
    return f'"{state.st_mtime_ns:x}-{state.st_size:x}"'


def _open(location: str) -> int | None:
    try:
        # A link that was put in its way since the directory was read is not followed.
        if os.path.realpath(location) != location:
            return None
        return os.open(location, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _fields(asset: Asset, request: Request, tag: str) -> CIMultiDict[str]:
    fields = CIMultiDict({"ETag": tag})
    if asset.content_type is not None:
        fields["Content-Type"] = asset.content_type
    asked = request.header_fields()
    if "Authorization" not in asked and "Range" not in asked:
        fields["Cache-Control"] = CACHE_CONTROL
    return fields


def _has_it(request: Request, tag: str) -> bool:
    known = ",".join(request.header_fields().getall("If-None-Match", ()))
    tags = {each.strip().removeprefix("W/") for each in known.split(",")}
    return tag in tags or known.strip() == "*"


class FileSource:
    """A file's content, or a part of it, chunk by chunk. Is a ``StreamSource``.

    It holds no descriptor: a body that nobody reads needs no end.

    Args:
        location: The file.
        state: As it was when its head was written.
        part: The offsets of the bytes.
    """

    __slots__ = ("_at", "_end", "_location", "_tag")

    def __init__(self, location: str, state: os.stat_result, part: range) -> None:
        self._location = location
        self._tag = tag_of(state)
        self._at, self._end = part.start, part.stop

    async def read_chunk(self) -> bytes:
        """Return the next chunk.

        Raises:
            AssetChanged: The file is another one now.
        """
        if self._at >= self._end:
            return b""
        loop = asyncio.get_running_loop()
        chunk = await loop.run_in_executor(None, self._read, self._at)
        self._at += len(chunk)
        return chunk

    def cancel(self, reason: BaseException | None = None) -> None:
        del reason
        self._at = self._end

    def _read(self, at: int) -> bytes:
        descriptor = _open(self._location)
        if descriptor is None:
            raise AssetChanged(self._location)
        try:
            chunk = os.pread(descriptor, min(CHUNK_SIZE_BYTES, self._end - at), at)
            if not chunk or tag_of(os.fstat(descriptor)) != self._tag:
                raise AssetChanged(self._location)
            return chunk
        finally:
            os.close(descriptor)
