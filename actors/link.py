"""The joint between a WebSocket and what carries its frames."""

from collections.abc import Sequence
from typing import Protocol

from .session import LOST, LOST_REASON, CloseFrame

Frame = str | bytes | CloseFrame


class SocketReceiver(Protocol):
    """The side that hears what the peer says."""

    def receive(self, frame: Frame) -> None:
        """A whole message, or the peer's close frame; nothing follows a close frame."""
        ...

    def receive_lost(self, code: int, reason: str) -> None:
        """The connection ended without a close frame (1006), or broke the protocol (its code)."""
        ...


class SocketLink(Protocol):
    """Carries frames to one peer: a network connection, or the other end of a pair."""

    def set_receiver(self, receiver: SocketReceiver) -> None:
        """Who hears the peer from now on."""
        ...

    def transmit(self, frames: Sequence[Frame]) -> None:
        """Send, in order and in one write; after a close frame nothing may follow."""
        ...

    def sever(self, frame: CloseFrame) -> None:
        """End the connection now: the frame if it can still be sent, then nothing more."""
        ...

    def pause(self) -> None:
        """Stop reading from the peer for a while."""
        ...

    def resume(self) -> None:
        """Read again."""
        ...

    @property
    def buffered_size_bytes(self) -> int:
        """Bytes accepted and not yet taken by the peer's side."""
        ...


class Relay:
    """Passes on what one link hears to another; two of them make a proxy."""

    __slots__ = ("_to",)

    def __init__(self, to: SocketLink) -> None:
        self._to = to

    def receive(self, frame: Frame) -> None:
        self._to.transmit((frame,))

    def receive_lost(self, code: int, reason: str) -> None:
        del code, reason  # what broke there is not this peer's doing
        self._to.sever(CloseFrame(1011, "the other side of this connection was lost"))

    # The link that is heard here cannot write as fast as the other one is read.

    def hold(self) -> None:
        self._to.pause()

    def go_on(self) -> None:
        self._to.resume()


class NoPeer:
    """A link to somebody who was gone before it began. Is a ``SocketLink``."""

    __slots__ = ()

    buffered_size_bytes = 0

    def set_receiver(self, receiver: SocketReceiver) -> None:
        receiver.receive_lost(LOST, LOST_REASON)

    def transmit(self, frames: Sequence[Frame]) -> None:
        """Nobody is there."""

    def sever(self, frame: CloseFrame) -> None:
        """See ``transmit``."""

    def pause(self) -> None:
        """See ``transmit``."""

    def resume(self) -> None:
        """See ``transmit``."""


def join(one: SocketLink, other: SocketLink) -> None:
    """From now on each link hears the other."""
    one.set_receiver(Relay(other))
    other.set_receiver(Relay(one))
