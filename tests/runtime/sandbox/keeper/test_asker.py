import os
import socket
from collections.abc import Iterator

import pytest

from perdure.runtime.sandbox.keeper.asker import Asker, is_ours
from perdure.runtime.sandbox.reactor import Reactor
from perdure.runtime.sandbox.streams import Exchange, Refused
from perdure.runtime.sandbox.wire import (
    ANSWER,
    EVENT,
    REQUEST,
    Frame,
    FrameReader,
    decode_json,
    frame,
)


class Connected:
    """A keeper's side, and a raw socket for the worker's."""

    def __init__(self) -> None:
        self.reactor = Reactor()
        near, self.raw = socket.socketpair()
        self.raw.settimeout(30)
        self.begun: list[Exchange] = []
        self.lost: list[str | None] = []
        self.asker = Asker(near, self.reactor, begin=self.begun.append, on_lost=self.lose)

    def lose(self, _: Asker, why: str | None) -> None:
        self.lost.append(why)
        self.reactor.stop()

    def turn(self) -> None:
        self.reactor._turn()

    def read(self) -> list[Frame]:
        return list(FrameReader().feed(self.raw.recv(100_000)))


@pytest.fixture
def connected() -> Iterator[Connected]:
    connected = Connected()
    yield connected
    connected.raw.close()
    connected.asker.finish(Refused("X", "over"), 0.1)
    connected.reactor.close()


def test_what_a_worker_asks_begins(connected: Connected) -> None:
    connected.raw.sendall(frame(REQUEST, 1, b'{"op": "x"}'))
    connected.turn()
    assert [each.request for each in connected.begun] == [{"op": "x"}]


def test_the_end_says_why_before_it_refuses_what_is_open(connected: Connected) -> None:
    connected.raw.sendall(frame(REQUEST, 1, b"{}"))
    connected.turn()
    connected.asker.finish(Refused("CONTAINER_UNAVAILABLE", "It sleeps"), 1)
    (notice, zero, ending), (kind, number, answer) = connected.read()
    assert (kind, number, notice, zero) == (ANSWER, 1, EVENT, 0)
    assert decode_json(answer)["error"]["message"] == "It sleeps"
    assert decode_json(ending)["ending"]["message"] == "It sleeps"


def test_one_that_is_gone_has_cancelled_what_it_asked(connected: Connected) -> None:
    connected.raw.sendall(frame(REQUEST, 1, b"{}"))
    connected.turn()
    connected.raw.close()
    connected.reactor.run()
    assert connected.lost == [None]
    assert connected.begun[0].is_cancelled


def test_one_that_sends_descriptors_is_cut_off(connected: Connected) -> None:
    socket.send_fds(connected.raw, [frame(REQUEST, 1, b"{}")], [0])
    connected.reactor.run()
    assert connected.lost == ["descriptors came that nobody asked for"]


def test_this_user_is_ours() -> None:
    near, far = socket.socketpair()
    assert is_ours(near)
    near.close()
    far.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_another_user_is_not() -> None:
    address = f"\0perdure-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as client:
        listening.bind(address)
        listening.listen()
        pid = os.fork()
        if pid == 0:
            try:
                os.setresuid(12_345, 12_345, 12_345)
                client.connect(address)
            finally:
                os._exit(0)
        connection, _ = listening.accept()
        with connection:
            assert not is_ours(connection)
        os.waitpid(pid, 0)
