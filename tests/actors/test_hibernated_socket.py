"""What is kept of a socket while its actor is not in memory."""

import sys

from perdure.actors.hibernated_socket import HibernatedSocket
from perdure.actors.session import CloseFrame, Lost
from tests.world import FakeLink


def test_the_first_that_is_heard_wakes_and_all_of_it_is_kept_in_order() -> None:
    woken: list[HibernatedSocket] = []
    link = FakeLink()
    socket = HibernatedSocket("id", ("red",), b"kept", link, woken.append, is_closing=False)
    assert link.receiver is socket
    link.says("one")
    link.says(b"two")
    assert not link.reading, "more stays with the client until somebody hears it"
    link.says(CloseFrame(1000, "bye"))
    link.is_lost(1006, "gone")
    assert woken == [socket]
    assert socket.early == ["one", b"two", CloseFrame(1000, "bye"), Lost(1006, "gone")]


def test_its_connection_can_be_ended_and_told_what_to_answer() -> None:
    link = FakeLink()
    socket = HibernatedSocket("id", (), None, link, lambda _: None, is_closing=False)
    socket.set_auto_response(("ping", "pong"))
    socket.hold()
    socket.go_on()
    socket.sever(1001, "going")
    assert link.auto_response == ("ping", "pong")
    assert link.severed == [CloseFrame(1001, "going")]


def test_it_is_small() -> None:
    socket = HibernatedSocket("id", (), None, FakeLink(), lambda _: None, is_closing=False)
    assert sys.getsizeof(socket) + sys.getsizeof(socket.early) < 200
    assert not hasattr(socket, "__dict__")
