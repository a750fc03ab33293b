# Pure: no asyncio, clock, randomness, file or socket.
"""The states of a WebSocket, and what may be said on one, as tables."""

import enum
from collections.abc import Callable
from dataclasses import dataclass

from ..storage.errors import InternalError
from .errors import InvalidClose, SocketStateError

CLOSE_REASON_SIZE_BYTES_MAX = 123  # RFC 6455, section 5.5: a control frame holds 125 bytes
NORMAL = 1000
GOING_AWAY = 1001
NO_CODE = 1005
LOST = 1006
POLICY_VIOLATION = 1008
INTERNAL_ERROR = 1011
SERVICE_RESTART = 1012
TRY_AGAIN_LATER = 1013
# RFC 6455, section 7.4: these tell of something that no frame said.
UNSENDABLE = frozenset({1004, NO_CODE, LOST, 1015})
LOST_REASON = "WebSocket disconnected without sending Close frame."


class SocketState(enum.Enum):
    CONNECTING = "connecting"  # WebSocket(url), before the other server has answered
    NEW = "not accepted"
    OPEN = "open"
    CLOSING = "closing"  # we have sent a close frame and wait for the peer's
    ENDING = "ending"  # its class's close handler hears of it; what is sent goes nowhere
    HALF_CLOSED = "half closed"  # the peer has said goodbye; user code is to answer it
    CLOSED = "closed"
    HANDED_OVER = "handed over"  # went away in a Response; its peer talks to the client
    HIBERNATED = "hibernated"  # its actor has left memory; another object stands for it then


LEGAL = {
    SocketState.CONNECTING: {SocketState.OPEN, SocketState.CLOSING, SocketState.CLOSED},
    SocketState.NEW: {SocketState.OPEN, SocketState.CLOSED, SocketState.HANDED_OVER},
    SocketState.OPEN: {
        SocketState.CLOSING,
        SocketState.ENDING,
        SocketState.HALF_CLOSED,
        SocketState.CLOSED,
        SocketState.HIBERNATED,
    },
    SocketState.CLOSING: {SocketState.ENDING, SocketState.CLOSED, SocketState.HIBERNATED},
    SocketState.ENDING: {SocketState.CLOSED},
    SocketState.HALF_CLOSED: {SocketState.CLOSED},
    SocketState.CLOSED: set[SocketState](),
    SocketState.HANDED_OVER: set[SocketState](),
    SocketState.HIBERNATED: set[SocketState](),
}

# Nothing is heard any more.
OVER = frozenset(
    {
        SocketState.ENDING,
        SocketState.HALF_CLOSED,
        SocketState.CLOSED,
        SocketState.HIBERNATED,
    }
)

# What users see. Both ends of a fresh pair are OPEN (observed in workerd).
READY_STATE = {
    SocketState.CONNECTING: 0,
    SocketState.NEW: 1,
    SocketState.OPEN: 1,
    SocketState.CLOSING: 2,
    SocketState.ENDING: 2,
    SocketState.HALF_CLOSED: 2,
    SocketState.CLOSED: 3,
    SocketState.HANDED_OVER: 3,
    SocketState.HIBERNATED: 3,
}


def move(state: SocketState, to: SocketState) -> SocketState:
    """The state ``to``, if the table lets ``state`` become that."""
    if to not in LEGAL[state]:
        raise InternalError(f"a WebSocket cannot go from {state.value} to {to.value}")
    return to


@dataclass(frozen=True, slots=True)
class CloseFrame:
    """A close frame; ``code`` None is one without a body, which the peer reads as 1005."""

    code: int | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection ended without a close frame, or broke the protocol."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Receipted:
    """A message that is delivered again, to another instance, if this one ends without a receipt.

    Attributes:
        message: What the peer has said.
        acknowledge: Called once when it has been handled, what its handler has written is durable,
            and what that has sent has left.
        is_redelivered: An earlier instance may have handled it.
    """

    message: str | bytes
    acknowledge: Callable[[], None]
    is_redelivered: bool = False


# What a peer can be heard to say.
Heard = str | bytes | Receipted | CloseFrame | Lost


def check_close(code: int | None, reason: str | None) -> CloseFrame:
    """The frame that ``close(code, reason)`` sends.

    Raises:
        InvalidClose: The protocol does not allow it.
    """
    if code is None:
        if reason:
            raise InvalidClose(
                "If you specify a WebSocket close reason, you must also specify a code."
            )
        return CloseFrame(None)
    if type(code) is not int or not 1000 <= code <= 4999 or code in UNSENDABLE:
        raise InvalidClose(f"Invalid WebSocket close code: {code}.")
    reason = reason or ""
    if len(reason.encode()) > CLOSE_REASON_SIZE_BYTES_MAX:
        raise InvalidClose(
            "WebSocket close reason must not be longer than 123 bytes when UTF-8 encoded."
        )
    return CloseFrame(code, reason)


def echo_of(frame: CloseFrame) -> CloseFrame:
    """The close frame that answers the peer's."""
    if frame.code is None or frame.code in UNSENDABLE or not 1000 <= frame.code <= 4999:
        return CloseFrame(None)
    return frame


def cannot_send(state: SocketState) -> SocketStateError:
    """What is wrong with sending in this state."""
    if state is SocketState.NEW:
        why = (
            "You must call one of accept() or ctx.accept_web_socket() on this WebSocket before "
            "sending messages."
        )
    elif state is SocketState.CONNECTING:
        why = (
            "this WebSocket is still connecting: send() works from its open event on (in browsers, "
            "this is an InvalidStateError)"
        )
    elif state is SocketState.HIBERNATED:
        why = (
            "the actor of this WebSocket has left memory since; another object stands for the "
            "connection now: ask ctx.get_web_sockets(), or use what a handler is given"
        )
    else:
        why = "Can't call WebSocket send() after close()."
    return SocketStateError(why)
