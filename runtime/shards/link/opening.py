"""How two processes begin a link over a socketpair.

First of all each end sends one byte, and with it (SCM_RIGHTS) the descriptor of its ``begun``
file and that of an end at which further descriptors will arrive; frames follow, HELLO being the
first of them.
"""

import asyncio
import os
import socket

from .begun import Begun, BegunElsewhere
from .descriptors import Descriptors
from .errors import LinkEnded
from .link import Link

_PREAMBLE = b"\x01"
_COUNT = 2  # of descriptors


async def open_link(link: Link, sock: socket.socket) -> None:
    """Have ``link`` talk over ``sock``, whose other end does the same; return when both do.

    The socket belongs to the link from now on; it is closed if this fails or is cancelled. Calls
    can be sent once this has returned; who is there is known when HELLO has come.

    Args:
        sock: One end of a socketpair of Unix stream sockets.

    Raises:
        LinkEnded: The other process has gone before it said anything, or sent something else.
        OSError: The socket is of no use.
    """
    begun = Begun()
    try:
        descriptors = Descriptors()
    except OSError:
        begun.close()
        sock.close()
        raise
    try:
        sock.setblocking(False)  # noqa: FBT003  # the socket's own form
        socket.send_fds(sock, [_PREAMBLE], [begun.descriptor, descriptors.other_end])
        elsewhere, arriving = await _receive_descriptors(sock)
    except BaseException as error:
        begun.close()
        descriptors.close()
        sock.close()
        if isinstance(error, ConnectionError):
            text = f"the other process has gone: {error}"
            raise LinkEnded(text, is_peer_gone=True) from None
        raise
    link.give_begun(begun, BegunElsewhere(elsewhere))
    descriptors.joined(arriving)
    link.descriptors = descriptors
    link.when_ended(lambda _: descriptors.close())
    try:
        await connect_link(link, sock)
    except BaseException as error:
        sock.close()
        link.close(f"it could not be opened: {error}")
        raise


async def connect_link(link: Link, sock: socket.socket) -> None:
    """Have ``link`` talk over ``sock``, without telling each other what was begun.

    The link says nothing, and leaves its transport open whatever it hears, until the connection is
    made: uvloop forgets a socket whose transport is closed before that, and the socket object, when
    it is collected, closes whatever has its descriptor then. It may hear something: uvloop reads
    right behind ``connection_made``, even if that has paused reading.
    """
    await asyncio.get_running_loop().create_unix_connection(lambda: link, sock=sock)
    link.start()


async def _receive_descriptors(sock: socket.socket) -> tuple[int, int]:
    loop = asyncio.get_running_loop()
    readable = loop.create_future()

    def on_readable() -> None:
        if not readable.done():
            readable.set_result(None)

    loop.add_reader(sock.fileno(), on_readable)
    try:
        await readable
    finally:
        loop.remove_reader(sock.fileno())
    try:  # one byte, so that nothing of the frames behind it is taken
        data, descriptors, _, _ = socket.recv_fds(sock, len(_PREAMBLE), _COUNT)
    except ConnectionError as error:
        raise LinkEnded(f"the other process has gone: {error}", is_peer_gone=True) from None
    if data == _PREAMBLE and len(descriptors) == _COUNT:
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)  # noqa: FBT003  # os's own form
        return descriptors[0], descriptors[1]
    for descriptor in descriptors:
        os.close(descriptor)
    if not data:
        raise LinkEnded("the other process has gone before it said anything", is_peer_gone=True)
    raise LinkEnded("what came first over the link is no beginning of one")
