"""Bytes that say what they are."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes with a media type, which calls carry as such; what programs in Workers style send.

    Attributes:
        data: The bytes.
        content_type: What the sender says they are; empty for nothing.
        filename: What the sender calls them, if they are a file. Not a path to be trusted.
        last_modified_ms: When that file was changed, in Unix milliseconds.
    """

    data: bytes
    content_type: str = ""
    filename: str | None = None
    last_modified_ms: int | None = None

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return len(self.data)
