"""``upgrade_websocket``: the answer to an upgrade request, and the socket, in one call."""

from typing import NamedTuple

from multidict import CIMultiDict

from ..storage.errors import UsageError
from .execution import Execution, current_execution
from .headers import Headers, HeadersInit
from .http import Request, Response
from .link import PairLink, SocketLink
from .socket_events import OpenEvent
from .websocket import WebSocket


class WebSocketUpgrade(NamedTuple):
    """What ``upgrade_websocket`` gives: ``response, socket = upgrade_websocket(request)``.

    Attributes:
        response: To be returned: a 101.
        socket: The client, once that has left; its ``open`` event tells.
    """

    response: Response
    socket: WebSocket


def upgrade_websocket(
    request: Request, *, protocol: str | None = None, headers: HeadersInit = None
) -> WebSocketUpgrade:
    """Answer a client that asks for a WebSocket.

    ``socket`` is accepted already, and stays when the handler has returned. What it sends before
    its ``open`` event leaves behind the 101. It ends with 1006 when the client is gone by then.

    Args:
        request: The upgrade request.
        protocol: The subprotocol chosen, one of those that the client offers.
        headers: More headers of the 101.

    Raises:
        UsageError: The request asks for no WebSocket, or does not offer ``protocol``.
        NotInHandler: No handler is running.
    """
    if not request.is_upgrade:
        raise UsageError(
            "upgrade_websocket() needs a request with the header 'Upgrade: websocket'; look at "
            "request.is_upgrade first, and answer others with "
            "Response('Expected Upgrade: websocket', status=426)"
        )
    owner = current_execution("upgrade_websocket()")
    fields = Headers(headers)
    if protocol is not None:
        fields["Sec-WebSocket-Protocol"] = _offered(request, protocol)
    chosen = fields.get("Sec-WebSocket-Protocol", "")
    server = WebSocket.unaccepted(protocol=chosen)
    client = _Client.unaccepted(protocol=chosen)
    to_server, to_client = PairLink(server), PairLink(client)
    to_server.other, to_client.other = to_client, to_server
    client.connect(to_server)
    server.connect(to_client)
    server.take(owner)
    return WebSocketUpgrade(Response(None, 101, headers=fields, web_socket=client), server)


class _Client(WebSocket):
    """The end that goes to the client; the other one hears when it has gone there."""

    __slots__ = ()

    def hand_over(self, link: SocketLink) -> None:
        server = self._server
        super().hand_over(link)
        server.announce(OpenEvent())

    def take(self, owner: Execution, delivery: tuple[str, int | None] | None = None) -> None:
        server = self._server
        super().take(owner, delivery)
        server.announce(OpenEvent())

    @property
    def _server(self) -> WebSocket:
        assert isinstance(self._link, PairLink), "it is used once only"
        assert isinstance(self._link.peer, WebSocket), "as upgrade_websocket has made it"
        return self._link.peer


def _offered(request: Request, protocol: str) -> str:
    offered = ",".join(CIMultiDict(request.header_fields()).getall("Sec-WebSocket-Protocol", ()))
    if protocol not in [name.strip() for name in offered.split(",")]:
        raise UsageError(
            f"the client does not offer the subprotocol {protocol!r}; it offers: {offered or '-'}"
        )
    return protocol
