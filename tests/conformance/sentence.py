"""One sentence of the public documentation, tried in a program of its own."""

import textwrap
from typing import Any

import aiohttp

from perdure.runtime.server import Server
from tests.serving import Serving

# ``body`` runs in a Worker for each request and in an actor below /actor; what it returns is the
# answer, as JSON unless it is a Response.
PROGRAM = """
import asyncio
import perdure
from perdure import *

async def raised(call, *args, **kwargs):
    '''Class and text of what the call raises.'''
    try:
        result = call(*args, **kwargs)
        if asyncio.iscoroutine(result) or asyncio.isfuture(result):
            await result
    except Exception as error:
        return [[cls.__name__ for cls in type(error).__mro__], str(error)]
    return None

heard = asyncio.Queue()

def listen(socket, name="socket"):
    '''Note what the socket hears in ``heard``.'''
    socket.on_open = lambda event: heard.put_nowait([name, event.type])
    socket.on_message = lambda event: heard.put_nowait([name, event.type, event.data])
    socket.on_close = lambda event: heard.put_nowait([name, event.type, event.code, event.reason,
        event.was_clean, socket.ready_state])
    socket.on_error = lambda event: heard.put_nowait([name, event.type, event.message])

async def body(self, request, env, ctx):
{body}

async def answer(self, request):
    if request.parsed_url.path == "/heard":
        return Response.json(await heard.get())
    result = await body(self, request, self.env, self.ctx)
    return result if isinstance(result, Response) else Response.json(result)

class Thing(DurableObject):
    async def fetch(self, request):
        return await answer(self, request)
{members}

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if request.parsed_url.path.startswith("/actor"):
            return await self.env.THING.get_by_name("one").fetch(request)
        return await answer(self, request)
"""


class Sentence:
    """One sentence: a program, and a client of it."""

    def __init__(self, serve: Serving, http: aiohttp.ClientSession) -> None:
        self._serve = serve
        self.http = http
        self.server: Server

    async def serve(self, body: str, *, members: str = "", **options: Any) -> Server:
        """Start a program whose handlers run ``body``; ``members`` are more of its actor."""
        main = PROGRAM.replace("{body}", textwrap.indent(textwrap.dedent(body), "    "))
        main = main.replace("{members}", textwrap.indent(textwrap.dedent(members), "    "))
        if "heard" in body + members or "listen(" in body + members:
            options = {"workers": 1, **options}  # what is heard is kept in a process's memory
        self.server = await self._serve(main, objects=["Thing"], **options)
        return self.server

    async def get(self, path: str = "/", **options: Any) -> Any:
        """What the program answers: JSON, text, or the status when it is none of 200."""
        async with self.http.get(self.server.url + path, **options) as response:
            if response.status != 200:
                return response.status
            if response.content_type == "application/json":
                return await response.json()
            return await response.text()

    async def run(self, body: str, path: str = "/", **options: Any) -> Any:
        """What ``body`` returns in a Worker, or in an actor with the path "/actor"."""
        await self.serve(body, **options)
        return await self.get(path)

    async def heard(self, path: str = "/heard") -> Any:
        """What the program's sockets have heard next."""
        return await self.get(path)
