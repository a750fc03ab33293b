"""Where the stream's events come from: hooks that are there only while somebody wants them.

*Promise*: what nobody reads costs nothing: no hook, no handler of the log, no ear at standard
output. What another thread says is handed to the loop's.
*Assumes*: one loop; the process's hooks are this module's to set.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

from ...actors.execution import CURRENT
from ...actors.hibernated_socket import HibernatedSocket
from ...actors.ids import DurableObjectId
from ...actors.watch import watch as actor_watch
from ...actors.websocket import WebSocket
from ..sockets.watch import WatchedSocket
from ..sockets.watch import watch as socket_watch
from .console import Consoles
from .formatters import exception_fields, fields_of
from .handled import HandledTracer
from .stream import EVENTS, EventStream
from .tracers import tracers

SOCKET_EVENTS = frozenset(name for name in EVENTS if name.startswith(("websocket.", "message.")))
# Of a line of the log, or of a traceback in it; whoever needs more reads the log.
TEXT_LENGTH_MAX = 8192


@runtime_checkable
class HeldElsewhere(Protocol):
    """Who hears a connection whose actor is in another process: is a ``HeldSocket``.

    Attributes:
        whose: That actor's namespace, id and name, and what it calls the socket; None for nobody's.
    """

    whose: list[Any] | None


class Taps:
    """Has the process tell a stream what its readers want."""

    def __init__(self, stream: EventStream) -> None:
        self._stream = stream
        self._log = LogTap(self._tell_anywhere)
        self._consoles = Consoles(self._print)
        self._handled = HandledTracer(stream.tell)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0

    def set(self, names: frozenset[str]) -> None:
        """From now on events of these names are wanted; called in the loop's thread."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        others = names - SOCKET_EVENTS - {"log", "console", "actor.handled"}
        actor_watch.tell = self._stream.tell if others else None
        socket_watch.tell = self._of_socket if names & SOCKET_EVENTS else None
        if "actor.handled" in names:
            tracers.add(self._handled)
        else:
            tracers.remove(self._handled)
        root = logging.getLogger()
        root.removeHandler(self._log)
        if "log" in names:
            root.addHandler(self._log)
        if "console" in names:
            self._consoles.open()
        else:
            self._consoles.close()

    def _of_socket(self, name: str, socket: WatchedSocket, fields: Mapping[str, object]) -> None:
        receiver = socket.receiver
        if isinstance(receiver, WebSocket):
            owner = receiver.owner
            actor_id = owner.actor_id if owner is not None else None
            fields = {"socket": receiver.id, **fields}
        elif isinstance(receiver, HibernatedSocket):
            actor_id = receiver.actor_id
            fields = {"socket": receiver.id, **fields}
        elif isinstance(receiver, HeldElsewhere):
            actor_id = None
            if receiver.whose is not None:
                *parts, socket_id = receiver.whose
                actor_id = DurableObjectId(*parts)
                fields = {"socket": socket_id, **fields}
        else:  # it is passed on, or nobody hears it
            actor_id = None
        if socket.is_client:
            fields = {**fields, "outgoing": True}
        self._stream.tell(name, actor_id, fields)

    def _print(self, actor_id: DurableObjectId | None, name: str, text: str) -> None:
        fields = {"stream": name, "text": text[:TEXT_LENGTH_MAX]}
        self._tell_anywhere("console", actor_id, fields)

    def _tell_anywhere(
        self, name: str, actor_id: DurableObjectId | None, fields: Mapping[str, object]
    ) -> None:
        if threading.get_ident() == self._thread:
            self._stream.tell(name, actor_id, fields)
        elif self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stream.tell, name, actor_id, fields)


def current_actor_id() -> DurableObjectId | None:
    """Return whose code runs here; None for none, or a Worker's."""
    execution = CURRENT.get()
    return None if execution is None else execution.actor_id


class LogTap(logging.Handler):
    """Hears every record that the log does."""

    def __init__(
        self, tell: Callable[[str, DurableObjectId | None, Mapping[str, object]], None]
    ) -> None:
        super().__init__()
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        try:
            fields: dict[str, object] = {
                "level": record.levelname.lower(),
                "logger": record.name,
                "message": record.getMessage()[:TEXT_LENGTH_MAX],
            }
            if more := dict(fields_of(record)):
                fields["fields"] = more
            if record.exc_info and record.exc_info[1] is not None:
                fields["exception"] = exception_fields(record.exc_info[1])
            self._tell("log", current_actor_id(), fields)
        except Exception:  # a message that does not fit its arguments: as every handler does
            self.handleError(record)


stream = EventStream()
stream.on_wanted = Taps(stream).set
