"""Each limit of the front that refuses something counts it."""

import asyncio

from tests.serving import Serving
from tests.wire import Wire

MAIN = """
    from perdure import Response, WorkerEntrypoint

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            return Response(await request.text())
"""
LIMITS = {
    "header_size_bytes_max": 200,
    "body_size_bytes_max": 100,
    "header_timeout_s": 0.05,
    "body_idle_timeout_s": 0.05,
}


async def test_what_is_refused_is_counted(serve: Serving) -> None:
    server = await serve(MAIN, limits=LIMITS)
    post = ["POST / HTTP/1.1", "Host: a"]
    refused: list[tuple[int, list[str]]] = [
        (431, [*post, *(f"X-{n}: {'x' * 90}" for n in range(3))]),
        (431, [*post, "X: " + "x" * 300]),
        (413, [*post, "Content-Length: 101"]),
        (408, [*post, "Content-Length: 10"]),
    ]
    for status, lines in refused:
        async with await Wire.connect(server.url) as wire:
            wire.say(*lines)
            assert (await wire.answer()).status == status
    async with await Wire.connect(server.url) as wire:
        wire.send(b"POST / HTTP/1.1\r\n")
        assert (await wire.answer()).status == 408
    async with await Wire.connect(server.url) as wire:
        wire.say(*post, "Content-Length: 2", body=b"ok")
        assert (await wire.answer()).text == "ok"
    async with asyncio.timeout(30):
        while (seen := server.edge_statistics()).connections.open:
            await asyncio.sleep(0.001)
    assert (seen.heads_too_large, seen.heads_late) == (2, 1)
    assert (seen.bodies_too_large, seen.bodies_stalled) == (1, 1)
    assert (seen.connections.refused, seen.tls) == (0, None)
    assert seen.requests == 5
