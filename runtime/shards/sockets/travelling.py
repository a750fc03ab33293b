"""Sockets of a worker whose clients' connections are on their way from one router to another.

*Promise*: what an actor sends meanwhile is kept, in order, and goes to whoever says that it has the
connection now, before anything that is sent after that. If nobody does in time, the actor hears
that the connection was lost, unless it has ended it itself.
*Assumes*: one thread. A router has generations like all processes: no two have the same.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from ....actors.link import Close, Sent, SocketReceiver
from ..link.framing import Frame

# A hand-over takes milliseconds; as long as this a client waits for a worker's successor, too.
TRAVEL_MAX_S = 30.0


class Destination(Protocol):
    """Where a linked socket's frames go: is ``LinkedSockets``."""

    period: int

    def send(self, session: int, messages: Sequence[Sent], close: Close | None) -> None: ...
    def tell(self, frame: Frame) -> None: ...
    def acknowledge(self, session: int, sequence: int) -> None: ...
    def forget(self, session: int) -> None: ...


class Traveller(Protocol):
    """A socket that may travel: is ``LinkedSocket``."""

    receiver: SocketReceiver | None

    def move(self, home: Destination, session: int) -> None:
        """Send everything there from now on, under that number."""
        ...


class Underway:
    """The home of one that is on its way. Is a ``Destination``.

    Attributes:
        is_over: Its actor has ended it by force, and wants to hear no more of it.
    """

    def __init__(self, timer: asyncio.TimerHandle) -> None:
        self.period = 0
        self.is_over = False
        self.timer = timer
        self._kept: list[tuple[Sequence[Sent], Close | None] | Frame | int] = []

    def send(self, session: int, messages: Sequence[Sent], close: Close | None) -> None:
        del session  # it will have another
        self._kept.append((messages, close))

    def tell(self, frame: Frame) -> None:
        self._kept.append(frame)

    def acknowledge(self, session: int, sequence: int) -> None:
        del session
        self._kept.append(sequence)

    def forget(self, session: int) -> None:
        del session  # whoever has the connection hears why it ends when it has arrived
        self.is_over = True

    def unload(self, home: Destination, session: int) -> None:
        """Send there what was kept."""
        for one in self._kept:
            if isinstance(one, tuple):
                home.send(session, *one)
            elif isinstance(one, int):
                home.acknowledge(session, one)
            else:
                home.tell([one[0], session, *one[2:]])
        if self.is_over:
            home.forget(session)


class Travelling:
    """All of one worker, by the generation of the router they left and their number there."""

    def __init__(self, travel_max_s: float = TRAVEL_MAX_S) -> None:
        self._loop = asyncio.get_running_loop()
        self._travel_max_s = travel_max_s
        self._sockets: dict[tuple[int, int], tuple[Traveller, Underway]] = {}

    def __len__(self) -> int:
        return len(self._sockets)

    def depart(
        self, generation: int, session: int, socket: Traveller, lost: tuple[int, str]
    ) -> None:
        """Keep what ``socket`` sends from now on.

        Args:
            generation: Of the router that had it.
            session: Its number there.
            socket: Its number for other routers is not known yet.
            lost: What its receiver hears if nobody has it in time.
        """
        key = (generation, session)
        timer = self._loop.call_later(self._travel_max_s, self._too_late, key, lost)
        underway = Underway(timer)
        self._sockets[key] = (socket, underway)
        socket.move(underway, session)

    def arrive(self, generation: int, former_session: int) -> tuple[Traveller, Underway] | None:
        """Return a socket, to be moved, and what is then to be unloaded; None if nobody waits."""
        found = self._sockets.pop((generation, former_session), None)
        if found is not None:
            found[1].timer.cancel()
        return found

    def close(self) -> None:
        """Wait for nobody any more."""
        for _, underway in self._sockets.values():
            underway.timer.cancel()
        self._sockets.clear()

    def _too_late(self, key: tuple[int, int], lost: tuple[int, str]) -> None:
        socket, underway = self._sockets.pop(key)
        if socket.receiver is not None and not underway.is_over:
            socket.receiver.receive_lost(*lost)
