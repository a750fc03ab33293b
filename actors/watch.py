"""The joint between actors and whoever watches them: a stream of events, and traces.

*Promise*: while nobody watches, an event costs a look at an attribute, and nothing is made for it.
*Assumes*: all calls come from the loop's thread.
*Rules for editing*: ask whether somebody is there before anything is put together for him.
"""

import contextvars
from collections.abc import Callable, Mapping
from typing import Protocol

from .http import Request
from .ids import DurableObjectId

# Of what the event tells; the actor it happened to, None for a Worker; and its fields.
Tell = Callable[[str, DurableObjectId | None, Mapping[str, object]], None]


class EventTrace(Protocol):
    """Follows one event of an actor or a Worker, from its arrival to what it has sent."""

    def begin(self, context: contextvars.Context) -> None:
        """Its handler runs from now on, in ``context``."""
        ...

    def end(self, error: BaseException | None, answer: object) -> None:
        """Its handler is over; what it says is given to the output gate."""
        ...

    def hold(self) -> None:
        """The output gate holds that back."""
        ...

    def left(self, commit_s: float) -> None:
        """It has left, after the commit that it waited for, if it did; the last of an event."""
        ...


class Traced(Protocol):
    """Whose event is followed."""

    @property
    def actor_id(self) -> DurableObjectId | None:
        """None for a Worker."""
        ...

    def describe(self) -> Mapping[str, str]:
        """``class`` or ``namespace``, and ``actor``; a Worker has none."""
        ...


class TracedTurn(Protocol):
    """The event as a turn."""

    @property
    def handler(self) -> str:
        """What handles it: ``fetch``, a method's name, ``web_socket_message``..."""
        ...


class Tracer(Protocol):
    """Decides which events are followed."""

    def event(self, owner: Traced, turn: TracedTurn, request: Request | None) -> EventTrace | None:
        """An event has come for ``owner``, with a request if it is one; None: not this one."""
        ...

    def outgoing(self) -> Mapping[str, str]:
        """Header fields that tell another server whose trace a request of this code belongs to."""
        ...


class Watch:
    """Who watches this process.

    Attributes:
        tell: Hears of events; None while nobody wants any.
        tracer: Follows them; None while nobody does.
    """

    __slots__ = ("tell", "tracer")

    def __init__(self) -> None:
        self.tell: Tell | None = None
        self.tracer: Tracer | None = None


watch = Watch()


def with_trace(request: Request) -> Request:
    """Return what is to be sent for ``request``, which may be itself."""
    if watch.tracer is not None and (fields := watch.tracer.outgoing()):
        request = Request(request)
        for name, value in fields.items():
            request.headers.set(name, value)
    return request
