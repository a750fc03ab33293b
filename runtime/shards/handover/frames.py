"""What a router and its successor say to each other about one connection.

The old one says ``SOCKET``, ``HTTP`` or ``TUNNEL`` with the descriptor and all there is to know;
right before a tunnel, as ``INNER``, with the descriptor of its inner connection. The new one says
``HAVE``, and does nothing. The old one lets go and says ``YOURS``. From then on it is the new
one's.

Each frame is ``[kind, number of the connection, ...]``.
"""

from dataclasses import dataclass
from typing import Any

from multidict import CIMultiDict

from ....actors.http import Request
from ...sockets.movable_socket import SocketState
from ..sockets.held_sockets import HeldSocket
from ..sockets.reading import Unread
from ..sockets.unacknowledged import Unacknowledged

SOCKET, HTTP, HAVE, YOURS, INNER, TUNNEL = range(6)


@dataclass(frozen=True, slots=True)
class MovedSocket:
    """A WebSocket, as its successor is told of it.

    Attributes:
        slot: Of the worker that has its actor.
        generation: Of the same.
        router_generation: Of the router that had it.
        session: Its number there.
        state: What its connection is.
        held: What ``packed`` has given.
        request: How the client has asked for it; None if nobody could ask again.
    """

    slot: str
    generation: int
    router_generation: int
    session: int
    state: SocketState
    held: list[Any]
    request: Request | None

    def frame(self, number: int) -> list[Any]:
        """As it travels."""
        where = [self.slot, self.generation, self.router_generation, self.session]
        return [SOCKET, number, *where, self.state.packed(), self.held, _packed(self.request)]

    @classmethod
    def of(cls, frame: list[Any]) -> "MovedSocket":
        """What ``frame`` has given."""
        slot, generation, router, session, state, held, request = frame[2:]
        unpacked = SocketState.unpacked(state)
        return cls(slot, generation, router, session, unpacked, held, _unpacked(request))


@dataclass(frozen=True, slots=True)
class MovedTunnel:
    """A tunnel, as its successor is told of it.

    Attributes:
        client: What the client's connection is.
        inner: What the other one is.
        sandbox_id: Of the sandbox that it leads into; None for none.
        request: How the client has asked for it; None if that is not known.
    """

    client: SocketState
    inner: SocketState
    sandbox_id: str | None
    request: Request | None

    def frame(self, number: int) -> list[Any]:
        """As it travels."""
        states = [self.client.packed(), self.inner.packed()]
        return [TUNNEL, number, *states, self.sandbox_id, _packed(self.request)]

    @classmethod
    def of(cls, frame: list[Any]) -> "MovedTunnel":
        """What ``frame`` has given."""
        client, inner, sandbox_id, request = frame[2:]
        states = SocketState.unpacked(client), SocketState.unpacked(inner)
        return cls(*states, sandbox_id, _unpacked(request))


def packed(held: HeldSocket) -> list[Any]:
    """What a held socket is, beside its connection, when it has left."""
    asked, waits = Unread.ASKED in held.unread, held.unacknowledged.packed()
    says = [held.on_restart, held.first_message, held.protocol, asked]
    return [waits, held.kept, held.whose, *says]


def unpack(moved: MovedSocket, held: HeldSocket) -> None:
    """Have ``held`` be what another router's was; its connection is not read before ``stay``."""
    waits, held.kept, held.whose, *says = moved.held
    held.on_restart, held.first_message, held.protocol, asked = says
    held.unacknowledged = Unacknowledged.unpacked(waits)
    held.unread |= Unread.LEAVING | (Unread.ASKED if asked else Unread.NOTHING)
    held.request, held.auto_response = moved.request, moved.state.auto_response


def _packed(request: Request | None) -> list[Any] | None:
    """An upgrade's request, which has no body."""
    if request is None:
        return None
    fields = [list(pair) for pair in request.header_fields().items()]
    return [request.method, request.url, fields, request.client_address]


def _unpacked(values: list[Any] | None) -> Request | None:
    if values is None:
        return None
    method, url, fields, address = values
    return Request.incoming(method, url, CIMultiDict(fields), None, address)
