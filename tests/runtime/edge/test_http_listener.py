"""Connections without TLS, at several ports at once."""

import asyncio
from typing import cast

import pytest

from perdure.runtime.edge.http_listener import HttpListener
from perdure.runtime.edge.ports import open_ports


class Greeting(asyncio.Protocol):
    """Says its greeting, and goes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        ours = cast("asyncio.Transport", transport)  # uvloop's does not derive from it
        ours.write(b"hello")
        ours.close()


async def test_connections_come_from_all_ports_until_it_is_closed() -> None:
    sockets = await open_ports("localhost", 0)
    places = [one.getsockname()[:2] for one in sockets]
    listener = HttpListener(asyncio.get_running_loop(), Greeting)
    await listener.listen_on(sockets, 16)
    for host, port in places:
        reader, writer = await asyncio.open_connection(host, port)
        assert await reader.read() == b"hello"
        writer.close()
    listener.close()
    listener.close()
    await listener.wait_closed()
    for host, port in places:
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(host, port)
