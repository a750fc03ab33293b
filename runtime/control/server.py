"""The server's side of the control socket.

*Promise*: nobody but the server's user, and root, can open the socket, at no moment of its life.
*Assumes*: the data directory is locked: a socket that is found there has nobody behind it.
"""

import contextlib
import logging
import os
import socket
import stat
import time
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any

from aiohttp import web
from msgpack import packb, unpackb

from ...storage.errors import PerdureError, StorageError
from ..host.operations.house import House, Values
from ..host.operations.table import run
from .protocol import SOCKET_NAME, failure_of, failure_of_bug, socket_address

log = logging.getLogger("perdure.control")

_MODE = 0o600
_PROGRESS_INTERVAL_S = 0.1
# Arguments are names and statements; a statement is 100 kB at most, its bindings 2 MB each.
_ARGUMENTS_SIZE_BYTES_MAX = 64 * 2**20
# Whoever asks has gone when the server goes; nobody's answer is waited for.
_SHUTDOWN_S = 0.1


class ControlServer:
    """Answers the operator; close it when done."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._path = house.layout.root / SOCKET_NAME
        self._cleanup = ExitStack()
        application = web.Application(client_max_size=_ARGUMENTS_SIZE_BYTES_MAX)
        application.router.add_post("/{operation}", self._answer)
        self._runner = web.AppRunner(
            application,
            handler_cancellation=True,  # who asked has gone: stop copying for nobody
            access_log=None,
            shutdown_timeout=_SHUTDOWN_S,
        )

    @classmethod
    async def start(cls, house: House) -> "ControlServer":
        """Listen in the house's data directory.

        Raises:
            StorageError: The socket cannot be made.
        """
        server = cls(house)
        try:
            await server._runner.setup()
            await web.SockSite(server._runner, server._bind()).start()
        except OSError as error:
            await server.close()
            problem = f"the control socket cannot be made: {error.strerror or error}"
            raise StorageError(server._path, problem) from error
        except StorageError:
            await server.close()
            raise
        return server

    async def close(self) -> None:
        """Answer nobody any more; operations that are under way end where they stand."""
        for reader in list(self._house.readers):
            reader.end()
        await self._runner.cleanup()
        self._cleanup.close()

    def _bind(self) -> socket.socket:
        path = self._path
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISSOCK(path.lstat().st_mode):
                raise StorageError(path, "is no socket", "Move it away; perdure needs the name")
            path.unlink()  # of a server that was killed
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # Before the name exists: Linux gives the file the mode of the socket's inode.
            os.fchmod(listener.fileno(), _MODE)
            listener.bind(self._cleanup.enter_context(socket_address(path.parent)))
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
        try:
            message = {"result": await run(self._house, name, arguments, asked)}
        except PerdureError as error:
            message = {"error": asdict(failure_of(error))}
        except ConnectionError:  # nobody reads any more
            return response
        except Exception as error:  # a bug: the operator is told, the log has the rest
            log.exception("operation.failed", extra={"operation": name})
            message = {"error": asdict(failure_of_bug(error))}
        await asked.send(message)
        return response


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
