"""Whether something has changed since somebody last looked: watches that go on unread.

*Promise*: each is kept for ten minutes after it was last asked for; a version from before, or of
another agent, is said to be that. What is counted is that something has happened, never what.
"""

import json
import os

from ..reactor import Reactor, Timer
from ..streams import Exchange, Json, Refused
from .folder_watch import FolderWatch
from .places import Places
from .refusals import text
from .selection import selection_of

KEPT_S = 600.0
COUNTERS_MAX = 64
_TOLD = {"create", "modify", "delete", "move_from", "move_to", "overflow"}


class _Counter:
    """How often something has happened below one path."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = 0
        self.timer: Timer | None = None
        self.watch: FolderWatch | None = None

    def catch_up(self) -> None:
        """Count what the kernel has to tell by now."""
        if self.watch is not None:
            self.watch.catch_up()

    def happened(self, kind: str, _path: str, _is_folder: bool) -> None:  # noqa: FBT001  # a callback
        self.count += kind in _TOLD


class Changes:
    """All that are kept."""

    def __init__(self, reactor: Reactor, places: Places) -> None:
        self._reactor = reactor
        self._places = places
        self._boot = os.urandom(8).hex()
        self._made = 0
        self._counters: dict[str, _Counter] = {}

    def ask(self, exchange: Exchange) -> None:
        """Answer whether something has changed since a version.

        Raises:
            Refused: There is no such path, or it was never a version.
        """
        request = exchange.request
        selection = selection_of(request)
        path = self._places.path(request, "path", "")
        is_deep = bool(request.get("recursive"))
        since = request.get("since")
        boot, name, count = (None, None, None) if since is None else _version(request)
        counter = self._counters.get(key := json.dumps([path, is_deep, *selection.names]))
        if counter is None:
            counter = self._new(path)
            counter.watch = FolderWatch(
                self._reactor,
                path,
                selection,
                is_deep=is_deep,
                on_event=counter.happened,
                on_end=lambda _: self._end(key, counter),
            )
            self._counters[key] = counter
        self._keep(key, counter)
        counter.catch_up()
        if boot == self._boot and name == counter.name and (count or 0) > counter.count:
            raise Refused("VALIDATION_FAILED", "since is newer than what is known", field="since")
        answer: Json = {"version": f"{self._boot}-{counter.name}:{counter.count}"}
        if since is None:
            answer["status"] = "unchanged"
        elif boot != self._boot:
            answer |= {"status": "resync", "reason": "restarted"}
        elif name != counter.name:
            answer |= {"status": "resync", "reason": "expired"}
        else:
            answer["status"] = "unchanged" if count == counter.count else "changed"
        exchange.answer(answer)

    def _new(self, path: str) -> _Counter:
        if len(self._counters) >= COUNTERS_MAX:
            text = f"The changes of {COUNTERS_MAX} paths are counted already, each for ten minutes"
            raise Refused("WATCH_START_ERROR", text, path=path)
        self._made += 1
        return _Counter(str(self._made))

    def _keep(self, key: str, counter: _Counter) -> None:
        if counter.timer is not None:
            counter.timer.cancel()
        counter.timer = self._reactor.call_later(KEPT_S, lambda: self._end(key, counter))

    def _end(self, key: str, counter: _Counter) -> None:
        if counter.timer is not None:
            counter.timer.cancel()
        if counter.watch is not None:
            counter.watch.close()
        if self._counters.get(key) is counter:
            del self._counters[key]


def _version(request: Json) -> tuple[str, str, int]:
    boot, _, rest = text(request, "since").partition("-")
    name, _, count = rest.partition(":")
    digits_max = 18
    if not (boot and name.isdecimal() and count.isdecimal() and len(count) <= digits_max):
        told = "since is a version that an earlier answer had"
        raise Refused("VALIDATION_FAILED", told, field="since")
    return boot, name, int(count)
