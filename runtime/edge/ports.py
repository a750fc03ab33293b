"""Opening the ports that connections come to; a name is listened at with all its addresses."""

import asyncio
import errno
import socket
from collections.abc import Sequence

BACKLOG = 1024
# Any port is wanted, and of the next address of the name somebody has the one that was found.
ANY_PORT_TRIES = 10
# Browsers do not ask the system what localhost is (RFC 6761, 6.3).
LOOPBACK = ("127.0.0.1", "::1")
# Names lead to addresses of families that are switched off on this machine: to ::1, mostly.
_NOT_HERE = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


async def open_ports(host: str, port: int) -> Sequence[socket.socket]:
    """Return sockets that listen at all addresses of ``host`` that this machine has.

    Args:
        host: A name or an address; empty for all of the machine's.
        port: 0 for any, the same one at all addresses.

    Raises:
        OSError: Somebody else listens there, or no address is one of this machine's.
    """
    loop = asyncio.get_running_loop()
    found = []
    for name in LOOPBACK if host == "localhost" else (host or None,):
        found += await loop.getaddrinfo(
            name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    addresses = [(family, address) for family, _, _, _, address in dict.fromkeys(found)]
    for _ in range(ANY_PORT_TRIES - 1 if port == 0 else 0):
        try:
            return _listen(addresses, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    return _listen(addresses, port)


def named(host: str, sockets: Sequence[socket.socket]) -> tuple[str, int]:
    """Return what clients call the place where ``sockets`` listen, which ``host`` led to."""
    address, port = sockets[0].getsockname()[:2]
    return (host if host and len(sockets) > 1 else address), port


def _listen(addresses: Sequence[tuple[int, tuple[object, ...]]], port: int) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for family, address in addresses:
            listening = socket.socket(family, socket.SOCK_STREAM)
            sockets.append(listening)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                listening.bind((address[0], port, *address[2:]))
            except OSError as error:
                if error.errno not in _NOT_HERE:
                    raise
                missing = error
                sockets.pop().close()
                continue
            port = port or listening.getsockname()[1]
            listening.listen(BACKLOG)
            listening.setblocking(False)  # noqa: FBT003  # the socket's own form
        if missing is not None and not sockets:
            raise missing
    except OSError:
        for listening in sockets:
            listening.close()
        raise
    return sockets
