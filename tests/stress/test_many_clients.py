"""Many clients, one after the other and at the same time: nothing is left, and little is held."""

import logging

import pytest

from tests.stress.conftest import IS_FULL, Start
from tests.stress.crowd import Guest, connections_possible, crowd
from tests.wire import TEXT, close_frame, frame

log = logging.getLogger(__name__)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

KINDS = pytest.mark.parametrize("kind", ["standard", "hibernating"])
KIB_MAX = {"standard": 16.0, "hibernating": 4.0}
# With fewer connections, what does not grow with them weighs more in the figure of each.
ONCE_KIB = 2048
# 10,000 cycles that leave 1 KiB each, which is less than any object of a connection, leave 10 MiB.
LEAK_KIB_MAX = 4096


def cycle(port: int, number: int) -> None:
    """Connect, talk, and end, each time in another of three ways."""
    kind = "standard" if number % 2 else "hibernating"
    with Guest(port) as guest:
        guest.ask(f"/{kind}/room-{number % 7}")
        assert guest.head().startswith(b"HTTP/1.1 101 ")
        guest.send(frame(TEXT, "hello"))
        assert guest.text() == "hello"
        if number % 3 == 0:
            guest.send(close_frame(1000))
            assert guest.close_frame()[0] == 1000
        elif number % 3 == 1:
            guest.send(frame(TEXT, "bye"))
            assert guest.close_frame() == (4000, "bye")
            guest.send(close_frame(4000))
            assert guest.rest() == b""
        else:
            guest.reset()


def test_connections_that_come_and_go_leave_nothing(start: Start) -> None:
    cycles = 10_000 if IS_FULL else 600
    server = start()
    # As long as caches and the allocator grow to their size.
    for number in range(cycles // 5):
        cycle(server.port, number)
    server.until(lambda: sum(server.closes().values()) == cycles // 5, server.closes)
    before, before_kib = server.holds(), server.memory_kib()
    for number in range(cycles):
        cycle(server.port, number)
    server.until(lambda: sum(server.closes().values()) == cycles + cycles // 5, server.closes)
    server.is_as_before(before)
    assert server.memory_kib() - before_kib < LEAK_KIB_MAX
    assert [server.get(f"/room-{number}") for number in range(7)] == [0] * 7
    assert server.errors() == []


@KINDS
def test_idle_clients_take_little(start: Start, kind: str) -> None:
    count = connections_possible(15_000) if IS_FULL else 1000
    server = start(toml="[perdure]\nidle_timeout_s = 1")
    with crowd(server.port, f"/{kind}/room", 20):  # what is loaded and made once
        pass
    server.until(lambda: server.get("/room") == 0, lambda: server.get("/room"))
    before_kib = server.memory_kib()
    with crowd(server.port, f"/{kind}/room", count) as guests:
        assert server.get("/room") == count
        if kind == "hibernating":
            server.until(lambda: not server.get("/state")["alive"], lambda: "it stays in memory")
        held_kib = server.memory_kib() - before_kib
        log.warning("%d %s sockets: %.2f KiB each", count, kind, held_kib / count)
        assert server.get("/room?say=hello") == count  # and it wakes with all of them
        for guest in guests:
            assert guest.answer_pings_until_text() == "hello"
    once_kib = 0 if IS_FULL else ONCE_KIB
    assert held_kib - once_kib < count * KIB_MAX[kind]
    assert server.errors() == []
