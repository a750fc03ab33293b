"""Accepting connections that begin with a TLS handshake.

Promise:
    A connection is counted before its handshake, and its handshake is over in time or cut off.
    Who speaks HTTP to this port is told so. No failure of a client's is an error in the log.
Considered and refused:
    ``create_server(ssl=...)``: it tells of a connection when the handshake is done, so those
    that never get that far are without number; and it cannot answer who speaks HTTP.
"""

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from .admission import Admission
from .client_address import normal_address
from .http_protocol import HttpProtocol, plain_answer

log = logging.getLogger("perdure.edge")

# Others want their turn of the loop too.
ACCEPTS_PER_TURN_MAX = 64
# When the system has no more descriptors; asyncio's servers wait as long.
ACCEPT_PAUSE_S = 1.0
# For the client's last word; most clients never say it.
SHUTDOWN_TIMEOUT_S = 5.0
# RFC 8446, section 5.1: the content type of a handshake's record.
_HANDSHAKE = b"\x16"
_SPEAKS_TLS = "Bad Request: this port speaks TLS; ask for https:// or wss://"
_NO_DESCRIPTORS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


@dataclass(frozen=True, slots=True)
class TlsStatistics:
    """Handshakes since the start, and those under way.

    Attributes:
        done: Connections that speak TLS, or have.
        under_way: Connections that have not got that far.
        failed: What the client said was no handshake, or did not fit, or it went away.
        late: Cut off by ``tls_handshake_timeout_s``.
        plain: Clients that spoke HTTP.
    """

    done: int
    under_way: int
    failed: int
    late: int
    plain: int


class MakeProtocol(Protocol):
    """Makes what speaks HTTP on a connection that is admitted already."""

    def __call__(self, holder: object) -> HttpProtocol: ...


class TlsListener:
    """Listens, and hands connections over when they are encrypted. Stands for a ``Server``.

    Args:
        loop: Where it runs.
        context: Gives the context that holds for new connections.
        admission: Asked whether a connection is served.
        make: Makes what speaks HTTP.
        handshake_timeout_s: From the accept to the end of the handshake.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        context: Callable[[], ssl.SSLContext],
        admission: Admission,
        make: MakeProtocol,
        handshake_timeout_s: float,
    ) -> None:
        self._loop = loop
        self._context = context
        self._admission = admission
        self._make = make
        self._timeout_s = handshake_timeout_s
        self._pauses: dict[socket.socket, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._done = self._failed = self._late = self._plain = 0
        self.sockets: Sequence[socket.socket] = ()

    def listen_on(self, sockets: Sequence[socket.socket]) -> Self:
        """Begin to accept, at ports that are open; the sockets are the listener's from now on."""
        self.sockets = list(sockets)
        for listening in self.sockets:
            listening.setblocking(False)  # noqa: FBT003  # the socket's own form
            self._loop.add_reader(listening, self._accept, listening)
        return self

    def close(self) -> None:
        """Accept no more; handshakes that are under way end."""
        for listening in self.sockets:
            if listening.fileno() >= 0:
                self._loop.remove_reader(listening)
                listening.close()
        for pause in self._pauses.values():
            pause.cancel()
        for task in self._tasks:
            task.cancel()

    async def wait_closed(self) -> None:
        """Until the handshakes that were under way have ended."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    def statistics(self) -> TlsStatistics:
        """What was counted."""
        return TlsStatistics(self._done, len(self._tasks), self._failed, self._late, self._plain)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(ACCEPTS_PER_TURN_MAX):
            try:
                connection, peer = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _NO_DESCRIPTORS:
                    raise
                log.warning("connections.no_descriptors", extra={"cause": str(error)})
                self._loop.remove_reader(listening)
                self._pauses[listening] = self._loop.call_later(
                    ACCEPT_PAUSE_S, self._loop.add_reader, listening, self._accept, listening
                )
                return
            self._begin(connection, peer)

    def _begin(self, connection: socket.socket, peer: object) -> None:
        address = normal_address(str(peer[0])) if isinstance(peer, tuple) else ""
        if self._admission.admit(connection, address) is not None:
            connection.close()  # to tell it why would take the handshake that is refused
            return
        connection.settimeout(0)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = self._loop.create_task(self._welcome(connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _welcome(self, connection: socket.socket) -> None:
        """See who is there, and shake hands."""
        protocol: HttpProtocol | None = None

        def make() -> HttpProtocol:
            nonlocal protocol
            protocol = self._make(connection)
            return protocol

        deadline = self._loop.time() + self._timeout_s
        try:
            if await self._speaks_tls(connection):
                await self._shake_hands(make, connection, deadline)
                self._done += 1
        except (TimeoutError, ConnectionAbortedError):  # asyncio's and uvloop's for a late one
            self._late += 1
        except OSError as error:  # ssl.SSLError is one
            self._failed += 1
            log.debug("tls.handshake_failed", extra={"why": str(error)})
        finally:
            if protocol is None:  # nobody else has the socket
                connection.close()
            if protocol is None or not protocol.is_admitted:
                self._admission.release(connection)

    async def _speaks_tls(self, connection: socket.socket) -> bool:
        """Look at the first byte, without taking it; answer who speaks HTTP.

        Raises:
            TimeoutError: There was none.
        """
        readable = self._loop.create_future()
        self._loop.add_reader(connection, _wake, readable)
        try:
            async with asyncio.timeout(self._timeout_s):
                await readable
        finally:
            self._loop.remove_reader(connection)
        first = connection.recv(1, socket.MSG_PEEK)
        if first == _HANDSHAKE:
            return True
        if first.isalpha():
            self._plain += 1
            with contextlib.suppress(OSError):
                connection.recv(2**16)  # unread, it would turn the end into a reset
                connection.send(plain_answer(400, _SPEAKS_TLS))
        else:
            self._failed += 1
        return False

    async def _shake_hands(
        self, make: Callable[[], HttpProtocol], connection: socket.socket, deadline: float
    ) -> None:
        await self._loop.connect_accepted_socket(
            make,
            connection,
            ssl=self._context(),
            ssl_handshake_timeout=max(deadline - self._loop.time(), 0.001),
            ssl_shutdown_timeout=SHUTDOWN_TIMEOUT_S,
        )


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
