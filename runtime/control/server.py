"""The server's side of the control socket, and a worker's of its line to the supervisor.

*Promise*: nobody but the server's user, and root, can open the socket, at no moment of its life.
*Assumes*: the data directory is locked: a socket that is found there has nobody behind it.
"""

import asyncio
import contextlib
import logging
import os
import socket
import stat
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aiohttp import web
from msgpack import packb, unpackb

from ...storage.errors import PerdureError, StorageError
from ..host.operations.house import Values
from ..host.socket_address import socket_address
from .desk import Desk
from .line import LineEnd
from .protocol import (
    SOCKET_NAME,
    Leaving,
    failure_of,
    failure_of_bug,
    given_up,
)

log = logging.getLogger("perdure.control")

_MODE = 0o600
_PROGRESS_INTERVAL_S = 0.1
# Arguments are names and statements; a statement is 100 kB at most, its bindings 2 MB each.
_ARGUMENTS_SIZE_BYTES_MAX = 64 * 2**20
# Whoever asks has gone when the server goes; nobody's answer is waited for.
_SHUTDOWN_S = 0.1


class ControlServer:
    """Answers the operator; close it when done."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._cleanup = ExitStack()
        self._line: LineEnd | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_leaving = False
        self._to_give_up: set[asyncio.Future[Values]] = set()
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()
        application = web.Application(client_max_size=_ARGUMENTS_SIZE_BYTES_MAX)
        application.router.add_post("/{operation}", self._answer)
        self._runner = web.AppRunner(
            application,
            handler_cancellation=True,  # who asked has gone: stop copying for nobody
            access_log=None,
            shutdown_timeout=_SHUTDOWN_S,
        )

    @classmethod
    async def start(cls, desk: Desk, data_dir: Path) -> "ControlServer":
        """Listen in a data directory.

        Raises:
            StorageError: The socket cannot be made.
        """
        server = cls(desk)
        path = data_dir / SOCKET_NAME
        try:
            await server._runner.setup()
            await web.SockSite(server._runner, server._bind(path)).start()
        except OSError as error:
            await server.close()
            problem = f"the control socket cannot be made: {error.strerror or error}"
            raise StorageError(path, problem) from error
        except StorageError:
            await server.close()
            raise
        return server

    @classmethod
    async def on_line(cls, desk: Desk, end: socket.socket) -> "ControlServer":
        """Answer what comes over a line (line.py), whose ``end`` is the server's from now on."""
        server = cls(desk)
        await server._runner.setup()
        server._line = LineEnd(end, asyncio.get_running_loop(), server._take)
        return server

    async def drain(self) -> None:
        """Refuse what comes from now on, and return when what is under way has come to its end.

        Those who read along end at once, and so does what is given up (``Operation``).
        """
        self._leave()
        await self._idle.wait()

    async def close(self) -> None:
        """Answer nobody any more; operations that are under way end where they stand."""
        self._leave()
        if self._line is not None:
            self._line.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._runner.cleanup()
        self._cleanup.close()

    def _leave(self) -> None:
        self._is_leaving = True
        self._desk.end_readers()
        for work in self._to_give_up:
            work.cancel()

    def _take(self, connection: socket.socket) -> None:
        task = asyncio.get_running_loop().create_task(self._open(connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _open(self, connection: socket.socket) -> None:
        serve = self._runner.server
        assert serve is not None, "it was set up"
        try:
            await asyncio.get_running_loop().connect_accepted_socket(serve, connection)
        except BaseException:
            connection.close()
            raise

    def _bind(self, path: Path) -> socket.socket:
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISSOCK(path.lstat().st_mode):
                raise StorageError(path, "is no socket", "Move it away; perdure needs the name")
            path.unlink()  # of a server that was killed
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # Before the name exists: Linux gives the file the mode of the socket's inode.
            os.fchmod(listener.fileno(), _MODE)
            listener.bind(self._cleanup.enter_context(socket_address(path.parent, path.name)))
        except OSError:
            listener.close()
            raise
        self._cleanup.callback(path.unlink, missing_ok=True)
        return listener

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-msgpack"})
        arguments: Values = unpackb(await request.read())
        await response.prepare(request)
        asked = _Asked(response)
        name = request.match_info["operation"]
        self._running += 1
        self._idle.clear()
        try:
            await asked.send(await self._outcome(name, arguments, asked))
        except ConnectionError:  # nobody reads any more
            pass
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()
        return response

    async def _outcome(self, name: str, arguments: Values, asked: "_Asked") -> dict[str, Any]:
        """Carry out an operation; return the last message of its answer."""
        if self._is_leaving:
            return {"error": asdict(failure_of(Leaving()))}
        try:
            return {"result": await self._run(name, arguments, asked)}
        except _GivenUp:
            return {"error": asdict(given_up())}
        except PerdureError as error:
            return {"error": asdict(failure_of(error))}
        except ConnectionError:
            raise
        except Exception as error:  # a bug: the operator is told, the log has the rest
            log.exception("operation.failed", extra={"operation": name})
            return {"error": asdict(failure_of_bug(error))}

    async def _run(self, name: str, arguments: Values, asked: "_Asked") -> Values:
        if not self._desk.gives_up(name):
            return await self._desk.run(name, arguments, asked)
        work = asyncio.ensure_future(self._desk.run(name, arguments, asked))
        self._to_give_up.add(work)
        try:
            return await work
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():  # who asked has gone
                raise
            raise _GivenUp from None
        finally:
            self._to_give_up.discard(work)


class _GivenUp(Exception):
    """The server leaves, and does not wait for this."""


class _Asked:
    """Whoever asked for an operation. Is the ``Told`` of it."""

    def __init__(self, response: web.StreamResponse) -> None:
        self._response = response
        self._next_progress_s = 0.0

    async def progress(self, what: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        if now >= self._next_progress_s:
            self._next_progress_s = now + _PROGRESS_INTERVAL_S
            await self.send({"progress": [what, done, total]})

    async def item(self, item: Values) -> None:
        await self.send({"item": item})

    async def send(self, message: dict[str, Any]) -> None:
        await self._response.write(packb(message))
