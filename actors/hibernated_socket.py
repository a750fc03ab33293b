"""What is kept of a socket while its actor is not in memory."""

from collections.abc import Callable

from .ids import DurableObjectId
from .link import SocketLink
from .session import CloseFrame, Heard, Lost, Receipted


class HibernatedSocket:
    """A socket taken with ``ctx.accept_web_socket``, of an actor that is not in memory.

    Its connection stays. The first that it hears wakes the actor; all that it has heard until
    then is heard by the ``WebSocket`` that takes its place. Is a ``SocketReceiver``.

    Attributes:
        id: Of the session.
        tags: What ``ctx.accept_web_socket`` was given.
        attachment: What ``serialize_attachment`` was given, encoded.
        link: Its connection.
        is_closing: The actor has said goodbye, and the peer has not answered yet.
        early: What was heard, in order, and nobody was there to hear.
    """

    __slots__ = ("_wake", "attachment", "early", "id", "is_closing", "link", "tags")

    def __init__(
        self,
        session_id: str,
        tags: tuple[str, ...],
        attachment: bytes | None,
        link: SocketLink,
        wake: "Callable[[HibernatedSocket], None]",
        *,
        is_closing: bool,
    ) -> None:
        self.id = session_id
        self.tags = tags
        self.attachment = attachment
        self.link = link
        self.is_closing = is_closing
        self.early: list[Heard] = []
        self._wake = wake
        link.set_receiver(self)

    # What the connection tells.

    def receive(self, message: str | bytes | Receipted) -> None:
        self._hear(message)

    def receive_close(self, code: int | None, reason: str) -> None:
        self._hear(CloseFrame(code, reason))

    def receive_lost(self, code: int, reason: str) -> None:
        self._hear(Lost(code, reason))

    def hold(self) -> None:
        """Nothing is sent to it but what was sent before."""

    def go_on(self) -> None:
        """See ``hold``."""

    @property
    def actor_id(self) -> DurableObjectId | None:
        """Whose it is, if who wakes that actor knows."""
        found: DurableObjectId | None = getattr(self._wake, "actor_id", None)
        return found

    def _hear(self, heard: Heard) -> None:
        self.early.append(heard)
        if len(self.early) == 1:
            # Until somebody is there: what a client sends meanwhile stays with the kernel.
            self.link.pause()
            self._wake(self)

    # What its session is asked for.

    def set_auto_response(self, pair: tuple[str, str] | None) -> None:
        self.link.set_auto_response(pair)

    def dismiss(self, code: int, reason: str) -> bool:
        """Close the connection, of which the actor hears, unless it is closing; say whether."""
        if self.is_closing or self.early:
            return False
        self.link.sever(code, reason)
        self.receive_close(code, reason)
        return True

    def sever(self, code: int, reason: str) -> None:
        self.link.sever(code, reason)
