# Pure: no asyncio, clock, randomness, file or socket.
"""What waits for a client that reads more slowly than it is written to, as its policy says.

A queue is made when a client falls behind and is dropped when it has caught up: a client that
reads costs nothing here. What has been given to the transport is in no queue any more; so the
message that is being written is never let go of, and no frame is ever cut.

*Promise*: every call is O(1), amortised, however much waits. What leaves is in the order in which
it was sent, but for "latest", which puts the newest of a key where that one was sent.
*Considered and refused*: to encode what waits, as most of it may never leave; one class with the
policies as branches, as only their differences are worth reading.
"""

import json
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import inf

from .joint import Close, Sent

CLOSE, DROP_OLDEST, LATEST, COALESCE = "close", "drop_oldest", "latest", "coalesce"
# Not for users: of a connection that is only passed on. It is slowed at its source instead.
RELAY = "relay"
# One write, and one array of "coalesce". As much as a transport takes before it says stop; clients
# of many libraries refuse frames of more than 1 MiB.
WRITE_SIZE_BYTES = 64 * 1024
# What a waiting message takes beside its bytes; without it, empty ones could pile up for ever.
MESSAGE_SIZE_BYTES = 64

Message = str | bytes


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one connection's messages are to wait.

    Attributes:
        policy: A key of ``QUEUES``.
        queue_size_bytes_max: How much may wait; a single message may, of any size.
    """

    policy: str
    queue_size_bytes_max: float


@lru_cache(maxsize=256)
def delivery_of(policy: str, queue_size_bytes_max: float) -> Delivery:
    """The one object for all connections that say the same."""
    return Delivery(policy, inf if policy == RELAY else queue_size_bytes_max)


def message_of(sent: Sent) -> Message:
    """What is to be sent, without its key."""
    return sent[1] if isinstance(sent, tuple) else sent


def size_of(message: Message) -> int:
    """How much of a queue's size the message takes."""
    if isinstance(message, bytes) or message.isascii():  # a flag that str keeps
        return len(message) + MESSAGE_SIZE_BYTES
    return len(message.encode()) + MESSAGE_SIZE_BYTES


class Waiting:
    """Messages in their order; past the limit there is no room. Is "close", and "relay".

    Attributes:
        size_bytes_max: How much may wait, in all.
        size_bytes: Of all that waits, with ``MESSAGE_SIZE_BYTES`` for each.
        dropped: How many messages were let go; who counts them sets it back.
        close: The close frame that leaves after the last message.
        pong: The answer to the client's last ping, which leaves before the first.
    """

    __slots__ = ("_messages", "close", "dropped", "pong", "size_bytes", "size_bytes_max")

    def __init__(self, size_bytes_max: float) -> None:
        self.size_bytes_max = size_bytes_max
        self._messages: deque[tuple[Message, int]] = deque()
        self.size_bytes = 0
        self.dropped = 0
        self.close: Close | None = None
        self.pong: bytes | None = None

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def messages_size_bytes(self) -> int:
        """Of the messages alone."""
        return self.size_bytes - MESSAGE_SIZE_BYTES * len(self)

    def push(self, sent: Sent) -> bool:
        """Keep a message until it can leave; False if there is no room for it."""
        message = message_of(sent)
        size = size_of(message)
        if self._messages and self.size_bytes + size > self.size_bytes_max:
            return False
        self._messages.append((message, size))
        self.size_bytes += size
        return True

    def messages(self) -> list[Sent]:
        """What waits, as it was sent."""
        return [message for message, _ in self._messages]

    def take(self, size_bytes: int) -> list[Message]:
        """Let the next messages leave: at least one if any waits, else up to ``size_bytes``."""
        taken: list[Message] = []
        while self._messages and (not taken or self._messages[0][1] <= size_bytes):
            message, size = self._messages.popleft()
            taken.append(message)
            self.size_bytes -= size
            size_bytes -= size
        return taken


class DropOldest(Waiting):
    """Past the limit the oldest go, until the newest fits; that one is always kept."""

    __slots__ = ()

    def push(self, sent: Sent) -> bool:
        message = message_of(sent)
        size = size_of(message)
        self._messages.append((message, size))
        self.size_bytes += size
        while self.size_bytes > self.size_bytes_max and len(self._messages) > 1:
            self.size_bytes -= self._messages.popleft()[1]
            self.dropped += 1
        return True


class Latest(Waiting):
    """Of messages with a key only the newest waits, where that one was sent."""

    __slots__ = ("_kept", "_unkeyed")

    def __init__(self, size_bytes_max: float) -> None:
        super().__init__(size_bytes_max)
        # A plain dict would look for its first entry through all that were there before.
        self._kept: OrderedDict[str | int, tuple[Message, int]] = OrderedDict()
        self._unkeyed = 0

    def __len__(self) -> int:
        return len(self._kept)

    def push(self, sent: Sent) -> bool:
        key: str | int
        if isinstance(sent, tuple):
            key, message = sent
            older = self._kept.pop(key, None)
            if older is not None:
                self.size_bytes -= older[1]
                self.dropped += 1
        else:
            key, message = self._unkeyed, sent
            self._unkeyed += 1
        size = size_of(message)
        if self._kept and self.size_bytes + size > self.size_bytes_max:
            return False
        self._kept[key] = (message, size)
        self.size_bytes += size
        return True

    def messages(self) -> list[Sent]:
        return [
            (key, message) if isinstance(key, str) else message
            for key, (message, _) in self._kept.items()
        ]

    def take(self, size_bytes: int) -> list[Message]:
        taken: list[Message] = []
        while self._kept:
            key, (message, size) = self._kept.popitem(last=False)
            if taken and size > size_bytes:
                self._kept[key] = (message, size)
                self._kept.move_to_end(key, last=False)
                break
            taken.append(message)
            self.size_bytes -= size
            size_bytes -= size
        return taken


class Coalesce(Waiting):
    """Text messages that follow each other leave as one JSON array of strings."""

    __slots__ = ()

    def take(self, size_bytes: int) -> list[Message]:
        return coalesced(super().take(size_bytes))


QUEUES: dict[str, type[Waiting]] = {
    CLOSE: Waiting,
    DROP_OLDEST: DropOldest,
    LATEST: Latest,
    COALESCE: Coalesce,
    RELAY: Waiting,
}


def queue_of(delivery: Delivery) -> Waiting:
    """A queue for a client that has fallen behind."""
    return QUEUES[delivery.policy](delivery.queue_size_bytes_max)


def coalesced(messages: Sequence[Message]) -> list[Message]:
    """Each run of text messages as one JSON array, also a run of one; bytes as they are."""
    out: list[Message] = []
    texts: list[str] = []
    for message in messages:
        if isinstance(message, str):
            texts.append(message)
            continue
        if texts:
            out.append(_array(texts))
            texts = []
        out.append(message)
    if texts:
        out.append(_array(texts))
    return out


def _array(texts: list[str]) -> str:
    return json.dumps(texts, ensure_ascii=False, separators=(",", ":"))
