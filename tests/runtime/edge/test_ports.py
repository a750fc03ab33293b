"""Where connections can come to: all addresses of a name, at one port."""

import errno
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack

import pytest

from perdure.runtime.edge.ports import named, open_ports


@pytest.fixture
async def cleanup() -> AsyncIterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


async def opened(cleanup: ExitStack, host: str, port: int = 0) -> Sequence[socket.socket]:
    sockets = await open_ports(host, port)
    for one in sockets:
        cleanup.enter_context(one)
    return sockets


def answers(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port)).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.mark.parametrize("host", ["localhost", ""])
async def test_all_addresses_of_a_name_have_one_port(cleanup: ExitStack, host: str) -> None:
    sockets = await opened(cleanup, host)
    (port,) = {one.getsockname()[1] for one in sockets}
    assert answers("127.0.0.1", port)
    assert answers("::1", port)


async def test_an_address_is_listened_at_alone(cleanup: ExitStack) -> None:
    (one,) = await opened(cleanup, "127.0.0.1")
    port = one.getsockname()[1]
    assert answers("127.0.0.1", port)
    assert not answers("::1", port)


async def test_a_name_of_which_somebody_has_one_address_is_taken(cleanup: ExitStack) -> None:
    (one,) = await opened(cleanup, "::1")
    with pytest.raises(OSError, match="in use") as refused:
        await open_ports("localhost", one.getsockname()[1])
    assert refused.value.errno == errno.EADDRINUSE
    # What was open of it is not any more.
    assert not answers("127.0.0.1", one.getsockname()[1])


async def test_addresses_that_the_machine_lacks_are_left_out_unless_there_is_no_other(
    cleanup: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure.runtime.edge.ports.LOOPBACK", ("203.0.113.7", "127.0.0.1"))
    (one,) = await opened(cleanup, "localhost")
    assert one.getsockname()[0] == "127.0.0.1"
    with pytest.raises(OSError, match="assign") as refused:
        await open_ports("203.0.113.7", 0)
    assert refused.value.errno == errno.EADDRNOTAVAIL


async def test_clients_are_told_the_name_if_it_has_several_addresses(cleanup: ExitStack) -> None:
    several, one = await opened(cleanup, "localhost"), await opened(cleanup, "127.0.0.1")
    assert named("localhost", several) == ("localhost", several[0].getsockname()[1])
    assert named("localhost", one) == ("127.0.0.1", one[0].getsockname()[1])
    assert named("", several)[0] == "127.0.0.1"
