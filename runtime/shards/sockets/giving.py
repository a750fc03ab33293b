"""Connections that a worker has opened, given to the router whose client speaks over them.

A Worker that answers a client with the WebSocket of a server elsewhere, or inside a sandbox, has
nothing more to say in it. Over the link each message would take two more hops than it needs, and
both connections would end with the worker.

*Promise*: whoever had sent anything over the connection before it was given has sent it; what had
come is with it. If it cannot be given, it stays, and goes over the link. A sandbox is kept awake
for it here until the router says that it does that.
*Assumes*: one thread, and that frames leave in the order in which they are told.
"""

from collections.abc import Callable
from functools import partial

from ...sockets.movable_socket import MovableSocket
from ..link.errors import LinkEnded
from ..link.framing import Frame
from ..link.kinds import GIVEN, HELD, ROUTER
from ..link.link import Link
from .linked_sockets import LinkedSocket, LinkedSockets


class Giving:
    """What one worker gives over one link.

    Args:
        link: The link; only routers are given anything.
        linked: The sessions on it.
    """

    def __init__(self, link: Link, linked: LinkedSockets) -> None:
        self._link = link
        self._linked = linked
        # What has to be done here when the router has it, by its session.
        self._given: dict[int, Callable[[], None]] = {}
        link.handle(HELD, self._held)
        link.when_ended(self._ended)

    def give(self, linked_socket: LinkedSocket) -> bool:
        """Give away what passes on all that a client says, if it is such a connection.

        Returns:
            Whether it was; the session is none of this process's any more then.
        """
        inner = getattr(linked_socket.receiver, "passes_to", None)
        peer, descriptors = self._link.peer, self._link.descriptors
        if peer is None or peer.role != ROUTER or descriptors is None:
            return False
        if not isinstance(inner, MovableSocket) or inner.compresses or not inner.may_move:
            return False
        session = linked_socket.session
        inner.pause()
        inner.hold_back()
        with inner.duplicate() as descriptor:
            if not inner.is_dry or not descriptors.give(session, descriptor):
                inner.let_flow()
                inner.resume()
                return False
        state = inner.take_out()
        on_end, inner.on_end = inner.on_end, None
        if on_end is not None:
            self._given[session] = partial(on_end, inner)
        self._linked.tell([GIVEN, session, state.inbound, inner.sandbox_id])
        self._linked.forget(session)
        inner.give_away()
        return True

    def _held(self, frame: Frame) -> None:
        given = self._given.pop(frame[1], None)
        if given is not None:
            given()

    def _ended(self, end: LinkEnded) -> None:
        del end
        given, self._given = self._given, {}
        for each in given.values():
            each()
