"""The joint between a client's connection and whoever hears it: an actor, a proxy, a process.

Only plain values cross it. The other half, what an actor asks of a connection, is
``actors/link.py``'s ``SocketLink``; ``ClientSocket`` is one.
"""

from typing import Protocol

# A message to send; with a key, only the newest unsent one of that key need be sent.
Sent = str | bytes | tuple[str, str | bytes]
# Code and reason of a close frame; without a code it has no body, which is heard as 1005.
Close = tuple[int | None, str]

NO_CODE = 1005
LOST = 1006
LOST_REASON = "WebSocket disconnected without sending Close frame."
PROTOCOL_ERROR = 1002
INVALID_TEXT = 1007
MESSAGE_TOO_BIG = 1009
TRY_AGAIN_LATER = 1013


class SocketReceiver(Protocol):
    """The side that hears what the client says. All calls come from the loop's thread."""

    def receive(self, message: str | bytes) -> None:
        """A whole message."""
        ...

    def receive_close(self, code: int | None, reason: str) -> None:
        """The client's close frame; nothing follows it."""
        ...

    def receive_lost(self, code: int, reason: str) -> None:
        """The connection ended without a close frame (1006), or broke the protocol (its code)."""
        ...

    def hold(self) -> None:
        """The client reads more slowly than it is written to."""
        ...

    def go_on(self) -> None:
        """It has read what it was sent."""
        ...
