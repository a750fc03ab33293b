"""A client's connection that has come from another process, before it is known who is to have it.

*Promise*: what the client says meanwhile is kept, and so is that it has gone.
*Assumes*: whoever has made the connection calls ``wait`` as soon as the loop gives it back.
*Considered and refused*: to count on ``pause_reading`` in ``connection_made``. With asyncio nothing
is read then; uvloop begins to read right behind it, whatever was said.
"""

import asyncio
from typing import cast


class Landing(asyncio.Protocol):
    """The protocol of such a connection.

    Attributes:
        inbound: What the client has said: one read of the loop's at most.
        has_ended: The client says nothing more; the connection still stands.
        is_lost: The connection is no more, and this was told of it.
    """

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self.inbound = b""
        self.has_ended = False
        self.is_lost = False

    def wait(self) -> None:
        """Read nothing more for now."""
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are none by class
        self.wait()

    def data_received(self, data: bytes) -> None:
        self.inbound += data
        self.wait()

    def eof_received(self) -> bool:
        self.has_ended = True
        return True  # whoever is to have it may have something to send

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.is_lost = True
