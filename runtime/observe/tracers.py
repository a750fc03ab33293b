"""Several who follow events, as the one that actors know of."""

import contextvars
from collections.abc import Mapping

from ...actors.http import Request
from ...actors.watch import EventTrace, Traced, TracedTurn, Tracer, watch


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
