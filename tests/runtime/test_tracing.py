"""Exporting from a real server to a collector of a test's."""

import asyncio
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from perdure.actors.watch import watch
from perdure.runtime.config.model import TracingConfig, WorkerConfig
from perdure.runtime.errors import TracingUnavailable
from perdure.runtime.tracing import start_tracing
from tests.serving import Serving

MAIN = """
    from perdure import Response, WorkerEntrypoint

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            return Response("hello")
"""


class Collector:
    """Takes spans over OTLP; ``url`` is its endpoint."""

    def __init__(self) -> None:
        self.url = ""
        self.got: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.is_silent = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        assert request.path == "/v1/traces"
        message = ExportTraceServiceRequest.FromString(await request.read())
        for of_resource in message.resource_spans:
            names = {it.key: it.value.string_value for it in of_resource.resource.attributes}
            for scope in of_resource.scope_spans:
                for span in scope.spans:
                    self.got.put_nowait((names["service.name"], span))
        return web.Response(content_type="application/x-protobuf")


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    collector = Collector()
    application = web.Application()
    application.router.add_post("/{any:.*}", collector.take)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    collector.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield collector
    await runner.cleanup()


async def ask(url: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert await answer.text() == "hello"


async def test_spans_reach_the_collector_at_the_latest_when_the_server_stops(
    serve: Serving, collector: Collector
) -> None:
    toml = f'[perdure.tracing]\nendpoint = "{collector.url}"'
    server = await serve(MAIN, toml=toml)
    await ask(server.url)
    assert watch.tracer is not None
    await server.stop(drain_s=0)
    serving_name, span = collector.got.get_nowait()
    assert (serving_name, span.name) == ("app", "Default.fetch")
    assert watch.tracer is None


async def test_the_environment_alone_turns_traces_on(
    serve: Serving, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "mine")
    server = await serve(MAIN)
    await ask(server.url)
    await server.stop(drain_s=0)
    serving_name, span = collector.got.get_nowait()
    assert (serving_name, span.name) == ("mine", "Default.fetch")


async def test_a_collector_that_is_away_is_not_waited_for_long(
    serve: Serving, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure.runtime.tracing.CLOSE_S", 0.01)
    server = await serve(MAIN, toml='[perdure.tracing]\nendpoint = "http://127.0.0.1:1"')
    await ask(server.url)
    await server.stop(drain_s=0)
    assert watch.tracer is None
    assert "tracing.not_flushed" in [record.message for record in caplog.records]


def config_of(tracing: TracingConfig | None, serve: Serving) -> WorkerConfig:
    table = "" if tracing is None else "[perdure.tracing]"
    return serve.write(MAIN, toml=table)


@pytest.fixture
def no_otel(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is not installed."""
    monkeypatch.setitem(sys.modules, "perdure.runtime.observe.spans", None)


@pytest.mark.usefixtures("no_otel")
async def test_who_asks_for_traces_without_the_extra_is_told_what_to_install(
    serve: Serving,
) -> None:
    with pytest.raises(TracingUnavailable, match=r"pip install 'perdure\[otel\]'"):
        start_tracing(config_of(TracingConfig(), serve), {})


@pytest.mark.usefixtures("no_otel")
async def test_a_variable_of_the_machine_does_not_keep_a_program_from_starting(
    serve: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    assert start_tracing(config_of(None, serve), environment) is None
    assert [record.message for record in caplog.records] == ["tracing.unavailable"]


@pytest.mark.slow
def test_without_an_exporter_nothing_of_opentelemetry_is_imported(
    tmp_path: Path, serve: Serving
) -> None:
    config = config_of(None, serve)
    script = f"""
        import asyncio, sys
        from pathlib import Path
        from perdure.runtime.config.load import load
        from perdure.runtime.server import Server

        async def main():
            server = await Server.start(
                load(Path({str(config.path)!r})).config,
                data_dir=Path({str(tmp_path / "data")!r}), host="127.0.0.1", port=0,
            )
            await server.stop(drain_s=0)

        asyncio.run(main())
        found = [name for name in sys.modules if name.startswith(("opentelemetry", "prometheus"))]
        assert not found, found
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
