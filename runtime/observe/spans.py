"""Spans of OpenTelemetry: what an event has done at a Worker or an actor, and what it waited for.

Needs ``perdure[otel]``; imported only when traces are exported.

Promise:
    An event that is not sampled costs a count. One that belongs to a trace from outside, or to one
    of ours, is sampled if that is.
Assumes:
    The context that a handler is given is its own; whatever is put there ends with the handler.
    Processors and exporters take a ``ReadableSpan`` whoever has made it, as their types say.
Considered and refused:
    The SDK's tracer: it makes up ids and asks its sampler before it decides, which takes as long
    as the echo of a message; and a span of its making takes four locks and five times as long as
    one of ours, which nobody but the handler's trace can change (``bench/bench_metrics.py``).
"""

import contextvars
import math
import random
from collections.abc import Mapping
from time import perf_counter, time_ns

from opentelemetry import context as otel
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ...actors.http import Request, Response
from ...actors.watch import EventTrace, Traced, TracedTurn
from .formatters import exception_fields

ERROR_STATUS = 500
STATUS_LENGTH_MAX = 1024
_TRACEPARENT = "traceparent"
_PROPAGATOR = TraceContextTextMapPropagator()
_SCOPE = InstrumentationScope("perdure")
_SAMPLED = trace.TraceFlags(trace.TraceFlags.SAMPLED)
_GOOD = trace.Status(trace.StatusCode.UNSET)
# Of a handler that runs: its span, or, when nobody samples it, where its trace came from.
_CURRENT: contextvars.ContextVar[trace.SpanContext | None] = contextvars.ContextVar(
    "perdure_trace", default=None
)


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
        self._processor = processor
        name = {} if service_name is None else {SERVICE_NAME: service_name}
        self.tracer = SpanTracer(processor, Resource.create(name), ratio)

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
        self._processor.shutdown()


class SpanTracer:
    """Decides which events get a span. Is a ``Tracer``."""

    def __init__(self, processor: SpanProcessor, resource: Resource, ratio: float) -> None:
        self._processor = processor
        self._resource = resource
        self._ratio = ratio
        self._skip = self._gap()

    def event(self, owner: Traced, turn: TracedTurn, request: Request | None) -> EventTrace | None:
        parent = _CURRENT.get()
        if request is not None and parent is None and "traceparent" in request.headers:
            parent = _remote_parent(request)
        if parent is None:
            self._skip -= 1
            if self._skip < 0:
                self._skip = self._gap()
                return _SpanTrace(self, owner, turn, request, None)
            # What a request calls is of the same trace; a message that nobody samples is not worth
            # the same: what it calls is a trace of its own.
            return None if request is None else _NoSpan(trace.INVALID_SPAN_CONTEXT)
        if parent.trace_flags.sampled:
            return _SpanTrace(self, owner, turn, request, parent)
        return _NoSpan(parent)

    def outgoing(self) -> Mapping[str, str]:
        """``traceparent`` and ``tracestate`` of W3C Trace Context; nothing outside of a trace."""
        fields: dict[str, str] = {}
        current = _CURRENT.get()
        if current is not None:
            _PROPAGATOR.inject(fields, _context_of(current))
        return fields

    def carried(self) -> Mapping[str, str]:
        """As ``outgoing``; but a request that is not sampled is told of, too."""
        current = _CURRENT.get()
        if current is not None and not current.is_valid:
            return {_TRACEPARENT: ""}
        return self.outgoing()

    def join(self, context: contextvars.Context, fields: Mapping[str, str]) -> None:
        """Have what runs in ``context`` be of the trace that ``carried`` has told of."""
        parent = _parent_of(fields)
        if parent is not None:
            context.run(_CURRENT.set, parent)
        elif fields.get(_TRACEPARENT) == "":
            context.run(_CURRENT.set, trace.INVALID_SPAN_CONTEXT)

    def export(self, span: ReadableSpan) -> None:
        """Have a span sent that has ended."""
        self._processor.on_end(span)

    @property
    def resource(self) -> Resource:
        """Who makes the spans."""
        return self._resource

    def _gap(self) -> float:
        """How many are not sampled until the next is.

        As if each were asked for at random, which would take a random number for each.
        """
        if not 0 < self._ratio < 1:
            return 0 if self._ratio else math.inf
        return int(math.log(1 - random.random()) / math.log(1 - self._ratio))  # noqa: S311  # it only spreads


class _NoSpan:
    """An event of a trace that is not sampled."""

    __slots__ = ("_parent",)

    def __init__(self, parent: trace.SpanContext) -> None:
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

    __slots__ = (
        "_arrived_ns",
        "_arrived_s",
        "_attributes",
        "_context",
        "_ended_s",
        "_events",
        "_handler",
        "_is_held",
        "_kind",
        "_owner",
        "_parent",
        "_status",
        "_tracer",
    )

    def __init__(
        self,
        tracer: SpanTracer,
        owner: Traced,
        turn: TracedTurn,
        request: Request | None,
        parent: trace.SpanContext | None,
    ) -> None:
        self._arrived_ns, self._arrived_s = time_ns(), perf_counter()
        self._tracer = tracer
        self._owner = owner
        self._handler = turn.handler
        self._parent = parent
        self._context = _new_context(parent)
        self._is_held = False
        self._ended_s: float | None = None
        self._status = _GOOD
        self._events: list[Event] = []
        self._kind = trace.SpanKind.INTERNAL
        self._attributes: dict[str, str | int | float] = {"perdure.handler": self._handler}
        if request is not None:
            self._attributes["http.request.method"] = request.method
            self._attributes["url.path"] = request.parsed_url.raw_path
            if owner.actor_id is None:
                self._kind = trace.SpanKind.SERVER
                if request.client_address is not None:
                    self._attributes["client.address"] = request.client_address

    def begin(self, context: contextvars.Context) -> None:
        self._attributes["perdure.queue_wait_ms"] = _ms(perf_counter() - self._arrived_s)
        context.run(_CURRENT.set, self._context)
        context.run(otel.attach, _context_of(self._context))  # for what the program instruments

    def end(self, error: BaseException | None, answer: object) -> None:
        self._ended_s = perf_counter()
        if error is not None:
            told = exception_fields(error)
            text = f"{told['type']}: {told['message']}"[:STATUS_LENGTH_MAX]
            self._status = trace.Status(trace.StatusCode.ERROR, text)
            names = {"type": "type", "message": "message", "traceback": "stacktrace"}
            fields = {f"exception.{names[key]}": value for key, value in told.items()}
            self._events.append(Event("exception", fields, time_ns()))
        if isinstance(answer, Response):
            self._attributes["http.response.status_code"] = answer.status
            if answer.status >= ERROR_STATUS:
                self._status = trace.Status(trace.StatusCode.ERROR)

    def hold(self) -> None:
        self._is_held = True

    def left(self, commit_s: float) -> None:
        if self._ended_s is None:
            text = "the object was reset, or could not be started"
            self._status = trace.Status(trace.StatusCode.ERROR, text)
        elif self._is_held:
            self._attributes["perdure.gate_wait_ms"] = _ms(perf_counter() - self._ended_s)
            self._attributes["perdure.commit_ms"] = _ms(commit_s)
        facts = self._owner.describe()  # only now its class is known for certain
        class_name = self._attributes["perdure.class"] = facts.get("class") or facts["namespace"]
        if "actor" in facts:
            self._attributes["perdure.actor"] = facts["actor"]
        span = ReadableSpan(
            f"{class_name}.{self._handler}",
            self._context,
            self._parent,
            self._tracer.resource,
            self._attributes,
            self._events,
            kind=self._kind,
            status=self._status,
            start_time=self._arrived_ns,
            end_time=time_ns(),
            instrumentation_scope=_SCOPE,
        )
        self._tracer.export(span)


def _new_context(parent: trace.SpanContext | None) -> trace.SpanContext:
    if parent is not None:
        trace_id, state = parent.trace_id, parent.trace_state
    else:
        trace_id, state = random.getrandbits(128) or 1, None
    span_id = random.getrandbits(64) or 1  # 0 is no id
    return trace.SpanContext(trace_id, span_id, False, _SAMPLED, state)  # noqa: FBT003  # not remote


def _remote_parent(request: Request) -> trace.SpanContext | None:
    """Return where a request's trace comes from; None if what it says is no trace."""
    return _parent_of(request.headers)


def _parent_of(fields: Mapping[str, str]) -> trace.SpanContext | None:
    context = _PROPAGATOR.extract(dict(fields), otel.Context())
    found = trace.get_current_span(context).get_span_context()
    return found if found.is_valid else None


def _context_of(context: trace.SpanContext) -> otel.Context:
    return trace.set_span_in_context(trace.NonRecordingSpan(context), otel.Context())


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
