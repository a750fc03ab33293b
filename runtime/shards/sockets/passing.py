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
from typing import Any, Protocol, cast

from ....actors.http import Request, UpgradeSocket
from ....actors.link import NoPeer, SocketLink
from ....actors.session import INTERNAL_ERROR
from ....actors.socket_events import Listener
from ....storage.errors import InternalError
from ..link.errors import LinkBroken, LinkEnded
from ..link.framing import Frame
from ..link.kinds import DROP, TAKE, TAKEN
from ..link.link import Link
from ..link.messages import SocketRef
from .connection import Connection
from .held_sockets import HeldLimits, HeldSocket, HeldSockets
from .linked_sockets import LinkedSockets
from .passed_web_socket import LocalConnection, PassedWebSocket
from .states import HeldState

# What front.py says of one that it has within its own process.
USED = "Can't return WebSocket in a Response after calling accept(), or twice."
USED_LATE = "the WebSocket was used after it was returned in a Response"


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
        self._is_lent: set[UpgradeSocket] = set()  # the same

    def __len__(self) -> int:
        return len(self._lent)

    def lend(self, web_socket: UpgradeSocket) -> SocketRef:
        """Keep ``web_socket`` for whoever comes with the reference that this returns.

        Raises:
            TypeError: User code has used it, or has sent it away before.
        """
        if not web_socket.can_be_handed_over or web_socket in self._is_lent:
            raise TypeError(USED)
        number = next(self._numbers)
        self._lent[number] = web_socket
        self._is_lent.add(web_socket)
        return SocketRef(self._slot, self._generation, number)

    def borrow(self, ref: SocketRef) -> UpgradeSocket:
        """Only who may lend may send a reference: no router may."""
        raise LinkBroken(f"a router has no sockets to lend: {ref}")

    def serve(self, link: Link, linked: LinkedSockets) -> None:
        """Give sockets to the process at the other end of ``link``; ``linked`` are its sessions."""

        def take(frame: Frame) -> None:
            linked_socket = linked.begin(frame[2])
            socket = self._take(frame[1])
            if socket.can_be_handed_over:
                socket.hand_over(linked_socket)
                linked.tell([TAKEN, linked_socket.session])
            else:  # user code has accepted it behind the answer that carried it
                linked_socket.sever(INTERNAL_ERROR, USED_LATE)

        def drop(frame: Frame) -> None:
            socket = self._take(frame[1])
            if socket.can_be_handed_over:
                socket.hand_over(NoPeer())

        link.handle(TAKE, take)
        link.handle(DROP, drop)

    def let_go(self) -> None:
        """Nobody will come any more."""
        lent, self._lent = list(self._lent.values()), {}
        self._is_lent.clear()
        for socket in lent:
            if socket.can_be_handed_over:
                socket.hand_over(NoPeer())

    def _take(self, number: int) -> UpgradeSocket:
        socket = self._lent.pop(number, None)
        if socket is None:
            raise LinkBroken(f"socket {number} was not lent, or was taken already")
        self._is_lent.discard(socket)
        return socket


class OnHeld(Protocol):
    """What becomes of a held socket."""

    def early(self, held: HeldSocket, socket: "BorrowedSocket") -> None:
        """``held`` is orphaned from the beginning: nothing leads to the process of ``socket``."""
        ...

    def orphaned(self, held: HeldSocket) -> None:
        """The process of its actor has gone."""
        ...

    def over(self, held: HeldSocket) -> None:
        """Nothing will come of it any more."""
        ...


class BorrowedSockets:
    """Sockets of workers that clients of this process, a router, are to have.

    Attributes:
        held: Clients that have one, whether a worker is there or not.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, limits: HeldLimits, on_held: OnHeld
    ) -> None:
        self._loop = loop
        self._limits = limits
        self._on_held = on_held
        self._sessions = itertools.count(1)
        self._homes: dict[tuple[str, int], HeldSockets] = {}
        self.held: set[HeldSocket] = set()

    def add_worker(self, slot: str, generation: int, home: HeldSockets) -> None:
        """Sockets of this process's actors are held in ``home``, as long as its link lives."""
        self._homes[slot, generation] = home

        def forget(_: LinkEnded) -> None:
            del self._homes[slot, generation]

        home.link.when_ended(forget)

    def tell_news(self) -> None:
        """Tell all workers what their actors do not know yet of their clients' connections."""
        for home in self._homes.values():
            home.facts.tell_news()

    def lend(self, web_socket: UpgradeSocket) -> SocketRef:
        """No response leaves a router for another process."""
        raise InternalError(f"a router has no sockets to lend: {web_socket!r}")

    def borrow(self, ref: SocketRef) -> UpgradeSocket:
        """The socket that ``ref`` names, for the client whose response carries it."""
        return BorrowedSocket(ref, self)

    def take(self, ref: SocketRef, connection: "SocketLink | LocalConnection") -> None:
        """Have the actor speak with the client of ``connection`` from now on."""
        self.take_as(BorrowedSocket(ref, self), connection)

    def take_as(self, socket: "BorrowedSocket", connection: "SocketLink | LocalConnection") -> None:
        """Likewise, and have what is known of ``socket`` remembered."""
        ref, session, on_held = socket.ref, next(self._sessions), self._on_held
        home = self._homes.get((ref.slot, ref.generation))
        if home is not None:
            home.link.send([TAKE, ref.number, session])
        held = HeldSocket(
            session,
            cast("Connection", connection),  # of runtime/sockets, which knows no Receipted
            home,
            self._loop,
            self._limits,
            on_held.orphaned,
            self._over,
        )
        if held.state is not HeldState.OVER:
            self.held.add(held)
        held.request, held.protocol = socket.request, socket.protocol
        if home is None:
            on_held.early(held, socket)
        else:
            held.wait_until_taken()

    def _over(self, held: HeldSocket) -> None:
        self.held.discard(held)
        self._on_held.over(held)

    def take_for(self, ref: SocketRef, held: HeldSocket) -> bool:
        """Have an orphaned client speak with the actor; return whether its process is there."""
        home = self._homes.get((ref.slot, ref.generation))
        if home is None:
            return False
        home.link.send([TAKE, ref.number, held.session])
        held.wait_until_taken()
        held.attach(home)
        return True

    def drop(self, ref: SocketRef) -> None:
        """Nobody wants the socket that ``ref`` names."""
        home = self._homes.get((ref.slot, ref.generation))
        if home is not None:
            home.link.send([DROP, ref.number])


class WorkerPassing:
    """Both ways, for a worker's links to others. Is a ``SocketPassing``."""

    def __init__(self, lent: LentSockets, borrowed: BorrowedSockets) -> None:
        self._lent = lent
        self._borrowed = borrowed

    def lend(self, web_socket: UpgradeSocket) -> SocketRef:
        """As ``LentSockets``; one from elsewhere that was not used goes on as it came."""
        if isinstance(web_socket, PassedWebSocket) and web_socket.can_be_handed_over:
            return web_socket.pass_on()
        return self._lent.lend(web_socket)

    def borrow(self, ref: SocketRef) -> UpgradeSocket:
        """The socket that ``ref`` names, as user code may have it."""
        return PassedWebSocket.of(ref, self._borrowed)


class BorrowedSocket:
    """The end of a WebSocket that a worker has lent, in a router. Is an ``UpgradeSocket``.

    There is no user code in a router, so nobody accepts it or listens to it here.

    Attributes:
        ref: Where it is.
        request: How its client has asked for it; None if nobody could ask again.
        protocol: The subprotocol of the answer that carries it; None for none.
    """

    on_open: Listener | None = None
    on_message: Listener | None = None
    on_close: Listener | None = None
    on_error: Listener | None = None
    ready_state = 1

    def __init__(
        self,
        ref: SocketRef,
        lender: "BorrowedSockets",
    ) -> None:
        self.ref = ref
        self._lender = lender
        self.can_be_handed_over = True
        self.request: Request | None = None
        self.protocol: str | None = None

    def hand_over(self, link: SocketLink) -> None:
        """Have the actor speak with the client of ``link``."""
        assert self.can_be_handed_over, "a client has it"
        self.can_be_handed_over = False
        if isinstance(link, NoPeer):
            self._lender.drop(self.ref)
        else:
            self._lender.take_as(self, link)

    def attach(self, held: HeldSocket) -> bool:
        """Have an orphaned client instead; return whether the actor's process is still there."""
        is_there = self._lender.take_for(self.ref, held)
        self.can_be_handed_over = not is_there
        return is_there

    def _nobody_here(self, *_: Any, **__: Any) -> Any:
        raise InternalError(f"{self.ref} is another process's, and no user code runs here")

    accept = send = close = add_event_listener = remove_event_listener = _nobody_here
    __aiter__ = _nobody_here
