"""What is asked of a client's connection, and who has it."""

import asyncio
from typing import cast

from perdure.runtime.shards.sockets.connection import Connection
from perdure.runtime.shards.sockets.passed_web_socket import LocalConnection, LocalLink
from perdure.runtime.sockets.client_socket import ClientSocket
from perdure.runtime.sockets.limits import SocketLimits


class Transport:
    """One that has sent everything."""

    def get_write_buffer_size(self) -> int:
        return 0


async def test_clients_and_ends_of_pairs_have_what_is_asked_for() -> None:
    transport = cast("asyncio.Transport", Transport())
    client = ClientSocket(transport, asyncio.get_running_loop(), SocketLimits())
    connections: list[Connection] = [client, LocalConnection(LocalLink())]
    for connection in connections:
        heard: list[str] = []
        connection.on_news = lambda heard=heard: heard.append("news")
        connection.on_news()
        assert heard == ["news"]
        assert (connection.buffered_size_bytes, connection.dropped_messages) == (0, 0)
        assert (connection.round_trip_s, connection.auto_response_time_ms) == (None, None)
