"""Several who follow events, as the one that actors know of."""

import contextvars
from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

from ...actors.http import Request
from ...actors.watch import EventTrace, Traced, TracedTurn, Tracer, watch


@runtime_checkable
class Joins(Protocol):
    """A ``Tracer`` whose traces go on in other processes of the same server."""

    def carried(self) -> Mapping[str, str]:
        """What tells one of them whose trace a call of this code belongs to; nothing for none."""
        ...

    def join(self, context: contextvars.Context, fields: Mapping[str, str]) -> None:
        """Have what runs in ``context`` belong to the trace that ``carried`` has told of."""
        ...


class Tracers:
    """Those who follow events of this process. Is a ``Tracer`` when there are several."""

    def __init__(self) -> None:
        self._all: list[Tracer] = []

    def add(self, tracer: Tracer) -> None:
        """Have it follow events from now on; once is enough."""
        if tracer not in self._all:
            self._all.append(tracer)
            self._install()

    def remove(self, tracer: Tracer) -> None:
        """It follows no further ones."""
        if tracer in self._all:
            self._all.remove(tracer)
            self._install()

    def event(self, owner: Traced, turn: TracedTurn, request: Request | None) -> EventTrace | None:
        found = [tracer.event(owner, turn, request) for tracer in self._all]
        traces = [trace for trace in found if trace is not None]
        return _Together(traces) if traces else None

    def outgoing(self) -> Mapping[str, str]:
        return {name: value for one in self._all for name, value in one.outgoing().items()}

    def carried(self) -> Mapping[str, str]:
        """See ``Joins``; of all."""
        joining = [one for one in self._all if isinstance(one, Joins)]
        return {name: value for one in joining for name, value in one.carried().items()}

    def within(self, fields: Mapping[str, str], action: Callable[[], None]) -> None:
        """Do ``action`` as part of the trace that ``carried`` has told of in another process."""
        context = contextvars.copy_context()
        for one in self._all:
            if isinstance(one, Joins):
                one.join(context, fields)
        context.run(action)

    def _install(self) -> None:
        """With one, nobody stands between it and the actors; with none, nobody is asked."""
        several: Tracer = self
        watch.tracer = several if len(self._all) > 1 else next(iter(self._all), None)


class _Together:
    """Several traces of one event."""

    __slots__ = ("_traces",)

    def __init__(self, traces: list[EventTrace]) -> None:
        self._traces = traces

    def begin(self, context: contextvars.Context) -> None:
        for trace in self._traces:
            trace.begin(context)

    def end(self, error: BaseException | None, answer: object) -> None:
        for trace in self._traces:
            trace.end(error, answer)

    def hold(self) -> None:
        for trace in self._traces:
            trace.hold()

    def left(self, commit_s: float) -> None:
        for trace in self._traces:
            trace.left(commit_s)


tracers = Tracers()
