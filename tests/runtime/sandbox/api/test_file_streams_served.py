"""Streams of a sandbox in a program that is served: a client, a Worker, an actor."""

import asyncio
import io
from typing import Any

import aiohttp
import pytest

from tests.serving import Serving

pytestmark = pytest.mark.slow

MAIN = """
    from perdure import (
        DirectoryBackup, Response, Sandbox, WorkerEntrypoint, collect_file, get_sandbox,
        parse_sse_stream,
    )

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            box = get_sandbox(self.env.SANDBOX, "one")
            return await getattr(self, request.parsed_url.path[1:])(request, box)

        async def put(self, request, box):
            return Response.json((await box.write_file("data", request.body)).size)

        async def get(self, request, box):
            return Response(await box.read_file_bytes("data"))

        async def collect(self, request, box):
            file = await collect_file(await box.read_file_stream("data"))
            return Response.json([len(file.content), file.metadata.mime_type])

        async def watch(self, request, box):
            events = parse_sse_stream(await box.watch("/workspace"))
            await box.exec("touch a b")
            found = []
            async for event in events:
                found.append(event["path"])
                if len(found) == 3:
                    break
            return Response.json(found)

        async def watches(self, request, box):
            found = await box.exec("ls -l /proc/*/fd 2>/dev/null | grep -c inotify")
            return Response.json(int(found.stdout))

        async def backup(self, request, box):
            backup = await box.create_backup()
            other = get_sandbox(self.env.SANDBOX, "other")
            await other.restore_backup(backup)
            files = (await other.list_files("/workspace")).files
            return Response.json([
                isinstance(backup, DirectoryBackup), [file.name for file in files]
            ])
"""


async def test_files_pass_through_and_watches_end_with_their_reader(serve: Serving) -> None:
    server = await serve(MAIN, objects=["Sandbox"])
    async with aiohttp.ClientSession() as http:

        async def ask(path: str, body: bytes | None = None) -> Any:
            data = None if body is None else io.BytesIO(body)
            async with http.post(f"{server.url}/{path}", data=data) as response:
                assert response.status == 200, await response.text()
                return await response.read() if path == "get" else await response.json()

        large = b"0123456789" * 500_000
        assert await ask("put", large) == len(large)
        assert await ask("get") == large
        assert await ask("collect") == [len(large), "text/plain"]
        assert await ask("watch") == ["/workspace", "/workspace/a", "/workspace/b"]
        async with asyncio.timeout(60):
            while await ask("watches"):
                await asyncio.sleep(0.01)
        assert await ask("backup") == [True, ["a", "b", "data"]]
