"""WebSockets that responses carry from process to process, until somebody takes them.

A worker *lends* the socket of a response that leaves it; a reference travels instead. Whoever ends
up with the response takes the socket from that worker, over a link of its own: an entrypoint in
another process, that only passed the response on, is not in the way of its frames.

*Promise*: a socket that was lent is taken once, or let go of: its actor then hears that there is
nobody. A client whose actor's process has gone meanwhile is closed with 1012, and comes again.
*Assumes*: one thread. TAKE and DROP come from processes of this server only.
"""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any, Protocol, cast

from ....actors.http import UpgradeSocket
from ....actors.link import NoPeer, SocketLink
from ....actors.session import SERVICE_RESTART
from ....actors.socket_events import Listener
from ....storage.errors import InternalError
from ..link.errors import LinkBroken, LinkEnded
from ..link.framing import Frame
from ..link.kinds import DROP, TAKE
from ..link.link import Link
from ..link.messages import SocketRef
from .held_sockets import Connection, HeldLimits, HeldSocket, HeldSockets
from .linked_sockets import LinkedSockets


class LentSockets:
    """Sockets of a worker that are on their way to a client, in whatever process that ends.

    Args:
        slot: Whose they are, and
        generation: which process of that slot this is: the first two parts of a reference.
    """

    def __init__(self, slot: str, generation: int) -> None:
        self._slot = slot
        self._generation = generation
        self._numbers = itertools.count(1)
        self._lent: dict[int, UpgradeSocket] = {}

    def __len__(self) -> int:
        return len(self._lent)

    def lend(self, web_socket: UpgradeSocket) -> SocketRef:
        """Keep ``web_socket`` for whoever comes with the reference that this returns."""
        number = next(self._numbers)
        self._lent[number] = web_socket
        return SocketRef(self._slot, self._generation, number)

    def borrow(self, ref: SocketRef) -> UpgradeSocket:
        """Only who may lend may send a reference: no router may."""
        raise LinkBroken(f"a router has no sockets to lend: {ref}")

    def serve(self, link: Link, linked: LinkedSockets) -> None:
        """Give sockets to the process at the other end of ``link``; ``linked`` are its sessions."""

        def take(frame: Frame) -> None:
            linked_socket = linked.begin(frame[2])
            self._take(frame[1]).hand_over(linked_socket)

        def drop(frame: Frame) -> None:
            self._take(frame[1]).hand_over(NoPeer())

        link.handle(TAKE, take)
        link.handle(DROP, drop)

    def let_go(self) -> None:
        """Nobody will come any more."""
        lent, self._lent = list(self._lent.values()), {}
        for socket in lent:
            socket.hand_over(NoPeer())

    def _take(self, number: int) -> UpgradeSocket:
        socket = self._lent.pop(number, None)
        if socket is None:
            raise LinkBroken(f"socket {number} was not lent, or was taken already")
        return socket


class OnHeld(Protocol):
    """What becomes of a held socket."""

    def orphaned(self, held: HeldSocket) -> None:
        """The process of its actor has gone."""
        ...

    def over(self, held: HeldSocket) -> None:
        """Nothing will come of it any more."""
        ...


class BorrowedSockets:
    """Sockets of workers that clients of this process, a router, are to have."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, limits: HeldLimits, on_held: OnHeld
    ) -> None:
        self._loop = loop
        self._limits = limits
        self._on_held = on_held
        self._sessions = itertools.count(1)
        self._homes: dict[tuple[str, int], HeldSockets] = {}

    def add_worker(self, slot: str, generation: int, home: HeldSockets) -> None:
        """Sockets of this process's actors are held in ``home``, as long as its link lives."""
        self._homes[slot, generation] = home

        def forget(_: LinkEnded) -> None:
            del self._homes[slot, generation]

        home.link.when_ended(forget)

    def lend(self, web_socket: UpgradeSocket) -> SocketRef:
        """No response leaves a router for another process."""
        raise InternalError(f"a router has no sockets to lend: {web_socket!r}")

    def borrow(self, ref: SocketRef) -> UpgradeSocket:
        """The socket that ``ref`` names, for the client whose response carries it."""
        return BorrowedSocket(ref, self._take, self._drop)

    def _take(self, ref: SocketRef, connection: SocketLink) -> None:
        home = self._homes.get((ref.slot, ref.generation))
        if home is None:
            connection.sever(SERVICE_RESTART, "the actor of this connection has just been moved")
            return
        session = next(self._sessions)
        on_held = self._on_held
        home.link.send([TAKE, ref.number, session])
        HeldSocket(
            session,
            cast("Connection", connection),  # of runtime/sockets, which knows no Receipted
            home,
            self._loop,
            self._limits,
            on_held.orphaned,
            on_held.over,
        )

    def _drop(self, ref: SocketRef) -> None:
        home = self._homes.get((ref.slot, ref.generation))
        if home is not None:
            home.link.send([DROP, ref.number])


class BorrowedSocket:
    """The end of a WebSocket that a worker has lent, in a router. Is an ``UpgradeSocket``.

    There is no user code in a router, so nobody accepts it or listens to it here.
    """

    on_open: Listener | None = None
    on_message: Listener | None = None
    on_close: Listener | None = None
    on_error: Listener | None = None
    ready_state = 1

    def __init__(
        self,
        ref: SocketRef,
        take: Callable[[SocketRef, SocketLink], None],
        drop: Callable[[SocketRef], None],
    ) -> None:
        self._ref = ref
        self._take = take
        self._drop = drop
        self.can_be_handed_over = True

    def hand_over(self, link: SocketLink) -> None:
        """Have the actor speak with the client of ``link``."""
        assert self.can_be_handed_over, "a client has it"
        self.can_be_handed_over = False
        if isinstance(link, NoPeer):
            self._drop(self._ref)
        else:
            self._take(self._ref, link)

    def _nobody_here(self, *_: Any, **__: Any) -> Any:
        raise InternalError(f"{self._ref} is another process's, and no user code runs here")

    accept = send = close = add_event_listener = remove_event_listener = _nobody_here
    __aiter__ = _nobody_here
