"""One request in a WSGI application: its thread, and what passes between that and the loop.

Promise:
    User code of the application runs in the thread only, everything of perdure's on the loop's. A
    thread that waits for the loop is let go when the request is given up.
"""

import asyncio
import concurrent.futures
import contextvars
import inspect
import logging
import threading
from collections.abc import Callable, Coroutine, Iterable
from functools import cache
from types import TracebackType
from typing import Any

from ....actors.execution import Execution
from ....actors.http import Request, Response
from .answer import Answer
from .asgi_http import run_answering
from .errors import ClientDisconnected, ProtocolMisused
from .wsgi_environ import environ_of

log = logging.getLogger("perdure.gateway")

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
ExcInfo = tuple[type[BaseException], BaseException, TracebackType]

# Requests that are answered at the same time; others wait. What most servers of ASGI have.
THREADS = 40


@cache
def _threads() -> concurrent.futures.ThreadPoolExecutor:
    return concurrent.futures.ThreadPoolExecutor(THREADS, "perdure-wsgi")


class _Bridge:
    """Has the loop do things, for a thread that waits for them."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._waits_for: set[concurrent.futures.Future[Any]] = set()
        self._is_closed = False

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run ``work`` on the loop; for a thread of its own."""
        result: concurrent.futures.Future[Any] = concurrent.futures.Future()
        with self._lock:
            if self._is_closed:
                work.close()
                raise ClientDisconnected
            self._waits_for.add(result)

        def begin() -> None:
            task = asyncio.ensure_future(work)
            task.add_done_callback(lambda done: _settle(result, done))

        try:
            self._loop.call_soon_threadsafe(begin)
            return result.result()
        finally:
            with self._lock:
                self._waits_for.discard(result)

    def call(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call ``function`` on the loop, wait for what it gives if that is awaitable, return it."""

        async def work() -> Any:
            given = function(*args, **kwargs)
            return await given if inspect.isawaitable(given) else given

        return self.run(work())

    def close(self) -> None:
        """Nobody waits for the loop any more, and nobody begins to."""
        with self._lock:
            self._is_closed = True
            waiting = list(self._waits_for)
        for result in waiting:
            if not result.done() and result.set_running_or_notify_cancel():
                result.set_exception(ClientDisconnected())


def _settle(result: "concurrent.futures.Future[Any]", done: "asyncio.Future[Any]") -> None:
    if result.done() or not result.set_running_or_notify_cancel():
        return
    if done.cancelled():
        result.set_exception(ClientDisconnected())
    elif (error := done.exception()) is not None:
        result.set_exception(error)
    else:
        result.set_result(done.result())


class _Call:
    """The application's side: what runs in the thread."""

    def __init__(
        self, app: WsgiApp, environ: dict[str, Any], answer: Answer, bridge: _Bridge
    ) -> None:
        self._app = app
        self._environ = environ
        self._answer = answer
        self._bridge = bridge
        self._head: tuple[int, list[tuple[str, str]], str] | None = None
        self._has_begun = False

    def run(self) -> None:
        """Run the application, and send what it gives."""
        chunks = self._app(self._environ, self._start_response)
        try:
            if isinstance(chunks, list | tuple):  # all of it is here: it can leave in one go
                self._write(b"".join(chunks), more=False)
                return
            for chunk in chunks:
                if chunk:
                    self._write(chunk)
            self._write(b"", more=False)
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], None]:
        if exc_info is not None and self._has_begun:
            raise exc_info[1].with_traceback(exc_info[2])
        if exc_info is None and self._head is not None:
            raise ProtocolMisused("WSGI", "calls start_response() twice without exc_info")
        number, _, words = status.partition(" ")
        if not number.isdecimal():
            raise ProtocolMisused("WSGI", f"gives {status!r} for a status")
        # Text here stands for bytes, by Latin-1 (PEP 3333).
        pairs = [(name, _as_sent(value)) for name, value in headers]
        self._head = int(number), pairs, words
        return self._write

    def _write(self, chunk: bytes, *, more: bool = True) -> None:
        if self._head is None:
            raise ProtocolMisused("WSGI", "gives a body before it has called start_response()")
        self._bridge.run(self._send(bytes(chunk), more=more))

    async def _send(self, chunk: bytes, *, more: bool) -> None:
        if not self._has_begun:
            self._has_begun = True
            assert self._head is not None, "the thread has looked"
            status, pairs, words = self._head
            self._answer.start(status, pairs, words)
        await self._answer.write(chunk, more=more)


def _as_sent(value: str) -> str:
    return value if value.isascii() else value.encode("latin-1").decode("utf-8", "surrogateescape")


async def serve_wsgi(app: WsgiApp, request: Request, env: object, execution: Execution) -> Response:
    """Have ``app`` answer in a thread; a body that streams goes on from there."""
    loop = execution.loop
    answer = Answer("WSGI", loop)
    bridge = _Bridge(loop)
    environ = environ_of(request, bridge.run)
    environ |= {"perdure.env": env, "perdure.call": bridge.call}
    call = _Call(app, environ, answer, bridge)

    async def run() -> None:
        work = loop.run_in_executor(_threads(), contextvars.copy_context().run, call.run)
        try:
            await work
        except ClientDisconnected:
            log.debug("gateway.client_gone", extra={"path": environ["PATH_INFO"]})
            raise
        finally:
            bridge.close()

    return await run_answering(run(), answer, execution)
