"""Files of a sandbox. It is all done inside: no path leads further than programs there can go."""

import base64
import json
import mimetypes
import posixpath
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from typing import Any, Final, Literal

from ..asking import Output, SandboxStream
from ..errors import SandboxFileError, SandboxInvalid
from ..results import (
    DeleteFileResult,
    FileExistsResult,
    FileInfo,
    ListFilesResult,
    MkdirResult,
    MoveFileResult,
    ReadFileResult,
    RenameFileResult,
    WriteFileResult,
    timestamp_of,
)
from .part import Part

# What one answer carries, also in base64, which makes a third more of it: calls have 32 MiB by
# default. What is larger is read as a stream.
READ_BYTES_MAX: Final = 24_000_000
CONTENT_BYTES_MAX: Final = READ_BYTES_MAX // 3 * 4
_BITS: Final = "rwxrwxrwx"

Content = str | bytes | bytearray | memoryview | AsyncIterable[bytes]


class Files(Part):
    """Reads and writes files. Paths that are not absolute begin where the session is."""

    async def write_file(
        self,
        path: str,
        content: Content,
        *,
        encoding: Literal["utf-8", "base64"] = "utf-8",
        session_id: str | None = None,
    ) -> WriteFileResult:
        """Write a file, which is made if it is not there; the folder has to be.

        Args:
            path: Which file.
            content: Text, bytes, or a stream of bytes of any length.
            encoding: "base64": the text stands for bytes.
            session_id: Where a relative path begins.

        Raises:
            SandboxFileError: It cannot be written; what had come by then may be in it.
        """
        pieces = _pieces(content, encoding)  # before the file is opened, and with that emptied
        async with self._stream("write_file", path=await self._path(path, session_id)) as stream:
            async for piece in pieces:
                await stream.write(piece)
            stream.end()
            answer = await stream.answer()
        return WriteFileResult(
            success=True, path=path, size=answer["bytes"], timestamp=timestamp_of()
        )

    async def read_file(
        self,
        path: str,
        *,
        encoding: Literal["utf-8", "base64"] | None = None,
        session_id: str | None = None,
    ) -> ReadFileResult:
        """Read a whole file, of at most 24 MB; ``read_file_stream`` has no limit.

        Args:
            path: Which file.
            encoding: "utf-8": as text, even if it is none; "base64": as that. By default what it
                is decides: text, or base64.
            session_id: Where a relative path begins.

        Raises:
            SandboxFileError: It cannot be read, or is too large.
        """
        if encoding not in {None, "utf-8", "base64"}:
            hint = 'encoding is "utf-8" or "base64"; read_file_bytes gives the bytes as a stream'
            raise SandboxInvalid("VALIDATION_FAILED", hint)
        async with self._stream("read_file", path=await self._path(path, session_id)) as stream:
            stream.end()
            data = await _whole(stream, path)
        text = _text_of(data)
        is_binary = text is None
        if encoding == "base64" or (encoding is None and text is None):
            content = base64.b64encode(data).decode()
        else:
            content = text if text is not None else _text_with_marks(data, path)
        return ReadFileResult(
            success=True,
            path=path,
            content=content,
            encoding=encoding or ("base64" if is_binary else "utf-8"),
            is_binary=is_binary,
            mime_type=mime_type_of(path, is_binary=is_binary),
            size=len(data),
            timestamp=timestamp_of(),
        )

    async def mkdir(
        self, path: str, *, recursive: bool = False, session_id: str | None = None
    ) -> MkdirResult:
        """Make a folder; with ``recursive`` those that lead to it, and none of them is too many.

        Raises:
            SandboxFileError: It cannot be made.
        """
        await self._ask("mkdir", path=await self._path(path, session_id), recursive=recursive)
        return MkdirResult(success=True, path=path, recursive=recursive, timestamp=timestamp_of())

    async def delete_file(
        self, path: str, *, recursive: bool = False, session_id: str | None = None
    ) -> DeleteFileResult:
        """Delete a file; a folder, with all that is in it, only with ``recursive``.

        Raises:
            SandboxFileError: It cannot be deleted.
        """
        await self._ask("delete", path=await self._path(path, session_id), recursive=recursive)
        return DeleteFileResult(success=True, path=path, timestamp=timestamp_of())

    async def rename_file(
        self, old_path: str, new_path: str, *, session_id: str | None = None
    ) -> RenameFileResult:
        """Give a file or folder another name.

        Raises:
            SandboxFileError: It cannot be renamed.
        """
        await self._move("rename", old_path, new_path, session_id)
        return RenameFileResult(
            success=True, path=old_path, new_path=new_path, timestamp=timestamp_of()
        )

    async def move_file(
        self, source_path: str, destination_path: str, *, session_id: str | None = None
    ) -> MoveFileResult:
        """Move a file or folder; into the destination if that is a folder.

        Raises:
            SandboxFileError: It cannot be moved.
        """
        answer = await self._move("move", source_path, destination_path, session_id)
        return MoveFileResult(
            success=True,
            path=source_path,
            new_path=str(answer.get("path", destination_path)),
            timestamp=timestamp_of(),
        )

    async def list_files(
        self,
        path: str,
        *,
        recursive: bool = False,
        include_hidden: bool = False,
        session_id: str | None = None,
    ) -> ListFilesResult:
        """List a folder.

        Args:
            path: Which one.
            recursive: With all folders below it.
            include_hidden: Also what begins with a dot.
            session_id: Where a relative path begins.

        Raises:
            SandboxFileError: There is no such folder.
        """
        lines = await self._lines(
            "list",
            path=await self._path(path, session_id),
            recursive=recursive,
            hidden=include_hidden,
        )
        files = [_file_info(json.loads(line)) for line in lines]
        return ListFilesResult(
            success=True, path=path, files=files, count=len(files), timestamp=timestamp_of()
        )

    async def exists(self, path: str, *, session_id: str | None = None) -> FileExistsResult:
        """Say whether there is something of that path; a link that leads nowhere is nothing."""
        answer = await self._ask("exists", path=await self._path(path, session_id))
        return FileExistsResult(
            success=True, path=path, exists=bool(answer["exists"]), timestamp=timestamp_of()
        )

    async def _move(self, op: str, path: str, to: str, session_id: str | None) -> dict[str, Any]:
        return await self._ask(
            op, path=await self._path(path, session_id), to=await self._path(to, session_id)
        )

    async def _path(self, path: str, session_id: str | None) -> str:
        """A path as it is meant in a session.

        Raises:
            SandboxInvalid: It is none.
        """
        if not isinstance(path, str) or not path or "\0" in path:
            text = f"A path is text that is not empty and has no zero byte, not {path!r:.80}"
            raise SandboxInvalid("VALIDATION_FAILED", text, {"field": "path"})
        if path.startswith("/"):
            self._scope(session_id)  # of a session that there is
            return path
        cwd = (await self._scope_now(session_id)).cwd
        return path if cwd is None else posixpath.join(cwd, path)


def _pieces(content: Content, encoding: str) -> AsyncIterator[bytes]:
    """What is to be written.

    Raises:
        SandboxInvalid: It is nothing that can be.
    """
    if encoding not in {"utf-8", "base64"}:
        raise SandboxInvalid("VALIDATION_FAILED", 'encoding is "utf-8" or "base64"')
    if isinstance(content, str):
        return _one(_bytes_of(content) if encoding == "base64" else content.encode())
    if isinstance(content, bytes | bytearray | memoryview):
        return _one(bytes(content))
    if isinstance(content, AsyncIterable):
        return _each(content)
    text = f"write_file: content is text, bytes or a stream, not {type(content).__name__}"
    raise SandboxInvalid("VALIDATION_FAILED", text)


async def _one(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _each(stream: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    async for piece in stream:
        yield bytes(piece)


def _bytes_of(content: str) -> bytes:
    try:
        return base64.b64decode(content, validate=True)
    except ValueError as error:  # binascii.Error is one, too
        text = f"write_file: the content is no base64: {error}"
        raise SandboxInvalid("VALIDATION_FAILED", text) from None


async def _whole(stream: SandboxStream, path: str) -> bytes:
    whole = bytearray()
    async for item in stream:
        if isinstance(item, Output):
            whole += item.data
        size = len(whole) if isinstance(item, Output) else int(item.get("size", 0))
        if size > READ_BYTES_MAX:
            text = f"{path} is larger than {READ_BYTES_MAX:,} bytes: use read_file_stream"
            raise SandboxFileError("FILE_TOO_LARGE", text, {"path": path, "size": size})
    return bytes(whole)


def _text_with_marks(data: bytes, path: str) -> str:
    """Bytes as text, with a mark for each that is none, which takes three."""
    text = data.decode(errors="replace")
    if len(text.encode()) > CONTENT_BYTES_MAX:
        why = f"{path} is no text, and takes more than {CONTENT_BYTES_MAX:,} bytes as one: read it"
        context = {"path": path, "size": len(data)}
        raise SandboxFileError("FILE_TOO_LARGE", f"{why} in base64, or as a stream", context)
    return text


def _text_of(data: bytes) -> str | None:
    """Bytes as text, or None if they are none."""
    if b"\0" in data:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def mime_type_of(path: str, *, is_binary: bool) -> str:
    """What the name of a file says it is, and otherwise whether it is text."""
    guessed, _ = mimetypes.guess_type(path)
    return guessed or ("application/octet-stream" if is_binary else "text/plain")


def shown_path(path: str) -> str:
    """A path as text: of bytes that are none there is a mark, for calls carry only characters."""
    return path.encode(errors="surrogateescape").decode(errors="replace")


def _file_info(entry: Mapping[str, Any]) -> FileInfo:
    mode = int(entry["mode"])
    shown = "".join(
        letter if mode >> (8 - place) & 1 else "-" for place, letter in enumerate(_BITS)
    )
    return FileInfo(
        name=shown_path(entry["name"]),
        absolute_path=shown_path(entry["path"]),
        relative_path=shown_path(entry["relative_path"]),
        type=entry["type"],
        size=entry["size"],
        modified_at=timestamp_of(entry["modified_at"]),
        mode=shown,
        permissions={
            "readable": bool(mode & 0o400),
            "writable": bool(mode & 0o200),
            "executable": bool(mode & 0o100),
        },
    )
