from typing import Any

from perdure.runtime.shards.link.kinds import PAUSE, SEVER
from perdure.runtime.shards.sockets.linked_sockets import LinkedSocket
from perdure.runtime.shards.sockets.travelling import Travelling
from tests.runtime.shards.link.ends import until

LOST = (1006, "nobody has it")


class Home:
    """Notes what is sent."""

    period = 4

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.forgotten: list[int] = []

    def send(self, session: int, messages: Any, close: Any) -> None:
        self.sent.append((session, messages, close))

    def tell(self, frame: Any) -> None:
        self.sent.append(frame)

    def acknowledge(self, session: int, sequence: int) -> None:
        self.sent.append(("receipt", session, sequence))

    def forget(self, session: int) -> None:
        self.forgotten.append(session)


class Ear:
    def __init__(self) -> None:
        self.lost: list[tuple[int, str]] = []

    def receive_lost(self, code: int, reason: str) -> None:
        self.lost.append((code, reason))


def arrive(travelling: Travelling, home: Home, session: int) -> None:
    found = travelling.arrive(1, 7)
    assert found is not None
    socket, underway = found
    socket.move(home, session)
    underway.unload(home, session)


async def test_what_is_sent_on_the_way_leaves_in_order_before_what_comes_later() -> None:
    travelling, old, new = Travelling(), Home(), Home()
    socket = LinkedSocket(old, 7)
    socket.transmit(("a",))
    travelling.depart(1, 7, socket, LOST)
    socket.transmit(("b",))
    socket.pause()
    socket.acknowledge(3)
    socket.transmit((), (1000, "done"))
    assert travelling.arrive(2, 7) is None, "another router's"
    arrive(travelling, new, 9)
    socket.acknowledge(4)
    assert old.sent == [(7, ("a",), None)]
    assert new.sent == [
        (9, ("b",), None),
        [PAUSE, 9],
        ("receipt", 9, 3),
        (9, (), (1000, "done")),
        ("receipt", 9, 4),
    ]
    assert (len(travelling), socket.session) == (0, 9)
    assert not new.forgotten


async def test_one_that_nobody_has_in_time_was_lost() -> None:
    travelling, ear = Travelling(travel_max_s=0.0), Ear()
    socket = LinkedSocket(Home(), 7)
    socket.receiver = ear  # type: ignore[assignment]  # as far as it hears
    travelling.depart(1, 7, socket, LOST)
    await until(lambda: ear.lost)
    assert ear.lost == [LOST]
    assert travelling.arrive(1, 7) is None
    travelling.depart(1, 8, socket, LOST)
    travelling.close()
    assert len(travelling) == 0


async def test_one_that_its_actor_ends_on_the_way_is_ended_where_it_arrives_and_forgotten() -> None:
    travelling, new = Travelling(), Home()
    socket = LinkedSocket(Home(), 7)
    travelling.depart(1, 7, socket, LOST)
    socket.sever(1011, "reset")
    arrive(travelling, new, 9)
    assert (new.sent, new.forgotten) == ([[SEVER, 9, 1011, "reset"]], [9])


async def test_who_has_ended_it_does_not_hear_that_nobody_has_it() -> None:
    travelling, ear = Travelling(travel_max_s=0.0), Ear()
    socket = LinkedSocket(Home(), 7)
    socket.receiver = ear  # type: ignore[assignment]  # as far as it hears
    travelling.depart(1, 7, socket, LOST)
    socket.sever(1011, "reset")
    await until(lambda: len(travelling) == 0)
    assert not ear.lost
