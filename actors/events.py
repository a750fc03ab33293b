"""What is delivered to an actor, and how the answer comes back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .http import Request


@dataclass(frozen=True, slots=True)
class FetchEvent:
    """An HTTP request, upgrades included; answered with a Response."""

    request: Request


@dataclass(frozen=True, slots=True)
class CallEvent:
    """A method call; answered with the encoded result.

    Attributes:
        method: The method's name.
        arguments: ``(args, kwargs)``, encoded by ``storage.values``.
    """

    method: str
    arguments: bytes


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
