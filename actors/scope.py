"""What an event holds until it is over: the stubs and streams that it was given."""

import contextvars
from collections.abc import Callable
from typing import Protocol
from weakref import WeakSet


class Disposable(Protocol):
    """Something that is let go of when the event is over."""

    def dispose(self) -> None: ...


class Scope:
    """One event's.

    Attributes:
        is_over: The event is; what it is given now lives until it is disposed of, or nobody has it.
    """

    __slots__ = ("_at_end", "_disposables", "is_over")

    def __init__(self) -> None:
        self._disposables: WeakSet[Disposable] | None = None
        self._at_end: list[Callable[[], None]] | None = None
        self.is_over = False

    def keep(self, disposable: Disposable) -> None:
        """Dispose of it at the end, if it is there then."""
        if not self.is_over:
            if self._disposables is None:
                self._disposables = WeakSet()
            self._disposables.add(disposable)

    def at_end(self, action: Callable[[], None]) -> None:
        """Call ``action`` at the end; never once that is past."""
        if not self.is_over:
            if self._at_end is None:
                self._at_end = []
            self._at_end.append(action)

    def end(self) -> None:
        """The event is over."""
        self.is_over = True
        disposables, self._disposables = self._disposables, None
        actions, self._at_end = self._at_end, None
        for disposable in disposables or ():
            disposable.dispose()
        for action in actions or ():
            action()


# Of the event whose code is running; None in constructors and in handlers of sockets.
SCOPE: contextvars.ContextVar[Scope | None] = contextvars.ContextVar("perdure_scope", default=None)
