"""What the system knows of the other machine, over real connections."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from perdure.runtime.sockets.taking import NOTHING_KNOWN, Taking, taking_of
from tests.wire import Wire


class Accepting(asyncio.Protocol):
    """The side that writes."""

    def __init__(self) -> None:
        self.made: asyncio.Future[asyncio.Transport] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.made.set_result(transport)  # type: ignore[arg-type]  # uvloop's are none by class


@pytest.fixture
async def ends() -> AsyncIterator[tuple[asyncio.Transport, Wire]]:
    """Who writes, and a client that hardly anything is read for."""
    loop = asyncio.get_running_loop()
    accepting = Accepting()
    listener = await loop.create_server(lambda: accepting, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    async with await Wire.connect(url, receive_buffer_size=4096) as wire:
        transport = await accepting.made
        yield transport, wire
        transport.abort()
    listener.close()
    await listener.wait_closed()


async def test_what_is_taken_is_counted_and_what_waits_is_known(
    ends: tuple[asyncio.Transport, Wire],
) -> None:
    transport, wire = ends
    transport.write(b"hello")
    await wire.read(5)
    while taking_of(transport).more_waits:  # an acknowledgement comes when it comes
        await asyncio.sleep(0)
    assert taking_of(transport).taken_size_bytes >= 5
    transport.write(b"x" * 1_000_000)
    stalled = taking_of(transport)
    assert stalled.more_waits
    await wire.read(500_000)
    now = taking_of(transport)
    assert now.more_waits
    assert now.taken_size_bytes > stalled.taken_size_bytes
    assert now.goes_on_since(stalled)


async def test_of_a_connection_that_has_ended_nothing_is_known(
    ends: tuple[asyncio.Transport, Wire],
) -> None:
    transport, wire = ends
    transport.abort()
    await wire.rest()
    assert taking_of(transport) == NOTHING_KNOWN


async def test_of_what_is_no_tcp_nothing_is_known() -> None:
    one, other = socket.socketpair()
    with contextlib.closing(other):
        transport, _ = await asyncio.get_running_loop().create_connection(
            asyncio.Protocol, sock=one
        )
        assert taking_of(transport) == NOTHING_KNOWN
        transport.close()
    assert taking_of(asyncio.Transport()) == NOTHING_KNOWN


def test_it_goes_on_only_if_something_had_waited_and_some_was_taken() -> None:
    assert Taking(2, more_waits=False).goes_on_since(Taking(1, more_waits=True))
    assert not Taking(2, more_waits=True).goes_on_since(Taking(1, more_waits=False))
    assert not Taking(1, more_waits=True).goes_on_since(Taking(1, more_waits=True))
