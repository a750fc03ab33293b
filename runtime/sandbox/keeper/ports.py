"""Sockets that an agent hands out, looked at before they are handed on.

A worker will write requests with its users' secrets to it: what is not a connected stream of the
internet's families could be anything, for instance the other end of something that only seems
to be a server.
"""

import os
import socket

from ..streams import Exchange, Json, error_of
from ..wire import Garbled
from .agent_link import AgentLink

FAMILIES = {socket.AF_INET, socket.AF_INET6}


def check_socket(descriptor: int) -> None:
    """See that a descriptor is what it is said to be.

    Raises:
        Garbled: It is something else.
    """
    try:
        with socket.socket(fileno=os.dup(descriptor)) as connection:
            family = connection.getsockopt(socket.SOL_SOCKET, socket.SO_DOMAIN)
            kind = connection.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE)
            connection.getpeername()
    except OSError as error:
        raise Garbled(f"a port that is no connection: {error.strerror}") from None
    if family not in FAMILIES or kind != socket.SOCK_STREAM:
        raise Garbled(f"a port that is a socket of family {family} and type {kind}")


def port(agent: AgentLink, exchange: Exchange) -> None:
    """Answer with a connection to a port inside."""

    def answered(answer: Json, descriptor: int) -> None:
        refused = error_of(answer)
        if refused is None and descriptor < 0:
            raise Garbled("a port without a socket")
        if refused is not None or not exchange.is_open:
            if descriptor >= 0:
                os.close(descriptor)
            if refused is not None:
                exchange.refuse(refused)
            return
        try:
            check_socket(descriptor)
        except Garbled:
            os.close(descriptor)
            raise
        exchange.answer({"port": exchange.request.get("port")}, descriptor)

    question = agent.ask({**exchange.request, "op": "connect"}, answered)

    def cancel() -> None:
        question.cancel()
        exchange.interrupted()

    exchange.on_cancel = cancel
