"""The two gates of an actor: what may come in, and what may go out.

Promise:
    Input: while a gate is shut, or a critical section is open, no code of the actor runs that
    does not belong to that section: no new event, and no continuation of an older one.
    Output: what an actor emits leaves in the order in which it was emitted, and not before
    everything the actor had written or read by then is durable.
Assumes:
    One thread. Between two suspensions nothing else of the same actor runs, so checking and
    acting need no lock.
Rules for editing this file:
    No I/O, no clock, no asyncio. Who runs the turns is ``execution.py``; who commits is
    ``commit.py``. A gate that breaks stays broken: there is no way back to open.
Considered and refused:
    A lock around each handler: it would serialise handlers that wait for the network, which is
    what users of Durable Objects count on not happening. A queue and a consumer task: 3.6 to
    9.3 microseconds for each event (PERFORMANCE.md section 5) where an attribute test does.
"""

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Protocol

from .counters import counters


class Turn(Protocol):
    """Something that runs an actor's code up to its next suspension."""

    gate: "InputGate"
    since_s: float  # when it began to wait at the gate; whoever holds it there says so

    def step(self) -> None: ...


class InputGate:
    """A door that turns wait at; an actor's own, or that of one of its critical sections.

    Sections form a chain, each the child of the gate it holds shut. Only turns of the
    innermost gate run.

    Attributes:
        parent: The gate this section holds shut; None for the actor's own gate.
        held: Turns that wait here, first come first served.
        sections: Sections that wait for the present one to end: callables that open them.
        ended: This section is over; its turns belong to ``parent`` now.
    """

    __slots__ = ("depth", "ended", "held", "parent", "sections")

    def __init__(self, parent: "InputGate | None" = None) -> None:
        self.parent = parent
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.held: deque[Turn] = deque()
        self.sections: deque[Callable[[], None]] = deque()
        self.ended = False

    def current(self) -> "InputGate":
        """This gate, or where its turns belong now that it has ended."""
        gate = self
        while gate.ended and gate.parent is not None:
            gate = gate.parent
        return gate

    def end(self) -> "InputGate":
        """Close the section; what still waits here waits at the parent, before what came later."""
        assert self.parent is not None, "an actor's own gate does not end"
        assert not self.ended, "a section ends once"
        self.ended = True
        parent = self.parent.current()
        parent.held.extendleft(reversed(self.held))
        parent.sections.extendleft(reversed(self.sections))
        self.held.clear()
        self.sections.clear()
        return parent


def _on_nothing() -> int:
    return 0


class OutputGate:
    """Holds what an actor emits until what it depends on is durable.

    The actor's commits are numbered. ``depends_on`` gives the number of the first one after
    which everything is durable that the actor has written, or may have read, by now; 0 if all
    of that is durable already. It is asked for every output, so it has to be cheap.
    ``clock`` is read only to count how long outputs wait.
    """

    __slots__ = ("_clock", "_depends_on", "broken", "waiting")

    def __init__(self, depends_on: Callable[[], int], clock: Callable[[], float]) -> None:
        self._depends_on = depends_on
        self._clock = clock
        self.waiting: deque[tuple[int, Callable[[], None], float]] = deque()
        self.broken = False

    def emit(self, action: Callable[..., None], *arguments: object) -> None:
        """Do ``action(*arguments)`` now, or when it may be done; never, once the gate is broken."""
        if self.broken:
            return
        number = self._depends_on()
        if number or self.waiting:
            counters.outputs_held += 1
            held = partial(action, *arguments) if arguments else action
            self.waiting.append((number, held, self._clock()))
        else:
            action(*arguments)

    def open(self, durable: int) -> None:
        """Let out what waits for commits up to number ``durable``, in the order of its emission.

        What depends on nothing still waits for what was emitted before it.
        """
        waiting = self.waiting
        if not waiting:
            return
        now_s = self._clock()
        while waiting and not self.broken and waiting[0][0] <= durable:
            _, action, since_s = waiting.popleft()
            # Of what is emitted meanwhile nothing has waited yet.
            counters.output_waits.add(max(now_s - since_s, 0.0))
            action()

    def come_apart(self) -> None:
        """As ``break_``, and let go of who was asked."""
        self.break_()
        self._depends_on = _on_nothing

    def break_(self) -> None:
        """Nothing leaves any more: it would tell of writes that are not there."""
        self.broken = True
        self.waiting.clear()
