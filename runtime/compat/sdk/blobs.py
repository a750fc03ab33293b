"""``workers.Blob`` and ``workers.File``."""

from collections.abc import Iterable
from typing import Any, Self

from ..js.blobs import Blob as JsBlob
from ..js.blobs import File as JsFile
from ..js.buffers import JsBuffer

__all__ = ["Blob", "File"]

_SINGLE = (str, bytes, bytearray, memoryview, JsBuffer, JsBlob)


class Blob:
    """Binary data that has a type.

    Args:
        parts: One of, or several of: str, bytes, Blobs or objects of ``js``.
        content_type: What it says it is; when nothing is said, what a single Blob said.
        endings: "transparent" or "native"; it is accepted, and line endings stay as they are.
    """

    js_object: JsBlob

    def __init__(
        self,
        parts: Iterable[Any] | Any,
        content_type: str | None = None,
        endings: str | None = None,
    ) -> None:
        del endings
        parts = _parts(parts)
        self.js_object = JsBlob(_listed(parts), type=content_type or _said_by(parts, "type") or "")

    @classmethod
    def of(cls, js_object: JsBlob) -> Self:
        """The view of a Blob of ``js``."""
        self = cls.__new__(cls)
        self.js_object = js_object
        return self

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return int(self.js_object.size)

    @property
    def content_type(self) -> str:
        """What it says it is."""
        return str(self.js_object.type)

    async def text(self) -> str:
        """Its bytes as text."""
        return str(await self.js_object.text())

    async def bytes(self) -> bytes:
        """Its bytes."""
        return bytes(await self.js_object.arrayBuffer())

    def slice(
        self, start: int | None = None, end: int | None = None, content_type: str | None = None
    ) -> "Blob":
        """Some of it, as another Blob."""
        return Blob.of(self.js_object.slice(start or 0, end, content_type or ""))


class File(Blob):
    """A Blob with a name.

    Args:
        parts: As for a Blob.
        filename: Its name.
        content_type: What it says it is.
        endings: As for a Blob.
        last_modified: Unix milliseconds; now when nothing is said.
    """

    js_object: JsFile

    def __init__(
        self,
        parts: Iterable[Any] | Any,
        filename: str,
        content_type: str | None = None,
        endings: str | None = None,
        last_modified: int | None = None,
    ) -> None:
        del endings
        parts = _parts(parts)
        options: dict[str, Any] = {"type": content_type or _said_by(parts, "type") or ""}
        if last_modified is None:
            last_modified = _said_by(parts, "lastModified")
        if last_modified is not None:
            options["lastModified"] = last_modified
        self.js_object = JsFile(_listed(parts), filename, **options)

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.js_object.name)

    @property
    def last_modified(self) -> int:
        """When it was changed, in Unix milliseconds."""
        return int(self.js_object.lastModified)


def _parts(parts: Any) -> Any:
    """What was given, as ``js`` has it: one thing, or a list."""
    parts = getattr(parts, "js_object", parts)
    if isinstance(parts, _SINGLE):
        return parts
    return [getattr(part, "js_object", part) for part in parts]


def _listed(parts: Any) -> list[Any]:
    return parts if isinstance(parts, list) else [parts]


def _said_by(parts: Any, name: str) -> Any:
    """What a single Blob says of itself, which one that is made of it says too."""
    return getattr(parts, name, None) if isinstance(parts, JsBlob) else None
