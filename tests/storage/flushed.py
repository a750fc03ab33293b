"""A commit log on its own, with a loop that runs when a test says so."""

import threading
from collections.abc import Callable
from queue import SimpleQueue

from perdure.storage.errors import StorageBroken
from perdure.storage.log import CommitLog
from perdure.storage.logformat import Change, RecordKind
from tests.wire import PATIENCE_S

CHANGE = Change(RecordKind.COMMIT, "app-Room", bytes(32), images=b"x" * 100)
TIME_MS = 1_000  # at which every record is written
MakeLog = Callable[..., CommitLog]


class Loop:
    """What the event loop does for a log: calls, in this thread, what another thread asks for.

    Attributes:
        events: "told" for each time the flusher asked; tests add what they see.
        failures: What the log said of its end.
    """

    def __init__(self) -> None:
        self.calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self.events: list[str] = []
        self.failures: list[StorageBroken] = []
        self._thread = threading.get_ident()

    def notify(self, call: Callable[[], None]) -> None:
        if threading.get_ident() != self._thread:
            self.events.append("told")
        self.calls.put(call)

    def run_until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self.calls.get(timeout=PATIENCE_S)()
