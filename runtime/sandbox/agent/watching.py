"""Tells what changes in a folder, as lines of JSON.

An asker who is slow gets ``{"type": "overflow"}`` for what it missed, as the kernel does it.
"""

import json

from ..reactor import Reactor
from ..streams import Exchange, Json, Refused
from .folder_watch import OVERFLOW, FolderWatch
from .places import Places
from .selection import selection_of

LINES_WAITING_MAX = 1000


class Watching:
    """One asker, and the file or folder that it watches; it ends when that is gone."""

    def __init__(self, reactor: Reactor, places: Places, exchange: Exchange) -> None:
        """Begin.

        Raises:
            Refused: There is nothing to be watched, or no more can be.
        """
        self._places = places
        self._exchange = exchange
        self._lines: list[bytes] = []
        self._has_missed = False
        self._answer: Json | None = None
        path = places.path(exchange.request, "path", "")
        self._watch = FolderWatch(
            reactor,
            path,
            selection_of(exchange.request),
            is_deep=bool(exchange.request.get("recursive")),
            on_event=self._tell,
            on_end=self._end,
        )
        exchange.after_closing(self._watch.close)
        exchange.on_cancel = exchange.interrupted
        exchange.on_room = self._send
        exchange.tell({"watching": places.shown(path)})

    def _tell(self, kind: str, path: str, is_folder: bool) -> None:  # noqa: FBT001  # a callback
        if len(self._lines) >= LINES_WAITING_MAX:
            self._has_missed = True
            return
        event = {"type": kind, "path": self._places.shown(path), "is_directory": is_folder}
        self._lines.append(json.dumps(event).encode() + b"\n")
        self._send()

    def _end(self, why: Refused | None) -> None:
        path = self._places.shown(self._watch.top)
        gone = {"reason": f"{path} is there no more"}
        self._answer = gone if why is None else why.as_json()
        self._send()

    def _send(self) -> None:
        while self._lines and self._exchange.room >= len(self._lines[0]):
            self._exchange.send(self._lines.pop(0))
        if self._has_missed and len(self._lines) < LINES_WAITING_MAX:
            self._has_missed = False
            self._tell(OVERFLOW, self._watch.top, is_folder=True)
        elif self._answer is not None and not self._lines:
            self._exchange.answer(self._answer)
