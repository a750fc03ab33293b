"""One process's clients, put together: the port, who may pass, and the connections.

In a server of one process this stands beside ``actor_side.py``; a router process has this alone.
Nothing here knows of actors or runs user code: it has an ``Answerer``.
"""

import asyncio
import errno
import os
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from ..actors.http import Request
from .config.model import WorkerConfig
from .control.observed import Observed
from .control.port import LOOPBACK, ControlPort
from .edge.client_address import normal_address
from .edge.firewall.firewall import Firewall
from .edge.front import Answerer, Front
from .edge.http_listener import HttpListener
from .edge.outside import Outside
from .edge.ports import BACKLOG, named, open_ports
from .edge.request_record import RequestRecord
from .edge.statistics import EdgeStatistics
from .edge.tls_listener import TlsListener
from .errors import PortTaken
from .sockets.client_socket import ClientSocket
from .sockets.keepalive import KeepAlive

if TYPE_CHECKING:
    from .edge.certificates import Certificates

T = TypeVar("T")

PORTS_TRIED = 20
PORT_MAX = 65_535
# So long may clients take at least to read their answer, and to answer the close frame of their
# WebSocket; after the drain, too.
CLIENTS_LEAVE_S = 1.0


def ignore(record: RequestRecord) -> None:
    """What happens to request records when nobody wants them."""


class FrontSide:
    """Where clients come in.

    Attributes:
        host: Where it listens.
        port: The port it got.
        firewall: What decides which requests the program sees; it counts.
        front: The connections; there from ``assemble`` on.
        listener: Of the port; None before ``listen``.
    """

    front: Front

    def __init__(
        self,
        config: WorkerConfig,
        loop: asyncio.AbstractEventLoop,
        cleanup: AsyncExitStack,
        environment: Mapping[str, str],
    ) -> None:
        """Read what can be wrong: the rules' secrets, the certificate and its key.

        Raises:
            ConfigError: A secret that a rule of the firewall needs is not there.
            CertificateError: The certificate, or its key, cannot be used.
        """
        self._config = config
        self._loop = loop
        self._cleanup = cleanup
        self.host = ""
        self.port = 0
        self.firewall = Firewall.of(config, environment)
        self.listener: HttpListener | TlsListener | None = None
        self._certificates = _certificates_of(config)

    def assemble(
        self,
        answerer: Answerer,
        keep_alive: KeepAlive | None,
        *,
        show_errors: bool = False,
        on_request: Callable[[RequestRecord], None] = ignore,
        is_movable: bool = False,
    ) -> None:
        """Have requests answered.

        Args:
            answerer: By this: the process's Worker, or what leads to one.
            keep_alive: Pings WebSockets; None: nobody does.
            show_errors: Clients see tracebacks.
            on_request: Told of every request.
            is_movable: Connections may go to another process.
        """
        perdure = self._config.perdure
        self.front = Front(
            answerer,
            self._loop,
            perdure.edge_limits,
            perdure.socket_limits,
            firewall=self.firewall,
            outside=Outside(perdure.trusted_proxies, perdure.proxy_headers),
            show_errors=show_errors,
            on_request=on_request,
            keep_alive=keep_alive,
            compression=perdure.websocket_compression,
            is_movable=is_movable,
        )

    async def listen(self, host: str, port: int, *, port_is_fixed: bool = True) -> None:
        """Take connections from now on.

        Args:
            host: The address to listen on.
            port: 0 for any.
            port_is_fixed: Do not take another one when it is taken.

        Raises:
            PortTaken: Somebody else listens there, or the address is none of this machine's.
        """
        sockets = await on_free_port(open_ports, host, port, port_is_fixed=port_is_fixed)
        await self.listen_on(sockets, host)

    async def listen_on(self, sockets: Sequence[socket.socket], host: str = "") -> None:
        """Take the connections of ports that are open; the sockets are its own from now on.

        Args:
            sockets: They listen.
            host: What has led to them, if that is known here.
        """
        self.host, self.port = named(host, sockets)
        if self._certificates is None:
            plain = self.listener = HttpListener(self._loop, self.front.server)
            await plain.listen_on(sockets, BACKLOG)
        else:
            self.listener = self._tls_listener(self._certificates)
            self.listener.listen_on(sockets)

    def _tls_listener(self, certificates: "Certificates") -> TlsListener:
        certificates.watch(self._loop)
        self._cleanup.callback(certificates.close)
        return TlsListener(
            self._loop,
            lambda: certificates.context,
            self.front.admission,
            self.front.server,
            self._config.perdure.edge_limits.tls_handshake_timeout_s,
        )

    @property
    def url(self) -> str:
        """Where clients reach it: ``http://127.0.0.1:8787``."""
        return url_of(self.host, self.port, self._config)

    def reload_certificates(self) -> None:
        """Read the certificate and its key again, for connections that come from now on.

        What cannot be used is logged, and what was in use stays. Does nothing without TLS.
        """
        if self._certificates is not None:
            self._certificates.reload()

    def statistics(self) -> EdgeStatistics:
        """Its connections, and what was refused to clients."""
        tls = self.listener.statistics() if isinstance(self.listener, TlsListener) else None
        return self.front.statistics(tls)

    async def take_http(self, descriptor: socket.socket) -> None:
        """Serve HTTP on a connection that another process had, between two requests."""
        self.front.admission.take_in(descriptor, _address_of(descriptor))
        server = partial(self.front.server, descriptor)
        await self._loop.connect_accepted_socket(server, descriptor)

    def take_socket(
        self, connection: ClientSocket, descriptor: socket.socket, request: Request | None
    ) -> None:
        """Count a WebSocket that another process had, and see to its end."""
        self.front.admission.take_in(connection, _address_of(descriptor))
        self.front.watch_over(connection, request)

    @property
    def connections_count(self) -> int:
        """How many connections are open."""
        return self.front.admission.statistics().open

    def close_port(self) -> None:
        """Take no more connections; those there are go on."""
        if self.listener is not None:
            self.listener.close()

    async def drain(self, deadline: float) -> None:
        """Let each connection end after the answer it waits for.

        Args:
            deadline: So long is waited for answers, on the loop's clock.
        """
        front, loop = self.front, self._loop
        front.wind_down()
        while front.is_busy and loop.time() < deadline:
            await asyncio.wait({front.next_answer()}, timeout=deadline - loop.time())

    async def close(self, deadline: float) -> None:
        """Close every connection; clients get a moment to read what was written, or more.

        Args:
            deadline: Until then, on the loop's clock, if that is later.
        """
        left_s = max(deadline - self._loop.time(), CLIENTS_LEAVE_S)
        await self.front.close(answers_leave_s=left_s, sockets_close_s=CLIENTS_LEAVE_S)

    async def port_closed(self) -> None:
        """Wait until nothing of ``close_port`` is left to do."""
        if self.listener is not None:
            await self.listener.wait_closed()


def _address_of(connection: socket.socket) -> str:
    """Who is at the other end, as the limits of one address know it."""
    try:
        peer = connection.getpeername()
    except OSError:  # it has gone
        return ""
    return normal_address(str(peer[0])) if isinstance(peer, tuple) else ""


def check_front_side(config: WorkerConfig, environment: Mapping[str, str]) -> None:
    """See what another process would find wrong that is to have a ``FrontSide``.

    Raises:
        ConfigError: A secret that a rule of the firewall needs is not there.
        CertificateRefused: The certificate, or its key, cannot be used.
    """
    Firewall.of(config, environment)
    if config.perdure.tls is not None:
        from .edge.certificates import Certificates  # noqa: PLC0415  # it takes 0.1 s

        Certificates.check(config.perdure.tls)


def _certificates_of(config: WorkerConfig) -> "Certificates | None":
    if config.perdure.tls is None:
        return None
    from .edge.certificates import Certificates  # noqa: PLC0415  # it takes 0.1 s

    return Certificates(config.perdure.tls)


def url_of(host: str, port: int, config: WorkerConfig) -> str:
    """Where clients reach a server that listens there: ``http://127.0.0.1:8787``."""
    name = f"[{host}]" if ":" in host else host
    return f"{'http' if config.perdure.tls is None else 'https'}://{name}:{port}"


async def on_free_port(
    open_port: Callable[[str, int], Awaitable[T]], host: str, port: int, *, port_is_fixed: bool
) -> T:
    """Return what ``open_port`` gives for ``port``, or for one of the next, if those will do.

    Raises:
        PortTaken: Somebody else listens there, or the address is none of this machine's.
    """
    tries = 1 if port_is_fixed or port == 0 else PORTS_TRIED
    last = min(port + tries, PORT_MAX + 1) - 1
    while True:
        try:
            return await open_port(host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or port >= last:
                raise PortTaken(host, port, reason_of(error)) from error
        port += 1


async def open_control_port(observed: Observed, wanted: int, cleanup: AsyncExitStack) -> int:
    """Tell of metrics and health from now on; return the port, any if ``wanted`` is 0.

    Raises:
        PortTaken: Somebody else listens there.
    """
    control = ControlPort(observed)
    cleanup.push_async_callback(control.close)
    try:
        return await control.listen(wanted)
    except OSError as error:
        raise PortTaken(LOOPBACK, wanted, reason_of(error), "--control-port") from error


def reason_of(error: OSError) -> str:
    """The system's words; what asyncio puts around them only repeats the address."""
    known = error.errno is not None and error.errno in errno.errorcode
    return os.strerror(error.errno or 0) if known else error.strerror or str(error)
