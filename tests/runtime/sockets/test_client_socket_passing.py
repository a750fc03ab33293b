"""What passes from one connection to another: as it came, where that is the same."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.actors.link import join
from perdure.runtime.sockets.client_socket import ClientSocket
from perdure.runtime.sockets.counters import counters
from perdure.runtime.sockets.deflate import Deflate
from perdure.runtime.sockets.frames import FrameReader
from perdure.runtime.sockets.limits import SocketLimits
from perdure.runtime.sockets.watch import watch
from tests.runtime.slow import SlowTransport
from tests.wire import BINARY, CONTINUATION, PING, TEXT, close_frame, frame

LIMITS = SocketLimits(websocket_message_size_bytes_max=100_000)


class Noted:
    """Reads frames, and notes what they say."""

    def __init__(self, *, masked: bool) -> None:
        self.noted: list[Any] = []
        self.reader = FrameReader(self, LIMITS.websocket_message_size_bytes_max, masked=masked)

    def on_message(self, message: str | bytes) -> None:
        self.noted.append(message)

    def on_close(self, code: int | None, reason: str) -> None:
        self.noted.append(("close", code, reason))

    def on_ping(self, payload: bytes) -> None:
        self.noted.append(("ping", payload))

    def on_pong(self, payload: bytes) -> None:
        self.noted.append(("pong", payload))

    def on_broken(self, code: int, why: str) -> None:
        self.noted.append(("broken", code))


class Loop:
    """Of connections whose peers answer in time."""

    def call_later(self, delay_s: float, then: Any) -> "Loop":
        del delay_s, then
        return self

    def cancel(self) -> None:
        """It was not going to do it."""


class Side:
    """One of two connections that are joined."""

    def __init__(self, *, is_client: bool, deflate: Deflate | None = None) -> None:
        self.transport = SlowTransport()
        self.connection = ClientSocket(
            self.transport,
            Loop(),  # type: ignore[arg-type]  # what of a loop it needs
            LIMITS,
            is_client=is_client,
            deflate=deflate,
        )
        self.transport.protocol = self.connection
        self.transport.reads(10_000_000)
        self.masks = is_client

    @property
    def sent(self) -> bytes:
        return bytes(self.transport.arrived)

    @property
    def said(self) -> list[Any]:
        noted = Noted(masked=self.masks)
        noted.reader.feed(self.sent)
        return noted.noted


def joined() -> tuple[Side, Side]:
    """A client's connection, and one to a server."""
    client, server = Side(is_client=False), Side(is_client=True)
    join(client.connection, server.connection)
    return client, server


@contextmanager
def watched() -> Iterator[list[str]]:
    told: list[str] = []
    watch.tell = lambda name, *_: told.append(name)
    try:
        yield told
    finally:
        watch.tell = None


MESSAGES = st.tuples(
    st.sampled_from([TEXT, BINARY]), st.sampled_from([0, 1, 125, 126, 300, 70_000])
)
PIECES = st.tuples(st.just(None), st.lists(st.sampled_from([0, 1, 200]), min_size=2, max_size=4))
PINGS = st.tuples(st.just(PING), st.sampled_from([0, 5]))
CUTS = st.lists(st.integers(0, 300_000))


def encoded(said: Any, *, mask: bool) -> tuple[bytes, list[Any]]:
    """The frames, and what of them the other side is to hear."""
    kind, size = said
    if kind is None:
        last = len(size) - 1
        frames = [
            frame(CONTINUATION if n else TEXT, b"x" * each, final=n == last, mask=mask)
            for n, each in enumerate(size)
        ]
        return b"".join(frames), ["x" * sum(size)]
    data = frame(kind, b"x" * size, mask=mask)
    return data, [] if kind == PING else ["x" * size if kind == TEXT else b"x" * size]


@given(st.booleans(), st.lists(MESSAGES | PIECES | PINGS, max_size=8), CUTS, st.booleans())
def test_however_it_is_cut_the_other_side_hears_all_of_it_in_order(
    is_from_client: bool, said: list[Any], cuts: list[int], speaks_early: bool
) -> None:
    client, server = Side(is_client=False), Side(is_client=True)
    here, there = (client, server) if is_from_client else (server, client)
    parts = [encoded(each, mask=is_from_client) for each in said]
    data = b"".join(part for part, _ in parts)
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    chunks = [data[start:stop] for start, stop in itertools.pairwise(places)]
    early: list[Any] = []
    if speaks_early and not is_from_client and chunks:  # before there is anybody who hears it
        noted = Noted(masked=False)
        here.connection.set_receiver(Hearing(noted.noted))
        here.connection.data_received(chunks.pop(0))
        early = noted.noted
    join(client.connection, server.connection)
    for chunk in chunks:
        here.connection.data_received(chunk)
    heard = [each for each in there.said if each not in {("ping", b""), ("pong", b"")}]
    assert early + heard == [each for _, heard in parts for each in heard]
    pongs = [each for each in here.said if each[0] == "pong"]
    assert len(pongs) == sum(1 for kind, _ in said if kind == PING)


class Hearing:
    """A receiver that notes messages."""

    def __init__(self, noted: list[Any]) -> None:
        self.noted = noted

    def receive(self, message: Any) -> None:
        self.noted.append(message)

    def receive_close(self, code: int | None, reason: str) -> None:
        raise AssertionError((code, reason))

    def receive_lost(self, code: int, reason: str) -> None:
        raise AssertionError((code, reason))

    def hold(self) -> None:
        """Nothing is slow here."""

    def go_on(self) -> None:
        """Likewise."""


@pytest.mark.parametrize("mask", [True, False])
def test_whole_messages_leave_as_they_came_with_their_masks(mask: bool) -> None:
    client, server = joined()
    here, there = (client, server) if mask else (server, client)
    before = (counters.messages_received, counters.messages_sent)
    data = frame(TEXT, "a", mask=mask) + frame(BINARY, bytes(70_000), mask=mask)
    here.connection.data_received(data)
    assert there.sent == data
    after = (counters.messages_received, counters.messages_sent)
    assert [b - a for a, b in zip(before, after, strict=True)] == [2, 2]


def test_what_has_to_wait_waits_behind_what_came_before() -> None:
    client, server = joined()
    server.transport.room = 0
    for number in range(100):
        client.connection.data_received(frame(TEXT, f"{number:05}" * 500))
    assert "pause_reading" in client.transport.calls
    server.transport.reads(10_000_000)
    assert [each[:5] for each in server.said] == [f"{number:05}" for number in range(100)]
    assert client.transport.calls[-1] == "resume_reading"


def test_nothing_passes_behind_a_close_frame() -> None:
    client, server = joined()
    client.connection.data_received(close_frame(4001, "bye") + frame(TEXT, "late"))
    client.connection.data_received(frame(TEXT, "later"))
    assert server.said == [("close", 4001, "bye")]
    server.connection.data_received(frame(TEXT, "one more", mask=False))
    assert client.said == ["one more"]


def test_who_was_cut_off_passes_nothing_on() -> None:
    client, server = joined()
    client.connection.sever(1001, "going")
    client.connection.data_received(frame(TEXT, "late"))
    assert server.said == []


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(TEXT, "unmasked", mask=False), 1002),
        (frame(TEXT, "reserved", reserved=0x40), 1002),
        (frame(0x3, "unknown"), 1002),
        (frame(CONTINUATION, "of nothing"), 1002),
        (frame(BINARY, bytes(100_001)), 1009),
        (frame(TEXT, "fine") + frame(TEXT, "unmasked", mask=False), 1002),
    ],
    ids=["unmasked", "reserved", "unknown", "of nothing", "large", "unmasked second"],
)
def test_what_breaks_the_protocol_is_not_passed_on(data: bytes, code: int) -> None:
    client, server = joined()
    client.connection.data_received(data)
    assert client.said[-1][1] == code
    assert [each for each in server.said if each != "fine"] == [
        ("close", 1011, "the other side of this connection was lost")
    ]


def test_a_message_of_the_largest_size_passes() -> None:
    client, server = joined()
    client.connection.data_received(frame(BINARY, bytes(100_000)))
    assert server.said == [bytes(100_000)]


def test_who_watches_sees_each_message() -> None:
    client, server = joined()
    with watched() as told:
        client.connection.data_received(frame(TEXT, "a") + frame(TEXT, "b"))
    assert told == ["message.received", "message.sent"] * 2
    assert server.said == ["a", "b"]


def test_an_answer_of_its_own_comes_first() -> None:
    client, server = joined()
    client.connection.set_auto_response(("ping", "pong"))
    client.connection.data_received(frame(TEXT, "ping") + frame(TEXT, "other"))
    assert client.said == ["pong"]
    assert server.said == ["other"]


@pytest.mark.parametrize("compressing", ["client", "server"])
def test_where_one_side_compresses_messages_are_made_anew(compressing: str) -> None:
    deflates = {compressing: Deflate(15, 0)}
    client = Side(is_client=False, deflate=deflates.get("client"))
    server = Side(is_client=True, deflate=deflates.get("server"))
    join(client.connection, server.connection)
    data = frame(TEXT, "x" * 1000)
    client.connection.data_received(data)
    assert server.sent != data
    assert len(server.sent) < len(data) if compressing == "server" else server.said == ["x" * 1000]


def test_two_connections_of_the_same_side_need_other_masks() -> None:
    one, other = Side(is_client=False), Side(is_client=False)
    join(one.connection, other.connection)
    one.connection.data_received(frame(TEXT, "a"))
    assert other.sent == frame(TEXT, "a", mask=False)
