"""Clients whose actor's process has gone: how they come to its successor without noticing.

*Promise*: a socket that can hibernate is made again from what its actor last said of it, before its
successor hears anything else from here. Any other is had by asking for it again, as its client did:
the answer's 101 is kept from the client. An answer that is no 101, or speaks another subprotocol,
ends the connection with 1012, and so does a class that wants it so.
*Assumes*: one thread. Who is not taken in time is sent away by the held socket itself.
*Rules for editing*: between RESUME of all sockets of a worker and their messages nothing else is
sent to it from here: a constructor is to see all of its sockets.
"""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from ....actors.http import Request, Response
from ....actors.link import CLOSE_ON_RESTART, NoPeer
from ....actors.response_stream import let_go
from ....actors.session import SERVICE_RESTART
from ...host.worker import OnResponse
from ..link.errors import WorkerLost
from ..link.kinds import RESUME
from ..placement import Placement
from .held_sockets import HeldSocket, HeldSockets
from .passing import BorrowedSocket
from .states import HeldState

# So long after an answer of a process that is no more a client's request is asked again.
AGAIN_S = 0.1
ENDED = "the process of this connection's actor has ended"
ANOTHER_ANSWER = "the server has another answer to this connection's request now"


class Asks(Protocol):
    """Asks the entrypoint: is ``peers.Entrypoints``."""

    def ask(self, request: Request, on_response: OnResponse) -> None: ...


@dataclass(frozen=True, slots=True)
class _Early:
    """A socket of a process to which there is no link from here yet, and the client it is for."""

    held: HeldSocket
    socket: BorrowedSocket


class Orphans:
    """All orphaned sockets of a router. Is an ``OnHeld``.

    Args:
        placement: Which worker has which actor.
        entrypoints: Answer a request that is asked again.
        loop: Everything happens on it.
    """

    def __init__(
        self, placement: Placement, entrypoints: Asks, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._loop = loop
        self._placement = placement
        self._entrypoints = entrypoints
        self._waiting: dict[str, list[HeldSocket]] = {slot: [] for slot in placement.slots}
        self._early: dict[str, list[_Early]] = {slot: [] for slot in placement.slots}
        self._joined: dict[str, int] = dict.fromkeys(placement.slots, 0)  # generations
        self._homes: dict[str, HeldSockets] = {}  # of who joined last

    def orphaned(self, held: HeldSocket) -> None:
        """The process of its actor has gone."""
        if held.on_restart == CLOSE_ON_RESTART:
            held.sever(SERVICE_RESTART, ENDED)
        elif held.kept is not None:
            slot = self._placement.slot_of(held.kept[0], held.kept[1])
            home = self._homes.get(slot)
            if home is not None and home.link.ended is None:  # its successor was faster
                self._resume([held], home)
            else:
                self._waiting[slot].append(held)
        elif held.request is None or held.is_closing:
            held.sever(SERVICE_RESTART, ENDED)
        else:
            self._ask_again(held, held.request)

    def early(self, held: HeldSocket, socket: BorrowedSocket) -> None:
        """Its actor's process is not joined with this one, not yet or not any more."""
        slot = socket.ref.slot
        if slot in self._joined and socket.ref.generation > self._joined[slot]:
            self._early[slot].append(_Early(held, socket))
        else:  # it is at its end, or cannot be reached from here: another will be there soon
            self._loop.call_later(AGAIN_S, self._still_orphaned, held)

    def _still_orphaned(self, held: HeldSocket) -> None:
        if held.state is HeldState.ORPHANED:
            self.orphaned(held)

    def over(self, held: HeldSocket) -> None:
        """Nothing will come of it any more."""
        if held.kept is not None:
            waiting = self._waiting[self._placement.slot_of(held.kept[0], held.kept[1])]
            if held in waiting:
                waiting.remove(held)

    def place(self, placement: Placement) -> None:
        """Other workers have the actors from now on; none of those that were there lives."""
        waiting = [held for of_slot in self._waiting.values() for held in of_slot]
        early = [one for of_slot in self._early.values() for one in of_slot]
        joined = self._joined
        self._placement = placement
        self._waiting = {slot: [] for slot in placement.slots}
        self._early = {slot: [] for slot in placement.slots}
        self._joined = {slot: joined.get(slot, 0) for slot in placement.slots}
        for held in waiting:
            self.orphaned(held)
        for one in early:
            self._loop.call_later(AGAIN_S, self._still_orphaned, one.held)

    def joined(self, slot: str, generation: int, home: HeldSockets) -> None:
        """A process serves in ``slot``: it gets the sockets of its actors, then messages."""
        self._joined[slot] = generation
        self._homes[slot] = home
        early, self._early[slot] = self._early[slot], []
        for one in early:
            self._attach(one.held, one.socket)
        waiting, self._waiting[slot] = self._waiting[slot], []
        self._resume(waiting, home)

    def _resume(self, waiting: list[HeldSocket], home: HeldSockets) -> None:
        """Have these made again, all of them before any of their clients is heard."""
        for held in waiting:
            assert held.kept is not None, "these can be made again"
            pair = None if held.auto_response is None else list(held.auto_response)
            home.link.send([RESUME, held.session, *held.kept, pair, []])
        home.facts.tell(waiting)
        for held in waiting:
            held.attach(home)

    # Those that have to be asked for.

    def _ask_again(self, held: HeldSocket, request: Request) -> None:
        again = Request.incoming(
            request.method, request.url, request.header_fields(), None, request.client_address
        )
        again.resumed = True
        self._entrypoints.ask(again, partial(self._answered, held, request))

    def _answered(
        self,
        held: HeldSocket,
        request: Request,
        response: Response | None,
        error: BaseException | None,
    ) -> None:
        if held.state is not HeldState.ORPHANED:  # it was too late, or has gone
            if response is not None:
                let_go(response)
        elif isinstance(error, WorkerLost):
            self._ask_again(held, request)
        elif response is not None and _is_same(held, response):
            assert isinstance(response.web_socket, BorrowedSocket), "just looked at"
            self._attach(held, response.web_socket)
        else:
            if response is not None:
                let_go(response)
            held.sever(SERVICE_RESTART, ANOTHER_ANSWER)

    def _attach(self, held: HeldSocket, socket: BorrowedSocket) -> None:
        if held.state is not HeldState.ORPHANED:
            socket.hand_over(NoPeer())
        elif not socket.attach(held):
            self.early(held, socket)


def protocol_of(response: Response) -> str | None:
    """The subprotocol that an upgrade's answer has chosen."""
    return response.header_fields().get("Sec-WebSocket-Protocol")


def _is_same(held: HeldSocket, response: Response) -> bool:
    return isinstance(response.web_socket, BorrowedSocket) and (
        protocol_of(response) == held.protocol
    )
