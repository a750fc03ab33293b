"""What a WebSocket tells of its connection, and what it keeps with that."""

from typing import Any

from ..storage.values import decode
from .attachment import SIZE_BYTES_MAX, encode_attachment
from .execution import Execution
from .link import SocketLink
from .listeners import SocketListeners
from .session import READY_STATE, SocketState

_BINARY_TYPES = frozenset({"blob", "arraybuffer"})


class ConnectionFacts(SocketListeners):
    """The part of a ``WebSocket`` that says how its connection is.

    Attributes:
        is_half_open: The peer's close frame is user code's to answer.
    """

    CONNECTING = READY_STATE_CONNECTING = 0
    OPEN = READY_STATE_OPEN = 1
    CLOSING = READY_STATE_CLOSING = 2
    CLOSED = READY_STATE_CLOSED = 3

    __slots__ = ("__dict__", "_link", "attachment", "owner", "state")

    # Of the class: few sockets have others, and those keep them in their ``__dict__``.
    is_half_open = False
    _binary_type = "blob"

    state: SocketState
    owner: Execution | None
    attachment: bytes | None
    _link: SocketLink | None

    @property
    def ready_state(self) -> int:
        """0 connecting, 1 open, 2 closing, 3 closed."""
        return READY_STATE[self.state]

    @property
    def buffered_amount(self) -> int:
        """Bytes sent that the peer has not taken yet."""
        return self._link.buffered_size_bytes if self._link is not None else 0

    @property
    def dropped_messages(self) -> int:
        """How many messages its delivery policy has let go of, as the peer read too slowly."""
        return self._link.dropped_messages if self._link is not None else 0

    @property
    def round_trip_s(self) -> float | None:
        """How many seconds the peer took to answer the last ping; None before that."""
        return self._link.round_trip_s if self._link is not None else None

    @property
    def binary_type(self) -> str:
        """As it was set: "blob" or "arraybuffer". A binary message is bytes in any case."""
        return self._binary_type

    @binary_type.setter
    def binary_type(self, value: str) -> None:
        if value in _BINARY_TYPES:  # others are ignored, as in browsers
            self._binary_type = value

    def serialize_attachment(self, value: Any) -> None:
        """Keep ``value`` with the connection, for as long as that lasts.

        A socket that was taken with ``ctx.accept_web_socket`` has it still when its actor was out
        of memory meanwhile. Anything that ``ctx.storage`` takes, at most 16384 bytes encoded; a
        copy is kept.

        Raises:
            SocketLimitExceeded: It is larger.
        """
        limit = SIZE_BYTES_MAX if self.owner is None else self.owner.attachment_size_bytes_max
        self.attachment = encode_attachment(value, limit)

    def deserialize_attachment(self) -> Any:
        """Return a copy of what ``serialize_attachment`` was given last; None before."""
        return None if self.attachment is None else decode(self.attachment)

    # For the runtime.

    def set_auto_response(self, pair: tuple[str, str] | None) -> None:
        """Have the connection answer by itself."""
        if self._link is not None:
            self._link.set_auto_response(pair)

    @property
    def auto_response_time_ms(self) -> int | None:
        """When it last did so, in Unix milliseconds; None for never."""
        return None if self._link is None else self._link.auto_response_time_ms
