"""A server whose program has sandboxes, with preview URLs and WebSockets to servers inside."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from perdure.runtime.server import Server
from tests.runtime.sandbox.inside import PORT, PROGRAM
from tests.serving import Serving
from tests.wire import Answer, Wire, upgrade_request

# /call/<sandbox>/<method>, /ws/<sandbox>/<port>/<path>; all previews. What it says of itself when
# a request is none of these: "the Worker".
MAIN = """
    from dataclasses import fields, is_dataclass
    from perdure import (Request, Response, Sandbox, SandboxError, WorkerEntrypoint, get_sandbox,
        proxy_to_sandbox)

    def plain(value):
        if isinstance(value, list):
            return [plain(each) for each in value]
        if is_dataclass(value):
            return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
        return value if isinstance(value, str | int | float | bool | None) else str(value)

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            response = await proxy_to_sandbox(request, self.env, binding="SANDBOX")
            if response is not None:
                return response
            what, _, rest = request.url.partition("://")[2].partition("/")[2].partition("/")
            name, _, rest = rest.partition("/")
            try:
                if what == "call":
                    return await self.call(name, rest.partition("?")[0], await request.json())
                if what == "ws":
                    port, _, path = rest.partition("/")
                    sandbox = get_sandbox(self.env.SANDBOX, name)
                    passed = Request(request)
                    passed.url = f"http://anything/{path}"
                    return await sandbox.ws_connect(passed, int(port))
            except SandboxError as error:
                told = {"code": error.code, "message": str(error), "context": error.context}
                return Response.json(told, error.http_status)
            if what == "plain":  # a Worker that passes on what it gets, as it is
                return await self.env.SANDBOX.get_by_name(name).fetch(request)
            return Response("the Worker")

        async def call(self, name, method, given):
            sandbox = get_sandbox(self.env.SANDBOX, name)
            result = await getattr(sandbox, method)(*given["args"], **given["kwargs"])
            return Response.json(plain(result))
"""


class Served:
    """A server, and how its clients speak."""

    def __init__(self, server: Server, http: aiohttp.ClientSession) -> None:
        self.server = server
        self.http = http
        self.url = f"http://127.0.0.1:{server.port}"

    async def asked(self, name: str, method: str, /, *args: Any, **kwargs: Any) -> tuple[int, Any]:
        """What a method answers, or the error that it raises."""
        given = {"args": args, "kwargs": kwargs}
        async with self.http.post(f"{self.url}/call/{name}/{method}", json=given) as response:
            return response.status, await response.json()

    async def call(self, name: str, method: str, /, *args: Any, **kwargs: Any) -> Any:
        """What a method answers."""
        status, answer = await self.asked(name, method, *args, **kwargs)
        assert status == 200, answer
        return answer

    async def start(self, name: str, port: int = PORT) -> None:
        """Have a server run inside."""
        await self.call(name, "write_file", "inner_server.py", PROGRAM)
        await self.call(name, "start_process", f"exec python3 inner_server.py {port} {name}")

    async def expose(self, name: str, port: int = PORT, **options: Any) -> str:
        """Expose a port; return its host, with the server's port."""
        exposed = await self.call(name, "expose_port", port, "localhost", **options)
        url: str = exposed["url"]
        assert url.startswith("http://")
        return url.removeprefix("http://")

    async def preview(self, name: str, port: int = PORT) -> str:
        """A server inside, seen from outside: its host."""
        await self.start(name, port)
        return await self.expose(name, port)

    @asynccontextmanager
    async def wire(self) -> AsyncIterator[Wire]:
        async with await Wire.connect(self.url) as wire:
            yield wire

    async def say(self, *lines: str, body: bytes = b"") -> Answer:
        """What the server answers to a request, line by line."""
        async with self.wire() as wire:
            wire.say(*lines, body=body)
            return await wire.answer(has_body=not lines[0].startswith("HEAD"))

    async def get(self, host: str, path: str = "/", *fields: str) -> Answer:
        """What the server answers to a GET."""
        return await self.say(f"GET {path} HTTP/1.1", f"Host: {host}", *fields)

    @asynccontextmanager
    async def socket(self, host: str, path: str = "/", *fields: str) -> AsyncIterator[Wire]:
        """A WebSocket to a host."""
        async with self.wire() as wire:
            wire.say(*upgrade_request(path, f"Host: {host}", *fields))
            answer = await wire.head()
            assert answer.status == 101, answer
            yield wire


@asynccontextmanager
async def served(serve: Serving, *, toml: str = "", **options: Any) -> AsyncIterator[Served]:
    """Start a server with that program."""
    server = await serve(MAIN, objects=["Sandbox"], toml=toml, **options)
    async with aiohttp.ClientSession() as http:
        yield Served(server, http)
