"""Terminals that stay when nobody looks at them: what each has shown last, and who looks.

*Promise*: a shell never waits for somebody who is not there, and whoever comes next sees what it
has shown last, no more than ``SHOWN_BYTES`` of it. All who look see the same, as fast as the
slowest of them takes it; what any of them types is read in the order in which it came. Who goes,
or is lost, takes nothing along.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, Final

from ..reactor import Reactor, Timer
from ..streams import Exchange, Json, Refused
from ..wire import DATA, SIDE_MAX, STDOUT, WINDOW_BYTES, Garbled, cost
from .agent_link import AgentLink
from .processes import checked_ending, checked_pid
from .rings import Ring

# What is not paid for yet, and so may still be on its way to somebody, is no more than a window.
SHOWN_BYTES: Final = 2 * WINDOW_BYTES
KEPT_MAX: Final = 64
# What a shell has to end in when it was hung up; afterwards it is told to.
HANG_UP_S: Final = 2.0


class KeptTerminal:
    """One shell, and what it has shown.

    Attributes:
        pid: Its number inside; None before it has started.
        shown: What came last.
        answer: How it ended; None before.

    Args:
        reactor: Where it is waited for.
        agent: Who starts it.
        request: What the agent is asked for.
        on_end: Told that it has ended, before those who look are.
    """

    def __init__(
        self, reactor: Reactor, agent: AgentLink, request: Json, on_end: Callable[[], None]
    ) -> None:
        self.pid: int | None = None
        self.shown = Ring(SHOWN_BYTES)
        self.answer: Json | None = None
        self._reactor = reactor
        self._on_end = on_end
        self._ending: Timer | None = None
        self._viewers: list[Viewer] = []
        self._unpaid: deque[tuple[int, int]] = deque()
        self._typed: deque[tuple[Exchange, bytes, int]] = deque()
        self._question = agent.ask(request, self._answered, self._told)
        self._question.on_data = self._wrote
        self._question.on_room = self._feed

    def join(self, exchange: Exchange, size: Json, *, is_new: bool) -> None:
        """Have somebody look at it.

        Args:
            exchange: Who asked. It is answered when the shell has ended.
            size: {"cols", "rows"} of the window through which is looked from now on.
            is_new: Whether it was started for this one.

        Raises:
            Refused: There is no such size.
        """
        if not is_new:
            self.resize(size)
        viewer = Viewer(self, exchange, is_new=is_new)
        self._viewers.append(viewer)
        exchange.after_closing(lambda: self._leave(viewer))
        viewer.look()

    def resize(self, size: Json) -> None:
        """Give it another size.

        Raises:
            Refused: There is no such size.
        """
        for name in ("cols", "rows"):
            if type(size.get(name)) is not int or not 1 <= size[name] <= SIDE_MAX:
                raise Refused("VALIDATION_FAILED", f"{name} is a number from 1 to {SIDE_MAX:,}")
        self._question.tell({"cols": size["cols"], "rows": size["rows"]})

    def type(self, exchange: Exchange, data: bytes) -> None:
        """Have it read what somebody types."""
        self._typed.append((exchange, data, cost(len(data))))
        self._feed()

    def hang_up(self) -> None:
        """End its shell, as it ends when a window is closed; one that ignores that is told to."""
        if self._ending is None:
            self._question.end()
            self._ending = self._reactor.call_later(HANG_UP_S, self._question.cancel)
            self._feed()

    def pay(self) -> None:
        """Let it write on, as far as all who look have come."""
        seen = min((viewer.position for viewer in self._viewers), default=self.shown.end)
        while self._unpaid and self._unpaid[0][0] <= seen:
            self._question.consumed(self._unpaid.popleft()[1])

    def _feed(self) -> None:
        while self._typed:
            exchange, data, paid = self._typed[0]
            reads = self._question.is_open and self._ending is None
            size = self._question.room if reads else len(data)
            if not size:
                return
            if reads:
                self._question.send(data[:size])
            if size < len(data):
                self._typed[0] = (exchange, data[size:], paid)
            else:
                self._typed.popleft()
                exchange.consumed(paid)

    def _wrote(self, kind: int, data: bytes) -> None:
        if kind != DATA:
            raise Garbled("a terminal writes to what it has not")
        self.shown.append(STDOUT, data)
        self._unpaid.append((self.shown.end, cost(len(data))))
        self._look()
        self.pay()

    def _told(self, event: Json) -> None:
        self.pid = checked_pid(event)
        self._look()

    def _answered(self, answer: Json, descriptor: int) -> None:
        self.answer = checked_ending(answer, descriptor)
        if self._ending is not None:
            self._ending.cancel()
        self._on_end()
        self._feed()
        self._look()

    def _look(self) -> None:
        for viewer in list(self._viewers):
            viewer.look()

    def _leave(self, viewer: "Viewer") -> None:
        self._viewers.remove(viewer)
        self.pay()


class Viewer:
    """One who looks at a terminal.

    Attributes:
        position: How far that one has seen.
    """

    def __init__(self, terminal: KeptTerminal, exchange: Exchange, *, is_new: bool) -> None:
        self._terminal = terminal
        self._exchange = exchange
        self._is_new = is_new
        self._is_told = False
        self.position = _begin(terminal.shown)
        exchange.on_room = self._room
        exchange.on_data = lambda data: terminal.type(exchange, data)
        exchange.on_event = terminal.resize
        exchange.on_end = terminal.hang_up

    def look(self) -> None:
        """Send what has not been sent, as far as there is room for it."""
        terminal, exchange = self._terminal, self._exchange
        if terminal.pid is not None and not self._is_told:
            self._is_told = True
            exchange.tell({"pid": terminal.pid, "is_new": self._is_new})
        while piece := terminal.shown.read(self.position, exchange.room):
            exchange.send(piece.data)
            self.position = piece.end
        if terminal.answer is not None and self.position >= terminal.shown.end:
            exchange.answer(terminal.answer)

    def _room(self) -> None:
        self.look()
        self._terminal.pay()


def _begin(shown: Ring) -> int:
    """Where to begin, so that what is seen first is no rest of a line."""
    first = shown.read(shown.start, WINDOW_BYTES) if shown.start else None
    if first is None:
        return shown.start
    return shown.start + first.data.find(b"\n") + 1


class Terminals:
    """Those that stay, by what they are called."""

    def __init__(self, reactor: Reactor, agent: AgentLink) -> None:
        self._reactor = reactor
        self._agent = agent
        self._kept: dict[str, KeptTerminal] = {}

    def open(self, name: Any, exchange: Exchange, request: Json) -> None:
        """Have somebody look at the one of that name, which is started if there is none.

        Raises:
            Refused: There are too many, or there can be no such one.
        """
        if type(name) is not str or not name:
            raise Refused("VALIDATION_FAILED", "id is text", field="id")
        found = self._kept.get(name)
        if found is not None:
            found.join(exchange, request["terminal"], is_new=False)
            return
        if len(self._kept) >= KEPT_MAX:
            text = f"{KEPT_MAX} terminals stay in this sandbox already: end one of their shells"
            raise Refused("TOO_MANY_REQUESTS", text)
        terminal = KeptTerminal(
            self._reactor, self._agent, request, lambda: self._forget(name, terminal)
        )
        self._kept[name] = terminal
        terminal.join(exchange, request["terminal"], is_new=True)

    def _forget(self, name: str, terminal: KeptTerminal) -> None:
        if self._kept.get(name) is terminal:
            del self._kept[name]
