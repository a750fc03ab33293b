"""What an event holds until it is over: the stubs and streams that it was given."""

import contextvars
from collections.abc import Callable
from typing import Protocol
from weakref import WeakSet


class Disposable(Protocol):
    """Something that is let go of when the event is over."""

    def dispose(self) -> None: ...


class Scope:
    """One event's. A turn of an event is one itself: nothing is made for events that hold nothing.

    Attributes:
        is_over: The event is; what it is given now lives until it is disposed of, or nobody has it.
    """

    __slots__ = ("_held", "is_over")

    def __init__(self) -> None:
        self._held: _Held | None = None
        self.is_over = False

    def keep(self, disposable: Disposable) -> None:
        """Dispose of it at the end, if it is there then."""
        if not self.is_over:
            self._of_mine().disposables.add(disposable)

    def at_end(self, action: Callable[[], None]) -> None:
        """Call ``action`` at the end; never once that is past."""
        if not self.is_over:
            self._of_mine().actions.append(action)

    def end(self) -> None:
        """The event is over."""
        self.is_over = True
        held, self._held = self._held, None
        if held is not None:
            for disposable in held.disposables:
                disposable.dispose()
            for action in held.actions:
                action()

    def _of_mine(self) -> "_Held":
        if self._held is None:
            self._held = _Held()
        return self._held


class _Held:
    """What one event holds."""

    __slots__ = ("actions", "disposables")

    def __init__(self) -> None:
        self.disposables: WeakSet[Disposable] = WeakSet()
        self.actions: list[Callable[[], None]] = []


# Of the event whose code is running; None in constructors and in handlers of sockets.
SCOPE: contextvars.ContextVar[Scope | None] = contextvars.ContextVar("perdure_scope", default=None)
