import os
import socket
from collections.abc import Callable

import pytest

from perdure.runtime.sandbox.keeper.ports import check_socket
from perdure.runtime.sandbox.wire import Garbled


def connected(host: str, family: socket.AddressFamily) -> tuple[socket.socket, ...]:
    server = socket.create_server((host, 0), family=family)
    client = socket.create_connection(server.getsockname()[:2])
    return client, server


@pytest.mark.parametrize(
    ("host", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)]
)
def test_a_connected_stream_is_what_it_should_be(host: str, family: socket.AddressFamily) -> None:
    sockets = connected(host, family)
    check_socket(sockets[0].fileno())
    for each in sockets:
        each.close()


def datagram() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.connect(("127.0.0.1", 9))
        return connection.detach()


def pair_end() -> int:
    return socket.socketpair()[0].detach()


def packets_end() -> int:
    return socket.socketpair(type=socket.SOCK_SEQPACKET)[0].detach()


@pytest.mark.parametrize(
    "make",
    [
        lambda: os.open("/etc/passwd", os.O_RDONLY),
        lambda: os.open("/", os.O_RDONLY | os.O_DIRECTORY),
        lambda: os.open("/dev/null", os.O_RDWR),
        lambda: os.pidfd_open(os.getpid()),
        lambda: socket.socket(socket.AF_INET).detach(),
        lambda: socket.create_server(("127.0.0.1", 0)).detach(),
        pair_end,
        packets_end,
        datagram,
    ],
    ids=[
        "file",
        "folder",
        "device",
        "process",
        "unconnected",
        "listening",
        "Unix",
        "packets",
        "UDP",
    ],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_anything_else_is_refused(make: Callable[[], int]) -> None:
    descriptor = make()
    with pytest.raises(Garbled, match="a port that is"):
        check_socket(descriptor)
    os.close(descriptor)
