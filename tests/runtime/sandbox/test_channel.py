import os
import socket
from collections.abc import Iterator

import pytest

from perdure.runtime.sandbox.channel import Channel
from perdure.runtime.sandbox.reactor import Reactor
from perdure.runtime.sandbox.wire import DATA, END, EVENT, Frame, frame


class Ends:
    """Two ends of a channel, on one reactor."""

    def __init__(self, descriptors_max: int = 1, unsent_bytes_max: int | None = None) -> None:
        self.reactor = Reactor()
        self.heard: list[Frame] = []
        self.lost: list[str | None] = []
        self.wanted = 0
        near, far = socket.socketpair()
        self.raw = far
        self.near = Channel(
            near,
            self.reactor,
            on_frame=self._hear,
            on_lost=self._lose,
            descriptors_max=descriptors_max,
            unsent_bytes_max=unsent_bytes_max,
        )

    def other(self) -> Channel:
        return Channel(
            self.raw, self.reactor, on_frame=self._hear, on_lost=self._lose, descriptors_max=9
        )

    def _hear(self, *each: int | bytes) -> None:
        self.heard.append(each)  # type: ignore[arg-type]
        if len(self.heard) == self.wanted:
            self.reactor.stop()

    def _lose(self, why: str | None) -> None:
        self.lost.append(why)
        self.reactor.stop()

    def until(self, count: int) -> None:
        self.wanted = count
        self.reactor.is_stopped = False
        if len(self.heard) < count:
            self.reactor.run()


@pytest.fixture
def ends() -> Iterator[Ends]:
    ends = Ends()
    yield ends
    ends.near.close()
    ends.raw.close()
    ends.reactor.close()


def test_frames_arrive_in_order_however_much_it_is(ends: Ends) -> None:
    other = ends.other()
    for number in range(500):
        ends.near.send(DATA, number, bytes([number % 256]) * 20_000)
    assert ends.near.unsent_bytes > 0
    ends.until(500)
    assert [each[1] for each in ends.heard] == list(range(500))
    assert all(each[2] == bytes([each[1] % 256]) * 20_000 for each in ends.heard)
    assert ends.near.unsent_bytes == 0
    other.close()


def test_a_descriptor_is_there_when_its_frame_is(ends: Ends) -> None:
    other = ends.other()
    for number in range(5):
        reader, writer = os.pipe()
        os.write(writer, b"%d" % number)
        os.close(writer)
        ends.near.send(DATA, number, bytes(60_000))
        ends.near.send(EVENT, number, b"{}", reader)
    ends.until(10)
    for number in range(5):
        descriptor = other.take_descriptor()
        assert os.read(descriptor, 10) == b"%d" % number
        assert not os.get_inheritable(descriptor)
        os.close(descriptor)
    other.close()


def test_descriptors_that_nobody_asked_for_end_it(ends: Ends) -> None:
    socket.send_fds(ends.raw, [frame(END, 1)], [0, 1])
    ends.until(2)
    assert ends.lost == ["descriptors came that nobody asked for"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", None),
        (frame(END, 1), None),
        (frame(DATA, 1, b"x" * 10)[:-1], "it ended within a frame"),
        (b"GET / HTTP/1.1\r\n", "a frame of kind 47, which does not exist"),
    ],
)
def test_its_end_says_whether_it_was_in_good_order(
    ends: Ends, data: bytes, why: str | None
) -> None:
    ends.raw.sendall(data)
    ends.raw.close()
    ends.until(100)
    assert ends.lost == [why]
    assert not ends.near.is_open
    ends.near.send(END, 1)
    assert ends.lost == [why]


def test_what_cannot_be_sent_is_closed(ends: Ends) -> None:
    reader, writer = os.pipe()
    ends.raw.close()
    ends.near.send(END, 1)
    ends.until(100)
    ends.near.send(EVENT, 1, b"{}", reader)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(reader)
    os.close(writer)


def test_who_does_not_read_answers_is_not_heard(ends: Ends) -> None:
    slow = Ends(unsent_bytes_max=100_000)
    for number in range(50):
        slow.near.send(DATA, number, bytes(20_000))
    slow.raw.sendall(frame(END, 7))
    slow.reactor.call_later(0.05, slow.reactor.stop)
    slow.reactor.run()
    assert slow.heard == []
    slow.raw.setblocking(False)
    slow.reactor.watch(slow.raw.fileno(), lambda: slow.raw.recv(100_000))
    slow.until(1)
    assert slow.heard == [(END, 7, b"")]
    slow.near.close()
    slow.reactor.unwatch(slow.raw.fileno())
    slow.raw.close()
    slow.reactor.close()


def test_what_waits_is_sent_before_it_finishes(ends: Ends) -> None:
    ends.near.send(EVENT, 0, b'{"ending": {}}')
    ends.near.finish(1.0)
    assert ends.raw.recv(1000) == frame(EVENT, 0, b'{"ending": {}}')
    assert ends.raw.recv(1000) == b""
    assert ends.lost == []
