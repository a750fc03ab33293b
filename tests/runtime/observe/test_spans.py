"""Spans as the SDK's own exporter has them."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from perdure.runtime.observe.spans import SpanExport
from perdure.runtime.observe.tracers import tracers
from perdure.runtime.server import Server
from tests.serving import Serving

MAIN = """
    from opentelemetry import trace
    from perdure import (
        DurableObject, Response, WebSocket, WebSocketPair, WorkerEntrypoint, fetch,
    )

    class Room(DurableObject):
        async def fetch(self, request):
            path = request.parsed_url.path
            if request.headers.get("Upgrade") == "websocket":
                client, server = WebSocketPair()
                if path == "/hibernating":
                    self.ctx.accept_web_socket(server)
                else:
                    server.accept()
                    server.add_event_listener("message", lambda event: server.send(event.data))
                return Response(None, status=101, web_socket=client)
            if path == "/boom":
                raise KeyError("boom")
            if path == "/abort":
                self.ctx.abort("on purpose")
            if path == "/out":
                return await fetch(self.env.BACKEND)
            if path == "/socket":
                socket = WebSocket(self.env.BACKEND)
                socket.add_event_listener("error", lambda event: None)
            if path == "/mine":
                with trace.get_tracer("mine").start_as_current_span("mine"):
                    pass
            if path == "/write":
                self.ctx.storage.kv.put("n", 1)
            return Response("done")

        async def add(self, n):
            await self.ctx.storage.put("n", n)
            return n

        async def web_socket_message(self, socket, message):
            socket.send(message)

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            stub = self.env.ROOM.get_by_name("lobby")
            if request.parsed_url.path == "/add":
                return Response(str(await stub.add(2)))
            if request.parsed_url.path == "/missing":
                return Response("no", status=404)
            return await stub.fetch(request)
"""
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = PARENT[:-1] + "0"


class Spans:
    """What was exported so far."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def __call__(self) -> Sequence[ReadableSpan]:
        """All in the order of their ends."""
        return self._exporter.get_finished_spans()

    def named(self, name: str) -> ReadableSpan:
        [span] = [span for span in self() if span.name == name]
        return span

    async def until(self, name: str) -> ReadableSpan:
        """Wait for one that is to end."""
        async with asyncio.timeout(30):
            while name not in [span.name for span in self()]:
                await asyncio.sleep(0)
        return self.named(name)


def exporting(ratio: float) -> Iterator[Spans]:
    exporter = InMemorySpanExporter()
    export = SpanExport(SimpleSpanProcessor(exporter), "test", ratio)
    tracers.add(export.tracer)
    yield Spans(exporter)
    tracers.remove(export.tracer)
    export.close()


@pytest.fixture
def spans() -> Iterator[Spans]:
    """All traces are sampled."""
    yield from exporting(1.0)


@pytest.fixture
def no_spans() -> Iterator[Spans]:
    """Those are that come from outside, sampled there."""
    yield from exporting(0.0)


@pytest.fixture
async def backend() -> AsyncIterator[tuple[str, list[Mapping[str, str]]]]:
    """Another server, and the headers that it was sent."""
    heard: list[Mapping[str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        heard.append(dict(request.headers))
        return web.Response(text="backend")

    application = web.Application()
    application.router.add_get("/", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/", heard
    await runner.cleanup()


@pytest.fixture
async def server(serve: Serving, backend: tuple[str, Any]) -> Server:
    return await serve(MAIN, objects=["Room"], values={"BACKEND": backend[0]})


async def get(server: Server, path: str, headers: Mapping[str, str] | None = None) -> int:
    async with (
        aiohttp.ClientSession() as session,
        session.get(server.url + path, headers=headers) as answer,
    ):
        await answer.read()
        return answer.status


def parent_of(span: ReadableSpan) -> int | None:
    return None if span.parent is None else span.parent.span_id


def id_of(span: ReadableSpan) -> int:
    assert span.context is not None
    return int(span.context.span_id)


async def test_a_request_and_what_it_calls_are_one_trace(server: Server, spans: Spans) -> None:
    await get(server, "/write?secret=1")
    worker, room = spans.named("Default.fetch"), spans.named("Room.fetch")
    assert parent_of(worker) is None
    assert parent_of(room) == id_of(worker)
    assert worker.kind is trace.SpanKind.SERVER
    assert worker.attributes is not None
    assert worker.attributes["http.request.method"] == "GET"
    assert worker.attributes["url.path"] == "/write"
    assert worker.attributes["http.response.status_code"] == 200
    assert worker.attributes["client.address"] == "127.0.0.1"
    assert worker.resource.attributes["service.name"] == "test"
    assert room.attributes is not None
    assert room.attributes["perdure.actor"] == "lobby"
    assert room.attributes["perdure.class"] == "Room"


async def test_waits_are_attributes(server: Server, spans: Spans) -> None:
    await get(server, "/add")
    found = spans.named("Room.add").attributes
    assert found is not None
    waited, committed = found["perdure.gate_wait_ms"], found["perdure.commit_ms"]
    assert isinstance(waited, float)
    assert isinstance(committed, float)
    assert waited >= committed > 0
    assert found["perdure.handler"] == "add"
    queued = found["perdure.queue_wait_ms"]
    assert isinstance(queued, float)
    assert queued >= 0
    await get(server, "/read")
    found = spans.named("Room.fetch").attributes
    assert found is not None
    assert "perdure.gate_wait_ms" not in found


async def test_a_trace_from_outside_goes_on(server: Server, no_spans: Spans) -> None:
    await get(server, "/", {"traceparent": PARENT})
    worker = no_spans.named("Default.fetch")
    assert worker.context is not None
    assert f"{worker.context.trace_id:032x}" == PARENT.split("-")[1]
    assert f"{parent_of(worker):016x}" == PARENT.split("-")[2]
    assert parent_of(no_spans.named("Room.fetch")) == id_of(worker)


async def test_what_nobody_samples_makes_no_span_anywhere(server: Server, no_spans: Spans) -> None:
    await get(server, "/")
    assert no_spans() == ()


@pytest.mark.parametrize("header", [PARENT, UNSAMPLED, None])
def test_a_trace_goes_on_in_another_process(no_spans: Spans, header: str | None) -> None:
    assert tracers.carried() == {}, "outside of all"
    here: list[Mapping[str, str]] = []
    fields = {"traceparent": header or ""}
    tracers.within(fields, lambda: here.append(tracers.carried()))
    assert here == [fields]
    tracers.within({"traceparent": "nonsense"}, lambda: here.append(tracers.carried()))
    assert here[1:] == [{}]
    assert tracers.carried() == {}
    assert no_spans() == ()


@pytest.mark.parametrize("header", [UNSAMPLED, "nonsense"])
async def test_an_unsampled_or_broken_trace_from_outside(
    server: Server, no_spans: Spans, header: str
) -> None:
    assert await get(server, "/", {"traceparent": header}) == 200
    assert no_spans() == ()


async def test_what_is_not_sampled_outside_is_not_here(server: Server, spans: Spans) -> None:
    await get(server, "/", {"traceparent": UNSAMPLED})
    assert spans() == ()


async def test_other_servers_hear_of_the_trace(
    server: Server, spans: Spans, backend: tuple[str, list[Mapping[str, str]]]
) -> None:
    await get(server, "/out", {"traceparent": PARENT, "tracestate": "a=b"})
    room = spans.named("Room.fetch")
    [headers] = backend[1]
    assert room.context is not None
    assert headers["traceparent"] == f"{PARENT[:35]}-{room.context.span_id:016x}-01"
    assert headers["tracestate"] == "a=b"


async def test_an_unsampled_trace_is_passed_on_as_it_came(
    server: Server, no_spans: Spans, backend: tuple[str, list[Mapping[str, str]]]
) -> None:
    await get(server, "/out", {"traceparent": UNSAMPLED})
    await get(server, "/out")
    with_trace, without = backend[1]
    assert with_trace["traceparent"] == UNSAMPLED
    assert "traceparent" not in without
    assert no_spans() == ()


async def test_a_socket_that_goes_out_tells_of_the_trace(
    server: Server, spans: Spans, backend: tuple[str, list[Mapping[str, str]]]
) -> None:
    await get(server, "/socket")
    async with asyncio.timeout(30):
        while not backend[1]:
            await asyncio.sleep(0)
    assert f"{id_of(spans.named('Room.fetch')):016x}" in backend[1][0]["traceparent"]


@pytest.mark.parametrize(
    ("path", "name"),
    [("/hibernating", "Room.web_socket_message"), ("/standard", "Room.message listener")],
)
async def test_a_message_is_a_trace_of_its_own(
    server: Server, spans: Spans, path: str, name: str
) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(server.url + path) as ws:
        await ws.send_str("x")
        assert await ws.receive_str() == "x"
    span = await spans.until(name)
    assert span.parent is None
    assert span.kind is trace.SpanKind.INTERNAL


async def test_an_error_is_told_with_its_event(server: Server, spans: Spans) -> None:
    assert await get(server, "/boom") == 500
    for name in ("Room.fetch", "Default.fetch"):
        span = spans.named(name)
        assert span.status.status_code is trace.StatusCode.ERROR
        assert span.status.description is not None
        assert span.status.description.startswith("KeyError: 'boom'")
        assert [event.name for event in span.events] == ["exception"]


async def test_a_reset_object_ends_its_span(server: Server, spans: Spans) -> None:
    assert await get(server, "/abort") == 500
    span = spans.named("Room.fetch")
    assert span.status.status_code is trace.StatusCode.ERROR
    assert span.end_time is not None


async def test_a_missing_page_is_no_error(server: Server, spans: Spans) -> None:
    assert await get(server, "/missing") == 404
    assert spans.named("Default.fetch").status.status_code is trace.StatusCode.UNSET


async def test_what_the_program_has_instrumented_lies_inside(
    server: Server, spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[trace.Span] = []
    real = trace.get_tracer

    class Tracer:
        def start_as_current_span(self, name: str) -> Any:
            seen.append(trace.get_current_span())
            return real("mine").start_as_current_span(name)

    monkeypatch.setattr(trace, "get_tracer", lambda _: Tracer())
    await get(server, "/mine")
    [span] = seen
    assert span.get_span_context().span_id == id_of(spans.named("Room.fetch"))


def test_some_of_the_traces_are_sampled() -> None:
    exporter = InMemorySpanExporter()
    export = SpanExport(SimpleSpanProcessor(exporter), "test", 0.25)

    class Owner:
        actor_id = None

        def describe(self) -> dict[str, str]:
            return {}

    class Turn:
        handler = "message"

    traces = [export.tracer.event(Owner(), Turn(), None) for _ in range(2000)]
    assert 300 < sum(trace is not None for trace in traces) < 700
    export.close()
