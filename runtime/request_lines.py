"""What routers tell the supervisor of requests, to be shown where the server was started.

*Promise*: every request that was answered is told once, in order, within ``INTERVAL_S``; nothing is
told, and nothing kept, where nobody listens. A router that is killed takes with it what it had not
told.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from msgpack import packb, unpackb

from ..storage.errors import InternalError
from .edge.request_record import RequestRecord

INTERVAL_S = 0.05
# Less than a message of the control connection may have, whatever the longest path is.
BATCH_LENGTH_MAX = 256 * 1024
PATH_LENGTH_MAX = 64 * 1024


class RequestLines:
    """Requests that are to be told of. Is an ``on_request``.

    Args:
        tell: Takes what ``read_requests`` reads.
        loop: Everything happens on it.
    """

    def __init__(self, tell: Callable[[bytes], None], loop: asyncio.AbstractEventLoop) -> None:
        self._tell = tell
        self._loop = loop
        self._lines: list[list[Any]] = []
        self._length = 0
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self, record: RequestRecord) -> None:
        """Tell of one request, soon."""
        path = record.path[:PATH_LENGTH_MAX]
        self._lines.append([record.method, path, record.status, record.duration_s])
        self._length += len(path)
        if self._length > BATCH_LENGTH_MAX:
            self.flush()
        elif self._timer is None:
            self._timer = self._loop.call_later(INTERVAL_S, self.flush)

    def flush(self) -> None:
        """Tell now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines, self._lines, self._length = self._lines, [], 0
        if lines:
            # A path may have bytes that are no UTF-8, which Python keeps as lone surrogates.
            self._tell(packb(lines, unicode_errors="surrogatepass"))


def read_requests(data: bytes) -> list[RequestRecord]:
    """The requests that ``RequestLines`` has told.

    Raises:
        InternalError: It was not that.
    """
    try:
        lines = unpackb(data, unicode_errors="surrogatepass")
        return [RequestRecord(*line) for line in lines]
    except Exception as error:  # msgpack has many
        raise InternalError(f"a router told of no requests: {error}") from error
