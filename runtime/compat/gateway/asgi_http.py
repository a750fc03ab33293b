"""One HTTP request, as an ASGI application hears of it and answers it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import copy_context
from typing import Any

from ....actors.execution import Execution
from ....actors.http import Request, Response
from ....actors.task import ActorTask
from .answer import Answer
from .errors import ClientDisconnected, ProtocolMisused
from .incoming import Target, header_pairs, text_of

log = logging.getLogger("perdure.gateway")

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

VERSIONS = {"version": "3.0", "spec_version": "2.4"}  # 2.4: a send to nobody is an OSError


def scope_of(request: Request, env: object, state: dict[str, Any]) -> Scope:
    """What both kinds of connection have in their scope."""
    target = Target(request.url)
    address = request.client_address
    return {
        "asgi": dict(VERSIONS),
        "http_version": "1.1",
        "scheme": target.scheme,
        "path": target.path.decode(errors="replace"),
        "raw_path": target.raw_path,
        "query_string": target.query,
        "root_path": "",
        "headers": list(header_pairs(request)),
        "server": target.server,
        "client": None if address is None else (address, 0),  # nobody knows the port
        "state": dict(state),
        "env": env,
    }


class BodyReader:
    """The request's body as messages."""

    __slots__ = ("_source", "error", "is_at_end")

    def __init__(self, request: Request) -> None:
        self._source = request.take_content()
        self.error: Exception | None = None
        self.is_at_end = False

    async def receive(self) -> Message:
        source = self._source
        if source is None or isinstance(source, bytes):
            self.is_at_end = True
            return {"type": "http.request", "body": source or b"", "more_body": False}
        try:
            chunk = await source.read_chunk()
        except ConnectionError:
            self.is_at_end = True
            return {"type": "http.disconnect"}
        except Exception as error:
            self.error = error
            raise
        self.is_at_end = not chunk
        return {"type": "http.request", "body": chunk, "more_body": bool(chunk)}


class HttpExchange:
    """One request and its answer. ``receive`` and ``send`` are the application's."""

    def __init__(self, request: Request, loop: asyncio.AbstractEventLoop) -> None:
        self._body = BodyReader(request)
        self.answer = Answer("ASGI", loop)

    async def receive(self) -> Message:
        if not self._body.is_at_end and not self.answer.ended.done():
            return await self._body.receive()
        await asyncio.shield(self.answer.ended)
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            if message["status"] >= 500 and self._body.error is not None:
                # What went wrong is the body's fault, and the front knows the status for that.
                self.answer.fail(self._body.error)
                raise ClientDisconnected
            start(self.answer, message)
        elif kind == "http.response.body":
            await write(self.answer, message)
        else:
            raise ProtocolMisused("ASGI", f"sends {kind!r} in answer to a request")


def start(answer: Answer, message: Message) -> None:
    """Begin the answer."""
    pairs = [(text_of(name), text_of(value)) for name, value in message.get("headers", ())]
    answer.start(message["status"], pairs)


async def write(answer: Answer, message: Message) -> None:
    """Go on with it."""
    await answer.write(bytes(message.get("body", b"")), more=message.get("more_body", False))


async def serve_http(
    app: AsgiApp, request: Request, scope: Scope, execution: Execution
) -> Response:
    """Have ``app`` answer; what it does after its answer goes on."""
    scope.update(type="http", method=request.method)
    exchange = HttpExchange(request, execution.loop)
    answer = exchange.answer

    async def application() -> None:
        await app(scope, exchange.receive, exchange.send)
        if not answer.is_complete and not answer.ended.done():  # nobody is there to be told
            raise ProtocolMisused("ASGI", "has returned before the end of its answer")

    return await run_answering(application(), answer, execution)


async def run_answering(
    work: Any, answer: Answer, execution: Execution, on_end: Callable[[], None] | None = None
) -> Response:
    """Run ``work`` as a task, beyond the answer that it makes; give that when it can leave."""

    def on_done(task: ActorTask) -> None:
        if task.cancelled():
            answer.fail(asyncio.CancelledError("the application was cancelled"))
        elif (error := task.exception()) is not None:
            if answer.response.done() and not isinstance(error, ClientDisconnected):
                log.error("gateway.failed_after_answer", exc_info=error)
            answer.fail(error)
        if on_end is not None:
            on_end()

    gate = execution.root if execution.turn is None else execution.turn.gate
    task = execution.begin(work, gate, on_done, copy_context())
    try:
        return await answer.response
    except asyncio.CancelledError:
        task.cancel()
        raise
