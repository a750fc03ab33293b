"""An actor's socket in another process, whose user code has it."""

import pytest

from perdure.actors.errors import SocketStateError
from perdure.actors.link import NoPeer
from perdure.actors.session import CloseFrame
from perdure.runtime.shards.link.messages import SocketRef
from perdure.runtime.shards.sockets.passed_web_socket import LocalConnection, PassedWebSocket
from tests.runtime.shards.sockets.test_linked_sockets import Ear
from tests.world import FakeLink, World

REF = SocketRef("1", 2, 3)


class Lender:
    """Notes what is asked of it; ``taken`` is the other side of a socket that was taken."""

    def __init__(self) -> None:
        self.dropped: list[SocketRef] = []
        self.taken: list[tuple[SocketRef, LocalConnection]] = []

    def take(self, ref: SocketRef, connection: LocalConnection) -> None:
        self.taken.append((ref, connection))
        self.actor = Ear()
        connection.set_receiver(self.actor)

    def drop(self, ref: SocketRef) -> None:
        self.dropped.append(ref)


def test_it_goes_on_as_it_came() -> None:
    lender = Lender()
    socket = PassedWebSocket.of(REF, lender)
    assert socket.can_be_handed_over
    assert socket.pass_on() == REF
    assert not socket.can_be_handed_over
    assert (lender.taken, lender.dropped) == ([], [])


def test_nobody_wants_it() -> None:
    lender = Lender()
    PassedWebSocket.of(REF, lender).hand_over(NoPeer())
    assert (lender.taken, lender.dropped) == ([], [REF])


async def test_user_code_speaks_with_the_actor(world: World) -> None:
    lender, heard = Lender(), []

    def accept(lab: object) -> PassedWebSocket:
        del lab
        socket = PassedWebSocket.of(REF, lender)
        socket.accept()
        socket.on_message = lambda event: heard.append(event.data)
        socket.on_close = lambda event: heard.append((event.code, event.reason))
        socket.send("first")
        return socket

    socket = await world.inside(accept)
    [(ref, connection)] = lender.taken
    assert ref == REF
    assert lender.actor.heard == ["first"]
    connection.transmit(("a", ("key", b"b")))
    connection.set_auto_response(("ping", "pong"))
    await world.inside(lambda _: socket.send("ping"))
    assert lender.actor.heard == ["first"], "answered without the actor"
    connection.transmit((), (4000, "bye"))
    assert heard == ["a", b"b", "pong", (4000, "bye")]
    assert lender.actor.heard[1:] == [("close", 4000, "bye")]


@pytest.mark.parametrize(
    ("code", "heard"), [(1006, (1006, "gone", False)), (1012, (1012, "gone", True))]
)
async def test_the_actors_end_ends_it(
    world: World, code: int, heard: tuple[int, str, bool]
) -> None:
    lender, events = Lender(), []

    def accept(lab: object) -> None:
        del lab
        socket = PassedWebSocket.of(REF, lender)
        socket.accept()
        socket.on_close = lambda event: events.append((event.code, event.reason, event.was_clean))

    await world.inside(accept)
    lender.taken[0][1].sever(code, "gone")
    assert events == [heard]


async def test_it_is_joined_with_a_connection_of_this_process() -> None:
    lender, link = Lender(), FakeLink()
    socket = PassedWebSocket.of(REF, lender)
    socket.hand_over(link)
    link.says("to the actor")
    assert lender.actor.heard == ["to the actor"]
    lender.taken[0][1].transmit(("from the actor",), (1000, "done"))
    assert link.sent == ["from the actor", CloseFrame(1000, "done")]
    with pytest.raises(SocketStateError):
        socket.hand_over(link)
