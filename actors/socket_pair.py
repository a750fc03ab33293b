"""``WebSocketPair``: two ends that are joined."""

from collections.abc import Iterator

from .link import PairLink
from .websocket import WebSocket


class WebSocketPair:
    """Two joined ends: ``client, server = WebSocketPair()``.

    One end is returned in a Response, ``Response(None, status=101, web_socket=client)``; the
    other is accepted and used. Also reachable as ``pair[0]`` and ``pair[1]``.
    """

    __slots__ = ("_ends",)

    def __init__(self) -> None:
        client, server = WebSocket.unaccepted(), WebSocket.unaccepted()
        to_server, to_client = PairLink(server), PairLink(client)
        to_server.other, to_client.other = to_client, to_server
        client.connect(to_server)
        server.connect(to_client)
        self._ends = (client, server)

    def __iter__(self) -> Iterator[WebSocket]:
        return iter(self._ends)

    def __getitem__(self, index: int) -> WebSocket:
        return self._ends[index]

    def __len__(self) -> int:
        return 2
