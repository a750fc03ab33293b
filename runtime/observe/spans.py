"""Spans of OpenTelemetry: what an event has done at a Worker or an actor, and what it waited for.

Needs ``perdure[otel]``; imported only when traces are exported.

Promise:
    An event that is not sampled costs a random number. One that belongs to a trace from outside,
    or to one of ours, is sampled if that is.
Assumes:
    The context that a handler is given is its own; whatever is put there ends with the handler.
Considered and refused:
    The SDK's own sampling by ratio: it makes up a trace's id and a span before it decides, which
    takes as long as the whole echo of a message.
"""

import contextvars
import random
from collections.abc import Mapping
from time import perf_counter, time_ns

from opentelemetry import context as otel
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ...actors.http import Request, Response
from ...actors.watch import EventTrace, Traced

ERROR_STATUS = 500
_PROPAGATOR = TraceContextTextMapPropagator()
# Of a handler that runs: the span it runs in, or, when nobody samples it, where it came from.
_CURRENT: contextvars.ContextVar[otel.Context | None] = contextvars.ContextVar(
    "perdure_trace", default=None
)
_UNSAMPLED = trace.set_span_in_context(trace.INVALID_SPAN, otel.Context())


class SpanExport:
    """Makes spans and has them sent; ``close`` it when done.

    Attributes:
        tracer: Follows events.
    """

    def __init__(self, processor: SpanProcessor, service_name: str | None, ratio: float) -> None:
        """Begin.

        Args:
            processor: Is given the spans.
            service_name: Who makes them; None to leave that to the environment.
            ratio: How many of the traces that begin here are sampled, 0 to 1.
        """
        name = {} if service_name is None else {SERVICE_NAME: service_name}
        self._provider = TracerProvider(
            sampler=ALWAYS_ON, resource=Resource.create(name), shutdown_on_exit=False
        )
        self._provider.add_span_processor(processor)
        self.tracer = SpanTracer(self._provider.get_tracer("perdure"), ratio)

    @classmethod
    def to_collector(
        cls, endpoint: str | None, service_name: str | None, ratio: float
    ) -> "SpanExport":
        """Send spans by OTLP over HTTP, from a thread.

        Args:
            endpoint: Of the collector, without a path; None for what the environment says.
            service_name: As of the constructor.
            ratio: The same.
        """
        url = None if endpoint is None else f"{endpoint.rstrip('/')}/v1/traces"
        return cls(BatchSpanProcessor(OTLPSpanExporter(endpoint=url)), service_name, ratio)

    def close(self) -> None:
        """Send what is left; not in the loop's thread, for the collector may be slow."""
        self._provider.shutdown()


class SpanTracer:
    """Decides which events get a span. Is a ``Tracer``."""

    def __init__(self, tracer: trace.Tracer, ratio: float) -> None:
        self._tracer = tracer
        self._ratio = ratio

    def event(self, owner: Traced, handler: str, request: Request | None) -> EventTrace | None:
        parent = _CURRENT.get()
        if parent is None and request is not None and "traceparent" in request.headers:
            parent = _PROPAGATOR.extract(dict(request.headers), otel.Context())
            if not _span_context(parent).is_valid:
                parent = None
        if parent is None:
            if random.random() < self._ratio:  # noqa: S311  # it only spreads
                return _SpanTrace(self._tracer, owner, handler, request, otel.Context())
            # What a request calls is of the same trace; a message that nobody samples is not worth
            # the same: what it calls is a trace of its own.
            return None if request is None else _NoSpan(_UNSAMPLED)
        if _span_context(parent).trace_flags.sampled:
            return _SpanTrace(self._tracer, owner, handler, request, parent)
        return _NoSpan(parent)

    def outgoing(self) -> Mapping[str, str]:
        """``traceparent`` and ``tracestate`` of W3C Trace Context; nothing outside of a trace."""
        fields: dict[str, str] = {}
        current = _CURRENT.get()
        if current is not None:
            _PROPAGATOR.inject(fields, current)
        return fields


class _NoSpan:
    """An event of a trace that is not sampled."""

    __slots__ = ("_parent",)

    def __init__(self, parent: otel.Context) -> None:
        self._parent = parent

    def begin(self, context: contextvars.Context) -> None:
        context.run(_CURRENT.set, self._parent)

    def end(self, error: BaseException | None, answer: object) -> None:
        """Nobody is told."""

    def hold(self) -> None:
        """Likewise."""

    def left(self, commit_s: float) -> None:
        """Likewise."""


class _SpanTrace:
    """One span, from the event's arrival until its reply, or what it has sent, has left."""

    __slots__ = ("_arrived_s", "_ended_s", "_handler", "_is_held", "_owner", "_parent", "_span")

    def __init__(
        self,
        tracer: trace.Tracer,
        owner: Traced,
        handler: str,
        request: Request | None,
        parent: otel.Context,
    ) -> None:
        self._owner = owner
        self._handler = handler
        self._parent = parent
        self._is_held = False
        self._ended_s: float | None = None
        self._arrived_s = perf_counter()
        is_worker = owner.actor_id is None
        self._span = tracer.start_span(
            handler,
            parent,
            trace.SpanKind.SERVER if is_worker and request else trace.SpanKind.INTERNAL,
            start_time=time_ns(),
        )
        if request is not None:
            self._span.set_attribute("http.request.method", request.method)
            self._span.set_attribute("url.path", request.parsed_url.raw_path)
            if is_worker and request.client_address is not None:
                self._span.set_attribute("client.address", request.client_address)

    def begin(self, context: contextvars.Context) -> None:
        span, facts = self._span, self._owner.describe()
        class_name = facts.get("class", facts.get("namespace", ""))
        span.update_name(f"{class_name}.{self._handler}")
        span.set_attribute("perdure.class", class_name)
        span.set_attribute("perdure.handler", self._handler)
        if "actor" in facts:
            span.set_attribute("perdure.actor", facts["actor"])
        span.set_attribute("perdure.queue_wait_ms", _ms(perf_counter() - self._arrived_s))
        inside = trace.set_span_in_context(span, self._parent)
        context.run(_CURRENT.set, inside)
        context.run(otel.attach, inside)  # for what else the program has instrumented

    def end(self, error: BaseException | None, answer: object) -> None:
        self._ended_s = perf_counter()
        span = self._span
        if error is not None:
            span.record_exception(error)
            span.set_status(trace.StatusCode.ERROR, f"{type(error).__name__}: {error}"[:1024])
        if isinstance(answer, Response):
            span.set_attribute("http.response.status_code", answer.status)
            if answer.status >= ERROR_STATUS:
                span.set_status(trace.StatusCode.ERROR)

    def hold(self) -> None:
        self._is_held = True

    def left(self, commit_s: float) -> None:
        span = self._span
        if self._ended_s is None:
            span.set_status(trace.StatusCode.ERROR, "the object was reset, or never started")
        elif self._is_held:
            span.set_attribute("perdure.gate_wait_ms", _ms(perf_counter() - self._ended_s))
            span.set_attribute("perdure.commit_ms", _ms(commit_s))
        span.end()


def _span_context(context: otel.Context) -> trace.SpanContext:
    return trace.get_current_span(context).get_span_context()


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
