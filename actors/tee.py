"""Two readers of one stream."""

import asyncio
from collections import deque

from .body import StreamSource


class Tee:
    """Reads a source once for both branches.

    What one branch has read waits in memory for the other, however much that is, as in the
    Fetch standard: read both, or cancel the one you do not need.
    """

    __slots__ = ("_branches", "_error", "_is_at_end", "_lock", "_source")

    def __init__(self, source: StreamSource) -> None:
        self._source = source
        self._lock = asyncio.Lock()
        self._is_at_end = False
        self._error: Exception | None = None
        self._branches: list[Branch] = []

    def split(self) -> tuple["Branch", "Branch"]:
        """Both branches. Called once."""
        one, other = Branch(self), Branch(self)
        self._branches = [one, other]
        return one, other

    async def read_for(self, branch: "Branch") -> bytes:
        """The next chunk of ``branch``, read from the source if the other has not done so."""
        async with self._lock:
            if not branch.waiting and not self._is_at_end and self._error is None:
                await self._read()
            if branch.waiting:
                return branch.waiting.popleft()
            if self._error is not None:
                raise self._error
            return b""

    async def _read(self) -> None:
        try:
            chunk = await self._source.read_chunk()
        except Exception as error:
            self._error = error  # both branches end with it, each after what came before
            return
        if not chunk:
            self._is_at_end = True
            return
        for branch in self._branches:
            branch.waiting.append(chunk)

    def drop(self, branch: "Branch", reason: BaseException | None) -> None:
        """``branch`` reads no more; when both are gone, the source is cancelled."""
        if branch in self._branches:
            self._branches.remove(branch)
            if not self._branches:
                self._source.cancel(reason)


class Branch:
    """One of two readers of the same source; itself a source."""

    __slots__ = ("_tee", "waiting")

    def __init__(self, tee: Tee) -> None:
        self._tee = tee
        self.waiting: deque[bytes] = deque()

    async def read_chunk(self) -> bytes:
        return await self._tee.read_for(self)

    def cancel(self, reason: BaseException | None = None) -> None:
        self.waiting.clear()
        self._tee.drop(self, reason)
