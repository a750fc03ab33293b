"""``workers.Blob`` and ``workers.File``."""

from collections.abc import Iterable
from typing import Any, Self

from ..js.blobs import Blob as JsBlob
from ..js.blobs import File as JsFile

__all__ = ["Blob", "File"]


class Blob:
    """Binary data that has a type.

    Args:
        parts: str, bytes, Blobs or objects of ``js``.
        content_type: What it says it is.
        endings: "transparent" or "native"; it is accepted, and line endings stay as they are.
    """

    js_object: JsBlob

    def __init__(
        self, parts: Iterable[Any], content_type: str | None = None, endings: str | None = None
    ) -> None:
        del endings
        self.js_object = JsBlob(_parts(parts), type=content_type or "")

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
        parts: Iterable[Any],
        filename: str,
        content_type: str | None = None,
        endings: str | None = None,
        last_modified: int | None = None,
    ) -> None:
        del endings
        options: dict[str, Any] = {"type": content_type or ""}
        if last_modified is not None:
            options["lastModified"] = last_modified
        self.js_object = JsFile(_parts(parts), filename, **options)

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.js_object.name)

    @property
    def last_modified(self) -> int:
        """When it was changed, in Unix milliseconds."""
        return int(self.js_object.lastModified)


def _parts(parts: Iterable[Any]) -> list[Any]:
    given = [parts] if isinstance(parts, str | bytes) else parts
    return [getattr(part, "js_object", part) for part in given]
