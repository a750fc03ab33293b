"""What carries frames, and what joins two of them."""

from typing import Any

from perdure.actors.link import PairLink, Relay, SocketLink, SocketReceiver, join
from perdure.actors.session import CloseFrame
from perdure.actors.websocket import WebSocket
from tests.world import FakeLink


def test_each_joined_link_hears_the_other() -> None:
    one, other = FakeLink(), FakeLink()
    join(one, other)
    one.says("to the other")
    other.says(b"to the one")
    one.says(CloseFrame(4000, "bye"))
    assert other.sent == ["to the other", CloseFrame(4000, "bye")]
    assert one.sent == [b"to the one"]


def test_a_link_whose_other_side_was_lost_is_ended_with_1011() -> None:
    one, other = FakeLink(), FakeLink()
    join(one, other)
    assert one.receiver is not None
    one.receiver.receive_lost(1006, "vanished")
    assert [frame.code for frame in other.severed] == [1011]
    assert one.severed == []


def test_a_relay_passes_each_frame_on_by_itself() -> None:
    link = FakeLink()
    relay = Relay(link)
    relay.receive("a")
    relay.receive("b")
    assert link.sent == ["a", "b"]


def test_sockets_and_links_fit_together() -> None:
    """Those that are not told apart by their types: what mypy checks is checked here by use."""
    link: SocketLink = FakeLink()
    receiver: SocketReceiver = WebSocket.unaccepted()
    link.set_receiver(receiver)
    pair: SocketLink = PairLink(WebSocket.unaccepted())
    members: list[Any] = [name for name in vars(SocketLink) if not name.startswith("_")]
    assert all(hasattr(pair, name) for name in members)
    assert pair.buffered_size_bytes == 0


def test_a_relay_can_hold_up_where_its_frames_go_back_to() -> None:
    one, other = FakeLink(), FakeLink()
    join(one, other)
    assert isinstance(one.receiver, Relay)
    one.receiver.hold()  # one cannot write as fast as the other is read
    assert (one.reading, other.reading) == (True, False)
    one.receiver.go_on()
    assert (one.reading, other.reading) == (True, True)
