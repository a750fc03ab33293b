"""Both ends of a control connection on a real socketpair."""

import asyncio
import os
import socket
from collections.abc import Iterator, Sequence

import pytest

from perdure.runtime.shards.supervisor.control import UNSENT_SIZE_BYTES_MAX, ControlConnection
from perdure.runtime.shards.supervisor.errors import ControlBroken
from perdure.runtime.shards.supervisor.messages import (
    SIZE_BYTES_MAX,
    Configure,
    Hello,
    Link,
    Message,
    Ping,
    Pong,
    Ready,
    Stop,
    Tell,
    encode,
)
from perdure.runtime.shards.version import VERSION

WAIT_S = 60
HELLO = Hello(VERSION, "spare", "", 0)


class End:
    """One end, and what it was told."""

    def __init__(self, connection: socket.socket, *, is_supervisor: bool, version: str) -> None:
        self.messages: asyncio.Queue[tuple[Message, Sequence[socket.socket]]] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[str | None] = loop.create_future()
        self.kept: list[socket.socket] = []
        self.control = ControlConnection(
            connection,
            loop,
            is_supervisor=is_supervisor,
            on_message=self.hear,
            on_lost=self.lost.set_result,
            version=version,
        )

    def hear(self, message: Message, sockets: Sequence[socket.socket]) -> None:
        self.kept += sockets
        self.messages.put_nowait((message, sockets))

    async def next(self) -> Message:
        async with asyncio.timeout(WAIT_S):
            return (await self.messages.get())[0]

    async def next_sockets(self) -> Sequence[socket.socket]:
        async with asyncio.timeout(WAIT_S):
            return (await self.messages.get())[1]

    async def why(self) -> str | None:
        async with asyncio.timeout(WAIT_S):
            return await self.lost


class Pairs:
    """Makes ends, and closes them."""

    def __init__(self) -> None:
        self.ends: list[End] = []
        self.raw: list[socket.socket] = []

    def both(self, version: str = VERSION) -> tuple[End, End]:
        """A supervisor's end, and a child's."""
        left, right = socket.socketpair()
        ends = (
            End(left, is_supervisor=True, version=VERSION),
            End(right, is_supervisor=False, version=version),
        )
        self.ends += ends
        return ends

    def one(self, *, is_supervisor: bool = True) -> tuple[End, socket.socket]:
        """An end, and a bare socket that may say to it whatever it likes."""
        left, right = socket.socketpair()
        right.settimeout(WAIT_S)
        end = End(left, is_supervisor=is_supervisor, version=VERSION)
        self.ends.append(end)
        self.raw.append(right)
        return end, right

    def close(self) -> None:
        for end in self.ends:
            end.control.close()
            self.raw += end.kept
        for one in self.raw:
            one.close()


@pytest.fixture
def pairs() -> Iterator[Pairs]:
    pairs = Pairs()
    yield pairs
    pairs.close()


async def test_both_sides_greet_and_messages_arrive_in_order(pairs: Pairs) -> None:
    supervisor, child = pairs.both()
    assert await supervisor.next() == HELLO
    assert await child.next() == Hello(VERSION, "supervisor", "", 0)
    for number in range(100):
        supervisor.control.send(Ping(number))
    assert [await child.next() for _ in range(100)] == [Ping(number) for number in range(100)]
    child.control.send(Pong(7))
    assert await supervisor.next() == Pong(7)


async def test_a_descriptor_arrives_with_its_message_and_leads_where_it_should(
    pairs: Pairs,
) -> None:
    supervisor, child = pairs.both()
    ends = [socket.socketpair() for _ in range(20)]
    for number, (_, far) in enumerate(ends):
        supervisor.control.send(Ping(number))
        supervisor.control.send(Link("worker", str(number), 1), [far])
    await child.next()
    for number, (near, _) in enumerate(ends):
        assert await child.next() == Ping(number)
        (far,) = await child.next_sockets()
        assert not os.get_inheritable(far.fileno())
        with near:
            near.sendall(b"%d" % number)
        assert far.recv(100) == b"%d" % number
    assert [far.fileno() for _, far in ends] == [-1] * 20  # the sender has let go of them


async def test_large_messages_with_several_descriptors_arrive_whole(pairs: Pairs) -> None:
    supervisor, child = pairs.both()
    settings = os.urandom(SIZE_BYTES_MAX - 100)
    for _ in range(3):
        supervisor.control.send(
            Configure("worker", "0", 1, settings, 2),
            [socket.socket(), socket.socket()],
        )
    await child.next()
    for _ in range(3):
        assert await child.next() == Configure("worker", "0", 1, settings, 2)
    assert len(child.kept) == 6


async def test_another_version_is_refused_by_both_sides(pairs: Pairs) -> None:
    supervisor, child = pairs.both(version="9.9")
    for end in (supervisor, child):
        why = await end.why()
        assert why is not None
        assert "'9.9'" in why
        assert repr(VERSION) in why


async def test_the_end_of_the_other_side_is_told_after_its_last_words(pairs: Pairs) -> None:
    supervisor, child = pairs.both()
    child.control.send(Ready(b"x"))
    child.control.close()
    assert [await supervisor.next(), await supervisor.next()] == [HELLO, Ready(b"x")]
    assert await supervisor.why() is None
    supervisor.control.send(Stop())  # to nobody
    assert not child.lost.done()  # who closes needs not be told


async def test_last_words_can_be_read_without_the_loop(pairs: Pairs) -> None:
    supervisor, child = pairs.both()
    child.control.send(Ready(b"x"))
    child.control.close()
    supervisor.control.read_out()
    assert [supervisor.messages.get_nowait()[0] for _ in range(2)] == [HELLO, Ready(b"x")]
    assert supervisor.lost.done()


async def test_an_end_that_comes_within_a_message_is_said_to(pairs: Pairs) -> None:
    end, raw = pairs.one()
    raw.sendall(encode(HELLO) + encode(Pong(1))[:-1])
    raw.close()
    assert await end.why() == "it ended within a message"


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (encode(Pong(1)), "greeting"),
        (encode(HELLO) + encode(HELLO), "greeting"),
        (encode(HELLO) + encode(Stop()), "may not send"),
        (encode(HELLO) + b"\xff\xff\xff\xff", "a message of 4294967295 bytes"),
        (b"GET / HTTP/1.1\r\n\r\n", "a message of"),
        (encode(HELLO) + b"\x00\x00\x00\x01\xc1", "no message"),
    ],
)
async def test_garbage_cuts_the_peer_off(pairs: Pairs, said: bytes, problem: str) -> None:
    end, raw = pairs.one()
    raw.sendall(said)
    assert problem in str(await end.why())
    raw.recv(1000)  # its greeting
    with pytest.raises((ConnectionResetError, EOFError)):
        if not raw.recv(1000):
            raise EOFError


async def test_a_message_that_promises_a_descriptor_must_have_one(pairs: Pairs) -> None:
    end, raw = pairs.one(is_supervisor=False)
    raw.sendall(encode(Hello(VERSION, "supervisor", "", 0)) + encode(Link("worker", "0", 1)))
    assert await end.why() == "Link without its descriptors"


async def test_descriptors_that_belong_to_no_message_cut_the_peer_off(pairs: Pairs) -> None:
    end, raw = pairs.one()
    near, far = socket.socketpair()
    socket.send_fds(raw, [encode(HELLO)], [far.fileno()])
    far.close()
    assert await end.why() == "descriptors without a message"
    with near:
        near.settimeout(WAIT_S)
        assert near.recv(1) == b""  # what was sent was closed


async def test_descriptors_cannot_be_heaped_up_behind_half_a_message(pairs: Pairs) -> None:
    end, raw = pairs.one()
    raw.sendall(encode(HELLO) + (1000).to_bytes(4))
    with socket.socket() as sent:
        for _ in range(17):
            socket.send_fds(raw, [b"x"], [sent.fileno()])
    assert "too many descriptors" in str(await end.why())


async def test_more_descriptors_than_a_message_may_have_cut_the_peer_off(pairs: Pairs) -> None:
    end, raw = pairs.one()
    with socket.socket() as sent:
        socket.send_fds(raw, [encode(HELLO)], [sent.fileno()] * 40)
    assert "too many descriptors" in str(await end.why())


async def test_a_descriptor_that_is_no_socket_cuts_the_peer_off(pairs: Pairs) -> None:
    end, raw = pairs.one()
    reader, writer = os.pipe()
    with socket.socket() as sent:
        socket.send_fds(raw, [encode(HELLO)], [sent.fileno(), writer])
    os.close(writer)
    assert await end.why() == "a descriptor that is no socket"
    with os.fdopen(reader, "rb") as pipe:
        assert pipe.read() == b""  # nobody has the other end any more


async def test_who_does_not_read_is_cut_off(pairs: Pairs) -> None:
    end, _ = pairs.one()
    for _ in range(UNSENT_SIZE_BYTES_MAX // 2**20 + 2):
        end.control.send(Tell(bytes(2**20)))
    assert await end.why() == "the other side does not read"


async def test_what_waits_to_be_sent_is_sent_when_the_other_side_reads(pairs: Pairs) -> None:
    supervisor, child = pairs.both()
    for number in range(5):
        child.control.send(Tell(bytes([number]) * 2**20))
    await supervisor.next()
    for number in range(5):
        assert await supervisor.next() == Tell(bytes([number]) * 2**20)


async def test_a_message_that_is_too_large_is_not_sent_and_hurts_nobody(pairs: Pairs) -> None:
    supervisor, child = pairs.both()
    with pytest.raises(ControlBroken):
        child.control.send(Tell(bytes(SIZE_BYTES_MAX)))
    child.control.send(Pong(1))
    assert [await supervisor.next(), await supervisor.next()] == [HELLO, Pong(1)]


async def test_closing_gives_back_what_was_to_be_sent(pairs: Pairs) -> None:
    end, _ = pairs.one()
    near, far = socket.socketpair()
    end.control.send(Tell(bytes(2**20)))  # fills the socket
    end.control.send(Link("worker", "0", 1), [far])
    end.control.close()
    with near:
        near.settimeout(WAIT_S)
        assert near.recv(1) == b""
    late = socket.socket()
    end.control.send(Link("worker", "0", 1), [late])
    assert late.fileno() == -1
