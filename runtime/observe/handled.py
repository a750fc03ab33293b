"""``actor.handled``: how long a handler took, and what it waited for."""

import contextvars
from collections.abc import Callable, Mapping
from time import perf_counter

from ...actors.http import Request, Response
from ...actors.ids import DurableObjectId
from ...actors.watch import EventTrace, Traced, TracedTurn

Tell = Callable[[str, DurableObjectId | None, Mapping[str, object]], None]


class HandledTracer:
    """Tells of every event that an actor has handled. Is a ``Tracer``."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell

    def event(self, owner: Traced, turn: TracedTurn, request: Request | None) -> EventTrace | None:
        del request
        actor_id = owner.actor_id
        return None if actor_id is None else _Handled(self._tell, actor_id, turn.handler)

    def outgoing(self) -> Mapping[str, str]:
        """Other servers need not know."""
        return {}


class _Handled:
    """One event."""

    __slots__ = ("_actor_id", "_arrived_s", "_began_s", "_ended_s", "_fields", "_is_held", "_tell")

    def __init__(self, tell: Tell, actor_id: DurableObjectId, handler: str) -> None:
        self._tell = tell
        self._actor_id = actor_id
        self._fields: dict[str, object] = {"handler": handler, "outcome": "error"}
        self._is_held = False
        self._arrived_s = perf_counter()
        self._began_s = self._ended_s = 0.0

    def begin(self, context: contextvars.Context) -> None:
        del context
        self._began_s = perf_counter()
        self._fields["queue_ms"] = _ms(self._began_s - self._arrived_s)

    def end(self, error: BaseException | None, answer: object) -> None:
        self._ended_s = perf_counter()
        self._fields["took_ms"] = _ms(self._ended_s - self._began_s)
        if error is None:
            self._fields["outcome"] = "ok"
        if isinstance(answer, Response):
            self._fields["status"] = answer.status

    def hold(self) -> None:
        self._is_held = True

    def left(self, commit_s: float) -> None:
        if self._is_held:
            self._fields["gate_ms"] = _ms(perf_counter() - self._ended_s)
            self._fields["commit_ms"] = _ms(commit_s)
        self._tell("actor.handled", self._actor_id, self._fields)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
