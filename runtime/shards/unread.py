"""A body that can be sent a second time, as long as nobody has read any of it.

What a client sends is not sent on before whoever handles the request reads it (link/streams.py):
the body of a request that had not begun when its worker went is still whole. For that a ``Pipe``,
too, is waited with, which a link would send at once.
"""

from multidict import CIMultiDict

from ...actors.body import StreamSource
from ...actors.http import Request


class UnreadBody:
    """The body of a request on its way to a worker. Is a ``StreamSource``.

    A worker that goes lets go of the bodies that it was sent. One that it has not read from stays,
    until ``again`` takes it or ``give_up`` lets go of it.

    Args:
        source: Where it comes from.
    """

    __slots__ = ("_is_read", "_reason", "_source", "_was_cancelled")

    def __init__(self, source: StreamSource) -> None:
        self._source = source
        self._is_read = False
        self._was_cancelled = False
        self._reason: BaseException | None = None

    async def read_chunk(self) -> bytes:
        self._is_read = True
        return await self._source.read_chunk()

    def cancel(self, reason: BaseException | None = None) -> None:
        if self._is_read:
            self._source.cancel(reason)
        else:
            self._was_cancelled, self._reason = True, reason

    def again(self) -> StreamSource | None:
        """Return the body as it was; None if somebody has read from it."""
        return None if self._is_read else self._source

    def give_up(self) -> None:
        """Nobody will send it again."""
        if self._was_cancelled:
            self._was_cancelled = False
            self._source.cancel(self._reason)
        self._is_read = True  # who cancels it from now on means it


class UnreadRequest:
    """A request with a body that streams, which is sent again if its worker goes too soon.

    Attributes:
        request: What is to be sent, in place of the one it was made of.
    """

    __slots__ = ("_body", "request")

    def __init__(self, request: Request, source: StreamSource) -> None:
        """Make it of a request whose body was taken out."""
        self._body = UnreadBody(source)
        self.request = _with_content(request, self._body)

    @classmethod
    def of(cls, request: Request) -> "UnreadRequest | None":
        """Take the body out of ``request``; None if it has none that streams and is whole."""
        if request.content is None or isinstance(request.content, bytes) or request.body_used:
            return None
        source = request.take_content()
        assert source is not None, "just looked at"
        assert not isinstance(source, bytes), "likewise"
        return cls(request, source)

    def again(self) -> Request | None:
        """The same request once more; None if a part of its body is gone."""
        source = self._body.again()
        return None if source is None else _with_content(self.request, source)

    def give_up(self) -> None:
        """It is not sent again."""
        self._body.give_up()


def _with_content(request: Request, content: StreamSource) -> Request:
    fields = CIMultiDict(request.header_fields())
    copy = Request.incoming(request.method, request.url, fields, content, request.client_address)
    copy.redirect, copy.resumed = request.redirect, request.resumed
    if not request.is_immutable:
        copy.make_mutable()
    return copy
