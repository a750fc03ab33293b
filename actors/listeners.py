"""Who hears the events of a WebSocket: ``on_…`` attributes, and listeners that were added."""

from collections.abc import Sequence

from ..storage.errors import UsageError
from .socket_events import EVENT_NAMES, EventName, Listener


class SocketListeners:
    """What a WebSocket knows of its listeners.

    Attributes:
        on_open, on_close, on_error: One listener each, besides the added ones.
        hearing: For the runtime: who hears messages, as ``message_listeners`` said; None when that
            has to be asked again.
    """

    __slots__ = ("_added", "_on_message", "hearing", "on_close", "on_error", "on_open")

    def __init__(self) -> None:
        self.on_open: Listener | None = None
        self._on_message: Listener | None = None
        self.on_close: Listener | None = None
        self.on_error: Listener | None = None
        self._added: dict[str, list[tuple[Listener, bool]]] | None = None
        self.hearing: tuple[Listener, ...] | None = None

    @property
    def on_message(self) -> Listener | None:
        """One listener of messages, besides the added ones."""
        return self._on_message

    @on_message.setter
    def on_message(self, listener: Listener | None) -> None:
        self._on_message = listener
        self.hearing = None
        self.hear_kept()

    def add_event_listener(
        self, name: EventName, listener: Listener, *, once: bool = False
    ) -> None:
        """Call ``listener(event)`` at each event; it may be a coroutine function."""
        _check_event_name(name)
        if self._added is None:
            self._added = {}
        self.hearing = None
        listeners = self._added.setdefault(name, [])
        # By equality: a bound method is a new object each time it is asked for.
        if all(known != listener for known, _ in listeners):
            listeners.append((listener, once))
        if name == "message":
            self.hear_kept()

    def remove_event_listener(self, name: EventName, listener: Listener) -> None:
        """Forget ``listener``; unknown ones are ignored."""
        _check_event_name(name)
        self.hearing = None
        if self._added is not None:
            added = self._added.get(name, [])
            self._added[name] = [entry for entry in added if entry[0] != listener]

    # For the runtime.

    def hear_kept(self) -> None:
        """Somebody listens to messages now; called for who keeps some until then."""

    @property
    def has_listeners(self) -> bool:
        """Somebody hears messages as events."""
        return bool(self._on_message or (self._added and self._added.get("message")))

    def message_listeners(self) -> Sequence[Listener]:
        """As ``listeners("message")``, but kept: it is asked for every message."""
        if self.hearing is not None:
            return self.hearing
        entries = () if self._added is None else self._added.get("message", ())
        is_lasting = not any(once for _, once in entries)
        found = tuple(self.listeners("message"))
        if is_lasting:
            self.hearing = found
        return found

    def listeners(self, name: EventName) -> list[Listener]:
        """Who hears ``name``, in order; those for one time only are forgotten by asking."""
        attribute: Listener | None = getattr(self, f"on_{name}")
        found = [] if attribute is None else [attribute]
        entries = None if self._added is None else self._added.get(name)
        if self._added is not None and entries:
            found += [listener for listener, _ in entries]
            self._added[name] = [entry for entry in entries if not entry[1]]
        return found


def _check_event_name(name: str) -> None:
    if name not in EVENT_NAMES:
        known = ", ".join(sorted(EVENT_NAMES))
        raise UsageError(f"a WebSocket has no event {name!r}; there are {known}")
