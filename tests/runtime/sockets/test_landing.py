"""What a connection keeps that nobody has yet."""

import asyncio
import socket

from perdure.runtime.sockets.landing import Landing
from tests.runtime.shards.link.ends import until
from tests.world import turns


async def landed(theirs: socket.socket) -> tuple[asyncio.Transport, Landing]:
    loop = asyncio.get_running_loop()
    theirs.setblocking(False)
    transport, landing = await loop.connect_accepted_socket(Landing, theirs)
    return transport, landing


class Heir(asyncio.Protocol):
    def __init__(self) -> None:
        self.heard = b""

    def data_received(self, data: bytes) -> None:
        self.heard += data


async def test_what_was_said_is_kept_or_left_unread_and_nothing_is_lost() -> None:
    ours, theirs = socket.socketpair()
    ours.sendall(b"before ")
    transport, landing = await landed(theirs)
    await turns()
    landing.wait()
    ours.sendall(b"after")
    await turns()
    heir = Heir()
    transport.set_protocol(heir)
    transport.resume_reading()
    await until(lambda: landing.inbound + heir.heard == b"before after")
    assert landing.inbound in {b"", b"before "}, "nothing is read after wait()"
    transport.abort()
    ours.close()
    await turns()


async def test_a_client_that_says_nothing_more_may_be_answered() -> None:
    ours, theirs = socket.socketpair()
    ours.shutdown(socket.SHUT_WR)
    transport, landing = await landed(theirs)
    transport.resume_reading()
    await until(lambda: landing.has_ended)
    assert not transport.is_closing()
    transport.write(b"answer")
    assert ours.recv(10) == b"answer"
    assert not landing.is_lost
    transport.abort()
    landing.wait()
    await until(lambda: landing.is_lost)
    ours.close()
