"""Events of this process as they happen, for those who read along.

Promise:
    Whoever tells of an event waits for nobody: a reader that is too slow loses events, the newest
    ones, and learns how many and where. With no reader there is nobody to tell.
Assumes:
    One thread; what comes from another one is handed over (``taps.py``).
Rules for editing this file:
    ``tell`` runs in the middle of everything, for each event that some reader may want: it copies
    nothing, encodes nothing, and calls no user code.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ...actors.ids import DurableObjectId

# A reader that is further behind than this loses events; some 2 MB.
EVENTS_MAX = 4096
ERROR_STATUS = 500

# What there is to read of, and what it means, for people; docs/observability.md has the fields.
EVENTS = {
    "request": "a request was answered",
    "websocket.connection.accepted": "an upgrade was answered with 101",
    "websocket.connection.closed": "a WebSocket has ended",
    "websocket.protocol.error": "a peer broke the protocol, or a limit on messages",
    "websocket.queue.overflowed": "too much waited for a client",
    "websocket.peer.dead": "a peer did not answer a ping",
    "message.received": "a whole message arrived",
    "message.sent": "a message was given to the network",
    "message.dropped": "a delivery policy let go of messages",
    "actor.started": "an object came into memory",
    "actor.evicted": "an object left memory, idle",
    "actor.reset": "an object ended because of an error, abort() or a change of its file",
    "actor.handled": "a handler of an object is done, and what it said has left",
    "alarm": "what became of an alarm that was due",
    "error": "a handler raised",
    "firewall": "a rule refused a request, or would have",
    "log": "a line of the log",
    "console": "a line that the program printed",
}


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """Something that has happened.

    Attributes:
        time_s: When, as Unix time.
        name: One of ``EVENTS``.
        actor_id: Whom it happened to; None for a Worker, or for the server itself.
        fields: What else is to be told.
    """

    time_s: float
    name: str
    actor_id: DurableObjectId | None
    fields: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a reader wants to hear of.

    Attributes:
        names: Of events; empty for all.
        unique_key: Events of actors of this namespace only.
        actor_ids: Of these actors only, by their raw ids; empty for all.
        statuses: Events of these outcomes only: ``404``, ``5xx``, ``ok`` or ``error``.
    """

    names: frozenset[str] = frozenset()
    unique_key: str | None = None
    actor_ids: frozenset[bytes] = frozenset()
    statuses: frozenset[str] = frozenset()

    def has(self, name: str) -> bool:
        """Say whether events of this name are wanted."""
        return not self.names or name in self.names

    def fits(self, event: StreamEvent) -> bool:
        """Say whether this event is."""
        if self.names and event.name not in self.names:
            return False
        actor_id = event.actor_id
        if self.unique_key is not None and (
            actor_id is None or actor_id.unique_key != self.unique_key
        ):
            return False
        if self.actor_ids and (actor_id is None or actor_id.raw not in self.actor_ids):
            return False
        return not self.statuses or not self.statuses.isdisjoint(outcomes_of(event))


def outcomes_of(event: StreamEvent) -> tuple[str, ...]:
    """Return all names for how it went; none for an event that cannot go wrong."""
    status = event.fields.get("status")
    if isinstance(status, int):
        return (str(status), f"{status // 100}xx", "error" if status >= ERROR_STATUS else "ok")
    if event.name == "error":
        return ("error",)
    outcome = event.fields.get("outcome")
    return (outcome,) if isinstance(outcome, str) else ()


class Reader:
    """What waits for one who reads along.

    Attributes:
        wanted: What he wants.
    """

    def __init__(self, wanted: Wanted, events_max: int) -> None:
        self.wanted = wanted
        self._events_max = events_max
        self._events: list[StreamEvent] = []
        self._lost = 0
        self._is_over = False
        self._woken: asyncio.Future[None] | None = None

    def offer(self, event: StreamEvent) -> None:
        """Keep an event, or count it if too many wait."""
        if len(self._events) < self._events_max:
            self._events.append(event)
        else:
            self._lost += 1
        self._wake()

    def end(self) -> None:
        """Nothing more comes."""
        self._is_over = True
        self._wake()

    async def next(self) -> tuple[list[StreamEvent], int] | None:
        """Wait for events; return them, and how many were lost behind them, or None at the end."""
        while not self._events:
            if self._is_over:
                return None
            self._woken = asyncio.get_running_loop().create_future()
            await self._woken
        events, self._events = self._events, []
        lost, self._lost = self._lost, 0
        return events, lost

    def _wake(self) -> None:
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)


def _nothing(names: frozenset[str]) -> None:
    """Who is told of what is wanted when nobody has to do anything about it."""


@dataclass(slots=True)
class EventStream:
    """Tells readers what happens.

    Attributes:
        on_wanted: Called with the names of all events that somebody wants, when that changes.
    """

    on_wanted: Callable[[frozenset[str]], None] = _nothing
    _readers: list[Reader] = field(default_factory=list)

    def open(self, wanted: Wanted, *, events_max: int = EVENTS_MAX) -> Reader:
        """Begin to read along; ``close`` it when done."""
        reader = Reader(wanted, events_max)
        self._readers.append(reader)
        self._changed()
        return reader

    def close(self, reader: Reader) -> None:
        """Keep nothing more for it."""
        self._readers.remove(reader)
        self._changed()

    def tell(
        self, name: str, actor_id: DurableObjectId | None, fields: Mapping[str, object]
    ) -> None:
        """Something has happened."""
        event = StreamEvent(time.time(), name, actor_id, fields)
        for reader in self._readers:
            if reader.wanted.fits(event):
                reader.offer(event)

    def _changed(self) -> None:
        wanted = [reader.wanted for reader in self._readers]
        self.on_wanted(frozenset(name for name in EVENTS if any(w.has(name) for w in wanted)))
