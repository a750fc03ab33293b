"""Ports inside: a connection to one, as a socket that is handed out of the wall.

A socket belongs to the network that it was made in, whoever has it: the worker that gets this one
speaks with the server inside, and no byte of it passes agent or keeper.
"""

import errno
import os
import socket
from collections.abc import Callable

from ..reactor import Reactor, Timer
from ..streams import Exchange, Refused
from .refusals import number

ADDRESSES = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
PORT_MAX = 65_535
CONNECT_TIMEOUT_S = 10.0
RETRY_S = 0.05
TIMEOUT_S_MAX = 86_400.0


class Connecting:
    """Tries to reach a port: once, or until something listens."""

    def __init__(self, reactor: Reactor, exchange: Exchange, *, is_patient: bool) -> None:
        """Begin.

        Raises:
            Refused: That is no port.
        """
        port = exchange.request.get("port")
        if type(port) is not int or not 0 < port <= PORT_MAX:
            raise Refused("INVALID_PORT", f"{port!r} is no port", port=port)
        self._port = port
        timeout_s = number(exchange.request, "timeout_s", CONNECT_TIMEOUT_S, 0, TIMEOUT_S_MAX)
        self._reactor = reactor
        self._exchange = exchange
        self._is_patient = is_patient
        self._left = list(ADDRESSES)
        self._socket: socket.socket | None = None
        self._retry: Timer | None = None
        self._timeout = reactor.call_later(timeout_s, self._refuse)
        exchange.on_cancel = self._cancel
        exchange.after_closing(self._close)
        self._try()

    def _try(self) -> None:
        while self._left and self._exchange.is_open:
            family, host = self._left.pop(0)
            try:
                self._socket = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
                code = self._socket.connect_ex((host, self._port))
            except OSError as error:  # there may be no IPv6
                code = error.errno or errno.EIO
            if code == errno.EINPROGRESS and self._socket is not None:
                self._reactor.watch(self._socket.fileno(), writes=self._connected)
                return
            if code == 0:
                self._succeed()
                return
            self._drop()
        if self._is_patient and self._exchange.is_open:
            self._left = list(ADDRESSES)
            self._retry = self._reactor.call_later(RETRY_S, self._try)
        else:
            self._refuse()

    def _connected(self) -> None:
        assert self._socket is not None, "it is watched"
        self._reactor.unwatch(self._socket.fileno())
        if self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
            self._succeed()
        else:
            self._drop()
            self._try()

    def _succeed(self) -> None:
        assert self._socket is not None, "it is connected"
        if self._is_patient:
            self._exchange.answer({"port": self._port})
        else:
            self._exchange.answer({"port": self._port}, os.dup(self._socket.fileno()))

    def _refuse(self) -> None:
        text = f"Nothing listens on port {self._port} inside the sandbox"
        self._exchange.refuse(Refused("SERVICE_NOT_RESPONDING", text, port=self._port))

    def _drop(self) -> None:
        if self._socket is not None:
            if self._socket.fileno() >= 0:
                self._reactor.unwatch(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def _cancel(self) -> None:
        self._exchange.interrupted()

    def _close(self) -> None:
        self._drop()
        self._timeout.cancel()
        if self._retry is not None:
            self._retry.cancel()


def connect(reactor: Reactor) -> Callable[[Exchange], None]:
    """Return what answers with a connected socket."""
    return lambda exchange: _begin(reactor, exchange, is_patient=False)


def listening(reactor: Reactor) -> Callable[[Exchange], None]:
    """Return what answers when something listens."""
    return lambda exchange: _begin(reactor, exchange, is_patient=True)


def _begin(reactor: Reactor, exchange: Exchange, *, is_patient: bool) -> None:
    Connecting(reactor, exchange, is_patient=is_patient)
