"""Bodies that somebody may call off while they are read."""

from typing import Self

from .body import BytesSource, StreamSource
from .http import Response


class AbortableBody:
    """What ``source`` gives, until it is called off. Is a ``StreamSource``.

    A body that is all here is called off like any other, as on the platform: whoever has not read
    it by then cannot any more.

    Args:
        source: Where the chunks come from. A read that waits there ends when it is cancelled.
    """

    __slots__ = ("__weakref__", "_error", "_is_over", "_source")

    def __init__(self, source: StreamSource) -> None:
        self._source = source
        self._error: BaseException | None = None
        self._is_over = False

    @classmethod
    def of(cls, answer: Response) -> Self | None:
        """Have ``answer``'s body be one; None if it has none, or somebody has read it."""
        content = None if answer.body_used else answer.take_content()
        if content is None:
            return None
        body = cls(BytesSource(content) if isinstance(content, bytes) else content)
        answer.replace_content(body)
        return body

    def abort(self, error: BaseException) -> None:
        """Have reading it fail with ``error``, also a read that waits; let go of the source.

        Nothing happens after its end.
        """
        if not self._is_over:
            self._is_over = True
            self._error = error
            self._source.cancel(error)

    async def read_chunk(self) -> bytes:
        if self._error is not None:
            raise self._error
        try:
            chunk = await self._source.read_chunk()
        except Exception:
            if self._error is not None:  # what was raised comes of that
                raise self._error from None
            raise
        if self._error is not None:
            raise self._error
        self._is_over = self._is_over or not chunk
        return chunk

    def cancel(self, reason: BaseException | None = None) -> None:
        self._is_over = True
        self._source.cancel(reason)
