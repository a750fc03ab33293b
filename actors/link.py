"""The joint between a WebSocket and what carries its frames."""

from collections.abc import Sequence
from typing import Protocol

from .session import LOST, LOST_REASON

# A message to send; with a key, only the newest unsent one of that key need be sent.
Sent = str | bytes | tuple[str, str | bytes]
# Code and reason of a close frame; without a code it has no body, which is heard as 1005.
Close = tuple[int | None, str]


class SocketReceiver(Protocol):
    """The side that hears what the peer says."""

    def receive(self, message: str | bytes) -> None:
        """A whole message."""
        ...

    def receive_close(self, code: int | None, reason: str) -> None:
        """The peer's close frame; nothing follows it."""
        ...

    def receive_lost(self, code: int, reason: str) -> None:
        """The connection ended without a close frame (1006), or broke the protocol (its code)."""
        ...

    def hold(self) -> None:
        """The peer reads more slowly than it is written to."""
        ...

    def go_on(self) -> None:
        """It has read what it was sent."""
        ...


class SocketLink(Protocol):
    """Carries frames to one peer: a network connection, or the other end of a pair."""

    def set_receiver(self, receiver: SocketReceiver) -> None:
        """Who hears the peer from now on."""
        ...

    def transmit(self, messages: Sequence[Sent], close: Close | None = None) -> None:
        """Send, in order and in one write; a close frame is the last that is sent."""
        ...

    def sever(self, code: int, reason: str) -> None:
        """End the connection now: the close frame if it can still be sent, then nothing more."""
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

    def receive(self, message: str | bytes) -> None:
        self._to.transmit((message,))

    def receive_close(self, code: int | None, reason: str) -> None:
        self._to.transmit((), (code, reason))

    def receive_lost(self, code: int, reason: str) -> None:
        del code, reason  # what broke there is not this peer's doing
        self._to.sever(1011, "the other side of this connection was lost")

    def hold(self) -> None:
        self._to.pause()

    def go_on(self) -> None:
        self._to.resume()


class PairEnd(SocketReceiver, Protocol):
    """The other end of a pair, as a link to it sees it."""

    @property
    def is_taken(self) -> bool:
        """Somebody has accepted it."""
        ...

    def connect(self, link: SocketLink) -> None:
        """Its frames travel over ``link`` from now on."""
        ...


class PairLink:
    """What joins the two ends of a pair while both are in this process. Is a ``SocketLink``."""

    __slots__ = ("peer",)

    buffered_size_bytes = 0

    def __init__(self, peer: PairEnd) -> None:
        self.peer = peer

    def set_receiver(self, receiver: SocketReceiver) -> None:
        assert receiver is not self.peer, "an end does not hear itself"

    def transmit(self, messages: Sequence[Sent], close: Close | None = None) -> None:
        for message in messages:
            self.peer.receive(message[1] if isinstance(message, tuple) else message)
        if close is not None:
            self.peer.receive_close(*close)

    def sever(self, code: int, reason: str) -> None:
        self.peer.receive_close(code, reason)

    def pause(self) -> None:
        """Frames in a pair wait in memory; the sender is a turn away and needs no brake."""

    def resume(self) -> None:
        """See ``pause``."""


class NoPeer:
    """A link to somebody who was gone before it began. Is a ``SocketLink``."""

    __slots__ = ()

    buffered_size_bytes = 0

    def set_receiver(self, receiver: SocketReceiver) -> None:
        receiver.receive_lost(LOST, LOST_REASON)

    def transmit(self, messages: Sequence[Sent], close: Close | None = None) -> None:
        """Nobody is there."""

    def sever(self, code: int, reason: str) -> None:
        """See ``transmit``."""

    def pause(self) -> None:
        """See ``transmit``."""

    def resume(self) -> None:
        """See ``transmit``."""


def join(one: SocketLink, other: SocketLink) -> None:
    """From now on each link hears the other."""
    one.set_receiver(Relay(other))
    other.set_receiver(Relay(one))
