"""What there is to see of a server, which is the same in one process and in several."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from perdure.runtime.edge.request_record import RequestRecord
from perdure.runtime.observe.logs import LogStyle
from tests.runtime.shards.link.ends import until
from tests.runtime.test_supervised import running
from tests.serving import Serving

MAIN = """
    import logging
    from perdure import DurableObject, Response, WorkerEntrypoint

    log = logging.getLogger("chat")

    class Unlucky(Exception):
        pass

    class Room(DurableObject):
        def breaks(self):
            raise Unlucky("no such <luck>")

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            room = self.env.ROOM.get_by_name("a")
            match request.parsed_url.path:
                case "/breaks":
                    raise Unlucky("no such <luck>")
                case "/breaks-there":
                    return await room.breaks()
                case "/logs":
                    log.info("as you see", extra={"number": 7})
                    print("printed", flush=True)
            return Response("well")
"""
SHAPES = pytest.mark.parametrize("workers", [0, 1])


@asynccontextmanager
async def serving(
    serve: Serving, data_dir: Path, workers: int, **options: Any
) -> AsyncIterator[Any]:
    config = serve.write(MAIN, objects=["Room"])
    if workers:
        async with running(config, data_dir, workers=workers, **options) as server:
            yield server
    else:
        yield await serve.start(config, data_dir=data_dir, **options)


@SHAPES
async def test_every_request_is_told_and_errors_are_shown_to_developers(
    serve: Serving, tmp_path: Path, workers: int
) -> None:
    told: list[RequestRecord] = []
    async with (
        serving(
            serve, tmp_path / "data", workers, on_request=told.append, show_errors=True
        ) as server,
        aiohttp.ClientSession() as session,
    ):
        for path in ("/a", "/b?c=d", "/breaks", "/breaks-there"):
            async with session.get(server.url + path, headers={"Accept": "text/html"}) as response:
                page = await response.text()
            if "breaks" in path:
                assert response.status == 500
                assert "<h1>Unlucky: no such &lt;luck&gt;</h1>" in page
                assert "<div class=hot>" in page, "with its lines of source"
                assert page.count("<section>") == (1 if path == "/breaks" else 2)
                assert "RemoteError" not in page
            async with session.get(server.url + path) as response:
                text = await response.text()
            if "breaks" in path:
                assert text.startswith("Traceback (most recent call last):")
                assert "Unlucky: no such <luck>" in text
                assert "/runtime/" not in text, "no frame of ours"
        await until(lambda: len(told) == 8)
        assert [(one.method, one.path, one.status) for one in told] == [
            (method, path, status)
            for path, status in zip(
                ("/a", "/b?c=d", "/breaks", "/breaks-there"), (200, 200, 500, 500), strict=True
            )
            for method in ("GET", "GET")
        ]
        assert all(one.duration_s > 0 for one in told)


@SHAPES
async def test_clients_see_nothing_of_an_error_in_production(
    serve: Serving, tmp_path: Path, workers: int
) -> None:
    async with (
        serving(serve, tmp_path / "data", workers) as server,
        aiohttp.ClientSession() as session,
    ):
        for path in ("/breaks", "/breaks-there"):
            async with session.get(server.url + path, headers={"Accept": "text/html"}) as response:
                assert (response.status, await response.text()) == (500, "Internal Server Error\n")


async def test_lines_of_logs_say_which_process_they_are_from(
    serve: Serving, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    style = LogStyle(level="info", as_json=True)
    async with (
        serving(serve, tmp_path / "data", 1, log_style=style) as server,
        aiohttp.ClientSession() as session,
    ):
        for path in ("/logs", "/breaks"):
            async with session.get(server.url + path) as response:
                await response.text()
    out, err = capfd.readouterr()
    assert "printed\n" in out
    lines = [json.loads(line) for line in err.splitlines() if line.startswith("{")]
    events = {line["event"]: line for line in lines}
    assert (events["as you see"]["process"], events["as you see"]["number"]) == ("worker-0", 7)
    failed = events["request.failed"]
    assert (failed["process"], failed["path"]) == ("router-0", "/breaks")
    assert failed["exception"]["type"].endswith(".Unlucky")
    assert failed["exception"]["message"] == "no such <luck>"
    assert failed["exception"]["traceback"].startswith("Traceback (most recent call last):")
