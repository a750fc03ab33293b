"""Tells what changes in a folder: inotify, as lines of JSON.

An asker who is slow gets ``{"type": "overflow"}`` for what it missed, as the kernel does it.
"""

import contextlib
import ctypes
import json
import os
import struct

from ..reactor import Reactor
from ..streams import Exchange, Json, Refused
from .places import Places
from .refusals import refusal

_LIBC = ctypes.CDLL(None, use_errno=True)
_HEAD = struct.Struct("iIII")
_READ_BYTES = 64 * 1024
LINES_WAITING_MAX = 1000
FOLDERS_MAX = 8192

_MODIFY, _ATTRIB = 0x2, 0x4
_MOVED_FROM, _MOVED_TO = 0x40, 0x80
_CREATE, _DELETE, _DELETE_SELF, _MOVE_SELF = 0x100, 0x200, 0x400, 0x800
_OVERFLOW, _IGNORED, _IS_FOLDER = 0x4000, 0x8000, 0x40000000
_DONT_FOLLOW = 0x02000000
_NAMES = {
    _CREATE: "create",
    _MODIFY: "modify",
    _ATTRIB: "attrib",
    _DELETE: "delete",
    _MOVED_FROM: "move_from",
    _MOVED_TO: "move_to",
    _DELETE_SELF: "delete",
    _MOVE_SELF: "move_from",
    _OVERFLOW: "overflow",
}
_WANTED = (
    _CREATE | _MODIFY | _ATTRIB | _DELETE | _MOVED_FROM | _MOVED_TO | _DELETE_SELF | _MOVE_SELF
)


class Watching:
    """One watched file or folder."""

    def __init__(self, reactor: Reactor, places: Places, exchange: Exchange) -> None:
        """Begin.

        Raises:
            Refused: There is nothing to be watched, or no more can be.
        """
        self._reactor = reactor
        self._places = places
        self._exchange = exchange
        self._is_deep = bool(exchange.request.get("recursive"))
        self._folders: dict[int, str] = {}
        self._lines: list[bytes] = []
        self._has_missed = False
        path = places.path(exchange.request, "path", "")
        self._top = path
        self._descriptor = _LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor < 0:
            raise refusal(OSError(ctypes.get_errno(), ""), path)
        exchange.after_closing(self._close)
        exchange.on_cancel = exchange.interrupted
        exchange.on_room = self._send
        self._add(path, is_top=True)
        exchange.tell({"watching": places.shown(path)})
        reactor.watch(self._descriptor, self._read)

    def _add(self, path: str, *, is_top: bool = False) -> None:
        if len(self._folders) >= FOLDERS_MAX:
            text = f"More than {FOLDERS_MAX:,} folders are below {self._top}"
            raise Refused("WATCH_START_ERROR", text, path=self._top)
        flags = _WANTED if is_top else _WANTED | _DONT_FOLLOW
        number = _LIBC.inotify_add_watch(self._descriptor, os.fsencode(path), flags)
        if number < 0:
            if is_top:
                raise refusal(OSError(ctypes.get_errno(), ""), path)
            return  # it has gone meanwhile
        self._folders[number] = path
        if self._is_deep:
            with contextlib.suppress(OSError), os.scandir(path) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        self._add(entry.path)

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, _READ_BYTES)
        except BlockingIOError:
            return
        start = 0
        try:
            while start < len(data) and self._exchange.is_open:
                number, mask, _, size = _HEAD.unpack_from(data, start)
                start += _HEAD.size
                name = os.fsdecode(data[start : start + size].rstrip(b"\0"))
                start += size
                self._happened(number, mask, name)
        except Refused as refused:
            self._exchange.refuse(refused)
        self._send()

    def _happened(self, number: int, mask: int, name: str) -> None:
        folder = self._folders.get(number, self._top)
        if mask & _IGNORED:
            self._folders.pop(number, None)
            return
        is_self = bool(mask & (_DELETE_SELF | _MOVE_SELF))
        if is_self and folder != self._top:
            return  # the folder above tells it
        path = f"{folder}/{name}" if name else folder
        kind = next((word for bit, word in _NAMES.items() if mask & bit), None)
        if kind is None:
            return
        is_folder = bool(mask & _IS_FOLDER)
        self._tell({"type": kind, "path": self._places.shown(path), "is_directory": is_folder})
        if self._is_deep and is_folder and mask & (_CREATE | _MOVED_TO):
            self._add(path)

    def _tell(self, event: Json) -> None:
        if len(self._lines) >= LINES_WAITING_MAX:
            self._has_missed = True
        else:
            self._lines.append(json.dumps(event).encode() + b"\n")

    def _send(self) -> None:
        while self._lines and self._exchange.room >= len(self._lines[0]):
            self._exchange.send(self._lines.pop(0))
        if self._has_missed and len(self._lines) < LINES_WAITING_MAX:
            self._has_missed = False
            self._tell({"type": "overflow", "path": self._top, "is_directory": True})

    def _close(self) -> None:
        self._reactor.unwatch(self._descriptor)
        os.close(self._descriptor)
