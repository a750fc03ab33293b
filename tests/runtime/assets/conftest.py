"""A program with assets, on a real port."""

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from multidict import CIMultiDictProxy
from yarl import URL

from perdure.runtime.server import Server
from tests.serving import Serving

WORKER = """
from perdure import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response(f"Worker: {request.method} {request.parsed_url.raw_path}")
"""


def table(directory: Path, **keys: Any) -> str:
    """The table of the configuration."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
    return "\n".join(["[assets]", f'directory = "{directory}"', *lines])


class Site:
    """Serves a directory: ``site.put("index.html")``, ``server = await site.serve()``."""

    def __init__(self, root: Path, serve: Serving) -> None:
        self.root = root
        self._serve = serve
        root.mkdir()

    def put(self, name: str, content: str | bytes | None = None) -> Path:
        """Write a file; its content is its name if nothing else is said."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = name if content is None else content
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    async def serve(self, main: str = WORKER, *, is_dev: bool = False, **keys: Any) -> Server:
        """Start a server; ``keys`` are of the configuration's table."""
        return await self._serve(main, toml=table(self.root, **keys), show_errors=is_dev)


@pytest.fixture
def site(tmp_path: Path, serve: Serving) -> Site:
    return Site(tmp_path / "public", serve)


async def ask(
    server: Server, path: str, method: str = "GET", **headers: str
) -> tuple[int, str, CIMultiDictProxy[str]]:
    """Status, body and headers of an answer; ``path`` is sent as it is."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    url = URL(server.url + path, encoded=True)
    async with (
        aiohttp.ClientSession() as client,
        client.request(method, url, headers=named, allow_redirects=False) as answer,
    ):
        return answer.status, await answer.text(), answer.headers
