"""The code host: the one process of a sandbox that has its code contexts.

It listens on a port of the loopback interface inside, and serves those who know its secret: one
request per connection, a line of JSON, is answered by lines of JSON. A connection that is closed
before its answer takes its request back. It ends when nobody has needed it for a while.
"""

import asyncio
import contextlib
import hmac
import json
import os
import shutil
import socket
import sys
import tempfile

from .contexts import Contexts
from .kernel import Json, Kernel, Refused, Surroundings
from .node_kernel import NodeKernel
from .outputs import Outputs, encode
from .python_kernel import PythonKernel

REQUEST_BYTES_MAX = 16 * 1024 * 1024
UNUSED_S = 60.0
# So often who waits for an answer is told that there is still somebody.
TICK_S = 5.0
_INTRODUCED_WITHIN_S = 10.0
_FOLDER = "perdure-code-"


def main(secret: str, packages: list[str]) -> None:
    """Listen, say where, and serve in a process of its own."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=64)
    if os.fork():
        sys.stdout.write(json.dumps({"port": listening.getsockname()[1]}) + "\n")
        sys.stdout.flush()
        os._exit(0)
    os.setsid()
    nothing = os.open("/dev/null", os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)
    workspace = os.getcwd()  # noqa: PTH109  # pathlib takes 10 ms to import
    # Behind a wall /tmp ends with the sandbox; without one, only its own folder does.
    base = tempfile.gettempdir() if workspace == "/workspace" else os.path.dirname(workspace)  # noqa: PTH120  # as above
    for name in os.listdir(base):  # noqa: PTH208  # as above
        if name.startswith(_FOLDER):  # of a host that was killed
            shutil.rmtree(f"{base}/{name}", ignore_errors=True)
    folder = tempfile.mkdtemp(prefix=_FOLDER, dir=base)
    try:
        asyncio.run(
            Host(secret, Contexts(workspace, folder, packages, make_kernel)).serve(listening)
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_kernel(language: str, surroundings: Surroundings) -> Kernel:
    """Return what runs a language.

    Raises:
        Refused: Nothing does.
    """
    if language == "python":
        return PythonKernel(surroundings)
    if language == "javascript":
        return NodeKernel(surroundings)
    raise Refused("VALIDATION_FAILED", f"There is no language {language!r}", language=language)


class Host:
    """Serves connections."""

    def __init__(self, secret: str, contexts: Contexts) -> None:
        self._secret = secret.encode()
        self._contexts = contexts
        self._open = 0
        self._used = asyncio.Event()

    async def serve(self, listening: socket.socket) -> None:
        """Serve until nobody needs it."""
        server = await asyncio.start_server(self._serve, sock=listening, limit=REQUEST_BYTES_MAX)
        async with server:
            while True:
                self._used.clear()
                try:
                    await asyncio.wait_for(self._used.wait(), UNUSED_S)
                except TimeoutError:
                    if not self._open and not self._contexts.all():
                        return

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        self._used.set()
        try:
            request = await self._introduced(reader)
            if request is not None:
                writer.write(encode({}))  # it was heard: who sees no more of us asks nobody else
                await self._answer(request, reader, writer)
                await writer.drain()
        except (ConnectionError, TimeoutError, ValueError, asyncio.IncompleteReadError):
            pass  # who asked is gone, or is nobody we know
        finally:
            self._open -= 1
            self._used.set()
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _introduced(self, reader: asyncio.StreamReader) -> Json | None:
        async with asyncio.timeout(_INTRODUCED_WITHIN_S):
            said = await reader.readexactly(len(self._secret))
            if not hmac.compare_digest(said, self._secret):
                return None
            request = json.loads(await reader.readline())
        return request if isinstance(request, dict) else None

    async def _answer(
        self, request: Json, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        doing = asyncio.ensure_future(self._do(request, Outputs(writer.write)))
        gone = asyncio.ensure_future(reader.read(1))
        try:
            while not doing.done() and not gone.done():
                await asyncio.wait({doing, gone}, timeout=TICK_S, return_when="FIRST_COMPLETED")
                writer.write(encode({}))
            if not doing.done():
                doing.cancel()
                await asyncio.wait({doing})
                return
        finally:
            gone.cancel()
        try:
            answer = {"answer": doing.result()}
        except Refused as refused:
            answer = refused.as_json()
        except Exception as error:  # a bug of ours, which is one request's end
            text = f"{type(error).__name__}: {error}"
            answer = Refused("CODE_EXECUTION_ERROR", text).as_json()
        writer.write(encode(answer))

    async def _do(self, request: Json, outputs: Outputs) -> Json:
        operation, contexts = request.get("op"), self._contexts
        if operation == "create":
            return (await contexts.create(str(request.get("language")), request)).record()
        if operation == "list":
            return {"contexts": [each.record() for each in contexts.all()]}
        if operation == "delete":
            await contexts.delete(str(request.get("id")))
            return {}
        if operation == "run":
            wanted = request.get("id")
            if wanted is None:
                context = await contexts.default(str(request.get("language")), request)
            else:
                context = contexts.find(str(wanted))
            timeout_s = request.get("timeout_s")
            limit_s = None if timeout_s is None else float(timeout_s)
            return await context.run(str(request.get("code")), limit_s, outputs)
        raise Refused("VALIDATION_FAILED", f"There is no operation {operation!r}")
