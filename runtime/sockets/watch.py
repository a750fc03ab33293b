"""The joint between connections and whoever watches them; nobody does, usually.

*Promise*: while nobody watches, an event costs a look at an attribute.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from .joint import SocketReceiver


class WatchedSocket(Protocol):
    """The connection that an event is of.

    Attributes:
        is_client: It goes out.
    """

    is_client: bool

    @property
    def receiver(self) -> SocketReceiver | None:
        """Who hears what comes; None if nobody does any more."""
        ...


# What has happened, to which connection, and the event's fields.
Tell = Callable[[str, WatchedSocket, Mapping[str, object]], None]


class SocketWatch:
    """Who watches the connections of this process.

    Attributes:
        tell: Hears of their events; None while nobody wants any.
    """

    __slots__ = ("tell",)

    def __init__(self) -> None:
        self.tell: Tell | None = None


watch = SocketWatch()


def message_fields(message: str | bytes) -> dict[str, object]:
    """What is told of a message: never what it says."""
    if isinstance(message, bytes):
        return {"kind": "binary", "size_bytes": len(message)}
    size = len(message) if message.isascii() else len(message.encode("utf-8", "surrogatepass"))
    return {"kind": "text", "size_bytes": size}
