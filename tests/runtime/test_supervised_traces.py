"""A trace goes on from worker to worker, as it does within one process."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.runtime.test_supervised import running
from tests.runtime.test_tracing import Collector
from tests.runtime.test_tracing import collector as collector  # noqa: PLC0414  # a fixture
from tests.serving import Serving

MAIN = """
    from perdure import DurableObject, Response, WorkerEntrypoint

    class Room(DurableObject):
        def add(self):
            return 1

        async def fetch(self, request):
            return Response("hello")

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            room = self.env.ROOM.get_by_name(request.parsed_url.path)
            await room.add()
            return await room.fetch(request)
"""
NAMES = [f"room{number}" for number in range(6)]
OUTSIDE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def test_what_a_request_calls_is_of_its_trace_wherever_it_runs(
    serve: Serving, tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    toml = f'[perdure.tracing]\nendpoint = "{collector.url}"'
    config = serve.write(MAIN, objects=["Room"], toml=toml)
    spans: list[Any] = []
    async with (
        running(config, tmp_path / "data") as server,
        aiohttp.ClientSession() as session,
    ):
        for name in NAMES:
            headers = {"traceparent": OUTSIDE} if name == NAMES[0] else {}
            async with session.get(f"{server.url}/{name}", headers=headers) as answer:
                assert await answer.text() == "hello"
        async with asyncio.timeout(60):
            while len(spans) < 3 * len(NAMES):
                _, span = await collector.got.get()
                spans.append(span)
    roots = {span.span_id: span for span in spans if span.name == "Default.fetch"}
    assert len(roots) == len(NAMES)
    for name in ("Room.fetch", "Room.add"):
        called = [span for span in spans if span.name == name]
        assert {span.parent_span_id for span in called} == set(roots)
        assert all(span.trace_id == roots[span.parent_span_id].trace_id for span in called)
    outside = [span for span in spans if span.trace_id.hex() in OUTSIDE]
    assert sorted(span.name for span in outside) == ["Default.fetch", "Room.add", "Room.fetch"]
