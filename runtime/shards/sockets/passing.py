"""WebSockets that responses carry from process to process, until somebody takes them.

A worker *lends* the socket of a response that leaves it; a reference travels instead. Whoever ends
up with the response takes the socket from that worker, over a link of its own: an entrypoint in
another process, that only passed the response on, is not in the way of its frames.

*Promise*: a socket that was lent is taken once, or let go of: its actor then hears that there is
nobody. So it is when the process has gone that its response went to. A client whose actor's process
has gone meanwhile is closed with 1012, and comes again.
*Assumes*: one thread. TAKE and DROP come from processes of this server only.
"""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any, Protocol, cast

from ....actors.http import Request, UpgradeSocket
from ....actors.link import NoPeer, SocketLink
from ....actors.session import INTERNAL_ERROR, SERVICE_RESTART
from ....actors.socket_events import Listener
from ....actors.websocket import WebSocket
from ....storage.errors import InternalError
from ..link.errors import LinkBroken, LinkEnded
from ..link.framing import Frame
from ..link.kinds import DROP, TAKE, TAKEN, WHOSE
from ..link.link import Link
from ..link.messages import SocketRef
from .connection import Connection
from .giving import Giving
from .held_sockets import HeldSocket, HeldSockets
from .linked_sockets import LinkedSocket, LinkedSockets
from .passed_web_socket import LocalConnection, PassedWebSocket
from .reading import HeldLimits
from .states import HeldState

# How often one looks whether a worker is joined that another router has a link to already.
JOINED_LOOKS_INTERVAL_S = 0.02
# So long after the end of a link a socket is let go of whose response went over it: that may have
# gone on to a third process, which comes for it over another one.
LET_GO_S = 5.0
NOBODY = "nobody came for this connection in time"
# What front.py says of one that it has within its own process.
USED = "Can't return WebSocket in a Response after calling accept(), or twice."
USED_LATE = "the WebSocket was used after it was returned in a Response"


class LentSockets:
    """Sockets of a worker that are on their way to a client, in whatever process that ends.

    Args:
        slot: Whose they are, and
        generation: which process of that slot this is: the first two parts of a reference.
        let_go_s: How long after the end of a link one waits for who may come over another one.
    """

    def __init__(self, slot: str, generation: int, let_go_s: float = LET_GO_S) -> None:
        self._slot = slot
        self._generation = generation
        self._let_go_s = let_go_s
        self._numbers = itertools.count(1)
        # With the link that the reference went over.
        self._lent: dict[int, tuple[UpgradeSocket, Link | None]] = {}
        self._is_lent: set[UpgradeSocket] = set()  # the same
        self._let_go: set[int] = set()  # numbers; somebody might still come for them

    def __len__(self) -> int:
        return len(self._lent)

    def lend(self, web_socket: UpgradeSocket, via: Link | None = None) -> SocketRef:
        """Keep ``web_socket`` for whoever comes with the reference that this returns.

        Args:
            web_socket: The socket.
            via: The link that the reference goes over, where that may end.

        Raises:
            TypeError: User code has used it, or has sent it away before.
        """
        if not web_socket.can_be_handed_over or web_socket in self._is_lent:
            raise TypeError(USED)
        number = next(self._numbers)
        self._lent[number] = web_socket, via
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
            if socket is None:
                linked_socket.sever(SERVICE_RESTART, NOBODY)
            elif socket.can_be_handed_over:
                socket.hand_over(linked_socket)
                if not giving.give(linked_socket):
                    _introduce(linked_socket, linked)
                    linked.tell([TAKEN, linked_socket.session])
            else:  # user code has accepted it behind the answer that carried it
                linked_socket.sever(INTERNAL_ERROR, USED_LATE)

        def drop(frame: Frame) -> None:
            socket = self._take(frame[1])
            if socket is not None and socket.can_be_handed_over:
                socket.hand_over(NoPeer())

        def ended(_: LinkEnded) -> None:
            if any(via is link for _, via in self._lent.values()):
                loop.call_later(self._let_go_s, self._let_go_of, link)

        loop = asyncio.get_running_loop()
        giving = Giving(link, linked)
        link.handle(TAKE, take)
        link.handle(DROP, drop)
        link.when_ended(ended)

    def _let_go_of(self, link: Link) -> None:
        """Nobody will come any more for those whose references went over ``link``."""
        for number in [number for number, (_, via) in self._lent.items() if via is link]:
            socket = self._take(number)
            self._let_go.add(number)
            if socket is not None and socket.can_be_handed_over:
                socket.hand_over(NoPeer())

    def _take(self, number: int) -> UpgradeSocket | None:
        """The socket of that number, which is lent no more; None for one that was let go of."""
        if number in self._let_go:
            self._let_go.discard(number)
            return None
        if number not in self._lent:
            raise LinkBroken(f"socket {number} was not lent, or was taken already")
        socket, _ = self._lent.pop(number)
        self._is_lent.discard(socket)
        return socket


def _introduce(linked_socket: LinkedSocket, linked: LinkedSockets) -> None:
    """Say whose it is; one that can hibernate has said so itself."""
    receiver = linked_socket.receiver
    if isinstance(receiver, WebSocket) and receiver.handlers is None and receiver.owner is not None:
        actor_id = receiver.owner.actor_id
        if actor_id is not None:
            whose = [actor_id.unique_key, actor_id.raw, actor_id.name, receiver.id]
            linked.tell([WHOSE, linked_socket.session, *whose])


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

    async def until_joined(self, slot: str, generation: int, timeout_s: float) -> None:
        """Wait until that worker is joined with this process; one that has gone never is."""
        until = self._loop.time() + timeout_s
        while (slot, generation) not in self._homes and self._loop.time() < until:  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(JOINED_LOOKS_INTERVAL_S)

    def adopt(
        self,
        slot: str,
        generation: int,
        connection: Connection,
        unpack: Callable[[HeldSocket], None],
    ) -> HeldSocket:
        """Hold a client that another router had, of an actor in that worker; see ``arrive``.

        Args:
            slot: Whose the actor is.
            generation: Which process of that slot; if it has gone, another will be there soon.
            connection: The client's.
            unpack: Makes the held socket what it was, before anybody is told of it.
        """
        home = self._homes.get((slot, generation))
        held = HeldSocket(
            next(self._sessions),
            connection,
            home,
            self._loop,
            self._limits,
            self._on_held.orphaned,
            self._over,
        )
        unpack(held)
        self.held.add(held)
        if home is None:
            held.unacknowledged.process_ended(is_death=False)
            self._on_held.orphaned(held)
        return held

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
    """Both ways, for one of a worker's links to others. Is a ``SocketPassing``."""

    def __init__(self, lent: LentSockets, borrowed: BorrowedSockets, link: Link) -> None:
        self._lent = lent
        self._borrowed = borrowed
        self._link = link

    def lend(self, web_socket: UpgradeSocket) -> SocketRef:
        """As ``LentSockets``; one from elsewhere that was not used goes on as it came."""
        if isinstance(web_socket, PassedWebSocket) and web_socket.can_be_handed_over:
            return web_socket.pass_on()
        return self._lent.lend(web_socket, self._link)

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
