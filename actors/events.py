"""What is delivered to an actor, and how the answer comes back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from .http import Request
from .parcel import Packed


@dataclass(frozen=True, slots=True)
class FetchEvent:
    """An HTTP request, upgrades included; answered with a Response."""

    request: Request


class Route(Protocol):
    """Where a call has gone that has no answer yet."""

    def pipeline(
        self, event: "CallEvent", on_reply: "OnReply", otherwise: Callable[[], None]
    ) -> bool:
        """Send ``event`` after the call, to be done with its answer; whether that is possible.

        ``otherwise`` is called instead of ``on_reply`` when the call turns out to have been
        answered before: its answer is here then.
        """
        ...

    def give_up(self) -> None:
        """Nobody waits for the answer any more."""
        ...


@dataclass(slots=True)
class CallEvent:
    """A method call; answered with the encoded result.

    Attributes:
        method: The method's name; with dots in it a way to it, by attributes: ``room.join``. ""
            is the thing itself, which is a function.
        arguments: ``(args, kwargs)``, encoded by ``storage.values``; ``b""`` reads an attribute.
        route: Where it has gone, for who sent it; None while it waits, or when nobody says.
    """

    method: str
    arguments: Packed
    route: Route | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class AlarmEvent:
    """The actor's alarm is due; answered with None.

    Attributes:
        scheduled_time_ms: The time it was set for.
        retry_count: 0 at the first attempt.
    """

    scheduled_time_ms: int
    retry_count: int


@dataclass(frozen=True, slots=True)
class SocketEvent:
    """A socket of an actor that is not in memory has heard something; answered with None.

    Attributes:
        session_id: Whose it is; what was heard waits with it.
    """

    session_id: str


Event = FetchEvent | CallEvent | AlarmEvent
Delivered = Event | SocketEvent

# (result, None), or (None, failure): a failure is an exception encoded by ``rpc.encode_error``.
OnReply = Callable[[Any, bytes | None], None]
