"""What is told of messages while somebody watches."""

from collections.abc import AsyncIterator, Mapping

import pytest

from perdure.runtime.sockets.watch import WatchedSocket, message_fields, watch
from tests.runtime.slow import SlowPeer, texts


@pytest.mark.parametrize(
    ("message", "kind", "size"),
    [("abc", "text", 3), ("é", "text", 2), (b"abc", "binary", 3), ("", "text", 0)],
)
def test_of_a_message_its_size_in_bytes_is_told(message: str | bytes, kind: str, size: int) -> None:
    assert message_fields(message) == {"kind": kind, "size_bytes": size}


Told = list[tuple[str, Mapping[str, object]]]


@pytest.fixture
async def told() -> AsyncIterator[Told]:
    heard: Told = []

    def tell(name: str, socket: WatchedSocket, fields: Mapping[str, object]) -> None:
        heard.append((name, fields))

    watch.tell = tell
    yield heard
    watch.tell = None


def sizes(told: Told) -> list[object]:
    return [fields["size_bytes"] for name, fields in told if name == "message.sent"]


async def test_each_message_is_told_once_whichever_way_it_takes(told: Told) -> None:
    for delivery in ("close", "drop_oldest", "latest", "coalesce"):
        peer = SlowPeer(delivery, 10_000_000)
        told.clear()
        messages = ["a", "bb", *texts(150)]
        peer.send("a")
        peer.send("bb", *messages[2:])
        peer.reads_all()
        if delivery == "coalesce":  # those that waited are one message
            assert sizes(told)[0] == len("a")
        else:
            assert sizes(told) == [len(message) for message in messages]
        peer.end()


async def test_dropped_messages_and_an_overflow_are_told(told: Told) -> None:
    peer = SlowPeer("drop_oldest", 100_000)
    for message in texts(400):
        peer.send(message)
    peer.reads_all()
    dropped = [fields["count"] for name, fields in told if name == "message.dropped"]
    assert sum(int(str(count)) for count in dropped) == peer.connection.dropped_messages > 0
    peer.end()
    peer = SlowPeer("close", 100_000)
    for message in texts(400):
        peer.send(message)
    assert [name for name, _ in told].count("websocket.queue.overflowed") == 1
    peer.end()
