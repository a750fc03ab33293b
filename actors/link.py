"""The joint between a WebSocket and what carries its frames."""

import time
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from .session import LOST, LOST_REASON, CloseFrame, Receipted

# A message to send; with a key, only the newest unsent one of that key need be sent.
Sent = str | bytes | tuple[str, str | bytes]
# Code and reason of a close frame; without a code it has no body, which is heard as 1005.
Close = tuple[int | None, str]


class KeptSocket(NamedTuple):
    """What is left of a socket of ``ctx.accept_web_socket`` when its actor's process has gone.

    Attributes:
        unique_key: Its actor's namespace.
        raw_id: Its actor's id.
        name: The name that the id was made from, if that is known.
        session_id: Its own ``id``.
        tags: What ``ctx.accept_web_socket`` was given.
        attachment: What ``serialize_attachment`` was given last, encoded.
    """

    unique_key: str
    raw_id: bytes
    name: str | None
    session_id: str
    tags: tuple[str, ...]
    attachment: bytes | None


class SocketReceiver(Protocol):
    """The side that hears what the peer says."""

    def receive(self, message: str | bytes | Receipted) -> None:
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


# The policy of a connection that is only passed on: it is slowed at its source, never cut short.
RELAY = "relay"


# What an actor's class may want done with its sockets when its process has gone.
REPLAY, REPLAY_FIRST, CLOSE_ON_RESTART = "replay", "replay_first", "close"
RESTARTS = (REPLAY, REPLAY_FIRST, CLOSE_ON_RESTART)


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

    def set_delivery(self, policy: str, queue_size_bytes_max: int | None) -> None:
        """What becomes of messages when the peer reads slowly; said before any is sent.

        Args:
            policy: One of ``delivery.POLICIES``, or ``RELAY``.
            queue_size_bytes_max: How much may wait; None for what the limits say.
        """
        ...

    @property
    def dropped_messages(self) -> int:
        """How many messages its policy has let go of."""
        ...

    @property
    def round_trip_s(self) -> float | None:
        """How long the peer has taken to answer the last ping; None before the first answer."""
        ...

    def set_auto_response(self, pair: tuple[str, str] | None) -> None:
        """Answer this text with that one, without the receiver's hearing of it; None: no more."""
        ...

    @property
    def auto_response_time_ms(self) -> int | None:
        """When it last did so, in Unix milliseconds; None for never."""
        ...

    @property
    def remembers(self) -> bool:
        """It may outlive this process, and wants to know what to make the socket from then."""
        ...

    def remember(self, kept: KeptSocket) -> None:
        """Keep this, instead of what was kept before; asked only of one that remembers."""
        ...

    def set_restart(self, policy: str) -> None:
        """What to do when this process has gone, one of ``RESTARTS``; likewise."""
        ...


class Relay:
    """Passes on what one link hears to another; two of them make a proxy."""

    __slots__ = ("_to",)

    def __init__(self, to: SocketLink) -> None:
        self._to = to

    @property
    def passes_to(self) -> SocketLink:
        """Where everything goes; a link that knows that one may give it frames as they came."""
        return self._to

    def receive(self, message: str | bytes | Receipted) -> None:
        if isinstance(message, Receipted):
            self._to.transmit((message.message,))
            message.acknowledge()
        else:
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
    """What joins the two ends of a pair while both are in this process. Is a ``SocketLink``.

    Attributes:
        peer: The end that hears what is transmitted here.
        other: The link of that end, which leads back.
    """

    __slots__ = ("_auto_response", "auto_response_time_ms", "other", "peer")

    buffered_size_bytes = 0
    dropped_messages = 0
    round_trip_s = None
    remembers = False

    def __init__(self, peer: PairEnd) -> None:
        self.peer = peer
        self.other: PairLink | None = None
        self._auto_response: tuple[str, str] | None = None
        self.auto_response_time_ms: int | None = None

    def set_receiver(self, receiver: SocketReceiver) -> None:
        assert receiver is not self.peer, "an end does not hear itself"

    def transmit(self, messages: Sequence[Sent], close: Close | None = None) -> None:
        for sent in messages:
            message = sent[1] if isinstance(sent, tuple) else sent
            if self.other is None or not self.other.answers(message):
                self.peer.receive(message)
        if close is not None:
            self.peer.receive_close(*close)

    def sever(self, code: int, reason: str) -> None:
        self.peer.receive_close(code, reason)

    def pause(self) -> None:
        """Frames in a pair wait in memory; the sender is a turn away and needs no brake."""

    def resume(self) -> None:
        """See ``pause``."""

    def set_delivery(self, policy: str, queue_size_bytes_max: int | None) -> None:
        """Nothing waits: the other end hears at once."""

    def set_auto_response(self, pair: tuple[str, str] | None) -> None:
        self._auto_response = pair

    def remember(self, kept: KeptSocket) -> None:
        """Both ends end with this process."""

    def set_restart(self, policy: str) -> None:
        """See ``remember``."""

    def answers(self, message: str | bytes) -> bool:
        """Answer a message to this link's own end in its stead; say whether that was done."""
        if self._auto_response is None or message != self._auto_response[0]:
            return False
        self.auto_response_time_ms = time.time_ns() // 1_000_000
        self.peer.receive(self._auto_response[1])
        return True


class NoPeer:
    """A link to somebody who was gone before it began. Is a ``SocketLink``."""

    __slots__ = ()

    buffered_size_bytes = 0
    dropped_messages = 0
    round_trip_s = None
    remembers = False
    auto_response_time_ms = None

    def set_delivery(self, policy: str, queue_size_bytes_max: int | None) -> None:
        """Nothing is delivered."""

    def set_auto_response(self, pair: tuple[str, str] | None) -> None:
        """Nobody asks."""

    def remember(self, kept: KeptSocket) -> None:
        """Nobody comes back."""

    def set_restart(self, policy: str) -> None:
        """See ``remember``."""

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
    one.set_delivery(RELAY, None)
    other.set_delivery(RELAY, None)
    one.set_receiver(Relay(other))
    other.set_receiver(Relay(one))


def split(frames: Sequence[Sent | CloseFrame]) -> "tuple[Sequence[Sent], Close | None]":
    """Messages, and the close frame that may be the last of ``frames``."""
    last = frames[-1]
    if not isinstance(last, CloseFrame):
        return frames, None  # type: ignore[return-value]  # after a close frame nothing is queued
    return frames[:-1], (last.code, last.reason)  # type: ignore[return-value]  # likewise
