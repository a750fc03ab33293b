"""What the kernel tells of changes in a folder, and in those below: inotify.

*Promise*: of a folder that appears, all is told that is in it, also what was made before the kernel
was asked to tell of it: ``mkdir -p a/b; touch a/b/c`` gives all three.
"""

import contextlib
import ctypes
import os
import struct
from collections.abc import Callable

from ..reactor import Reactor
from ..streams import Refused
from .refusals import refusal
from .selection import Selection

_LIBC = ctypes.CDLL(None, use_errno=True)
_HEAD = struct.Struct("iIII")
_READ_BYTES = 64 * 1024
FOLDERS_MAX = 8192
_TOLD_MAX = 8192

_MODIFY, _ATTRIB = 0x2, 0x4
_MOVED_FROM, _MOVED_TO = 0x40, 0x80
_CREATE, _DELETE, _DELETE_SELF, _MOVE_SELF = 0x100, 0x200, 0x400, 0x800
_OVERFLOW, _IGNORED, _IS_FOLDER = 0x4000, 0x8000, 0x40000000
_DONT_FOLLOW = 0x02000000
OVERFLOW = "overflow"
_NAMES = {
    _CREATE: "create",
    _MODIFY: "modify",
    _ATTRIB: "attrib",
    _DELETE: "delete",
    _MOVED_FROM: "move_from",
    _MOVED_TO: "move_to",
    _DELETE_SELF: "delete",
    _MOVE_SELF: "move_from",
    _OVERFLOW: OVERFLOW,
}
_WANTED = (
    _CREATE | _MODIFY | _ATTRIB | _DELETE | _MOVED_FROM | _MOVED_TO | _DELETE_SELF | _MOVE_SELF
)


class FolderWatch:
    """One watched file or folder.

    Args:
        reactor: Where it runs.
        top: The path.
        selection: What to tell of.
        is_deep: Whether folders below are watched, too.
        on_event: Told what has happened, to which path, and whether that is a folder.
        on_end: Told once that it is over, and why, if it went wrong.
    """

    def __init__(
        self,
        reactor: Reactor,
        top: str,
        selection: Selection,
        *,
        is_deep: bool,
        on_event: Callable[[str, str, bool], None],
        on_end: Callable[[Refused | None], None],
    ) -> None:
        """Begin.

        Raises:
            Refused: There is nothing to be watched, or no more can be.
        """
        self.top = top
        self._reactor = reactor
        self._selection = selection
        self._is_deep = is_deep
        self._on_event = on_event
        self._on_end = on_end
        self._folders: dict[int, str] = {}
        # What was told because it was found; the kernel may tell it once more.
        self._told = set[str]()
        self._descriptor = _LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor < 0:
            raise refusal(OSError(ctypes.get_errno(), ""), top)
        try:
            self._top_number = self._add(top, is_top=True)
        except Refused:
            self.close()
            raise
        self._top_is_folder = os.path.isdir(top)  # noqa: PTH112  # pathlib takes 10 ms to import
        reactor.watch(self._descriptor, self._read)

    def close(self) -> None:
        """Watch no more."""
        if self._descriptor >= 0:
            self._reactor.unwatch(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1

    def catch_up(self) -> None:
        """Tell all that has happened by now."""
        while self._descriptor >= 0 and self._read():
            pass

    def _relative(self, path: str) -> str:
        return path[len(self.top.rstrip("/")) + 1 :] or os.path.basename(path)  # noqa: PTH119  # pathlib takes 10 ms to import

    def _add(self, path: str, *, is_top: bool = False, is_new: bool = False) -> int:
        if len(self._folders) >= FOLDERS_MAX:
            text = f"More than {FOLDERS_MAX:,} folders are below {self.top}: exclude some"
            raise Refused("WATCH_START_ERROR", text, path=self.top)
        flags = _WANTED if is_top else _WANTED | _DONT_FOLLOW
        number = _LIBC.inotify_add_watch(self._descriptor, os.fsencode(path), flags)
        if number < 0:
            if is_top:
                raise refusal(OSError(ctypes.get_errno(), ""), path)
            return -1  # it has gone meanwhile
        self._folders[number] = path
        if self._is_deep:
            with contextlib.suppress(OSError), os.scandir(path) as entries:
                for entry in entries:
                    self._found(entry, is_new=is_new)
        return int(number)

    def _found(self, entry: os.DirEntry[str], *, is_new: bool) -> None:
        is_folder = entry.is_dir(follow_symlinks=False)
        if is_new and len(self._told) < _TOLD_MAX:
            self._told.add(entry.path)
            self._tell("create", entry.path, is_folder=is_folder)
        if is_folder and self._selection.enters(self._relative(entry.path)):
            self._add(entry.path, is_new=is_new)

    def _read(self) -> bool:
        try:
            data = os.read(self._descriptor, _READ_BYTES)
        except BlockingIOError:
            return False
        start = 0
        try:
            while start < len(data) and self._descriptor >= 0:
                number, mask, _, size = _HEAD.unpack_from(data, start)
                start += _HEAD.size
                name = os.fsdecode(data[start : start + size].rstrip(b"\0"))
                start += size
                self._happened(number, mask, name)
        except Refused as refused:
            self._end(refused)
        return True

    def _happened(self, number: int, mask: int, name: str) -> None:
        folder = self._folders.get(number, self.top)
        if mask & _IGNORED:
            self._folders.pop(number, None)
            if number == self._top_number:
                self._end(None)
            return
        is_self = bool(mask & (_DELETE_SELF | _MOVE_SELF))
        if is_self and number != self._top_number:
            return  # the folder above tells it
        path = f"{folder.rstrip('/')}/{name}" if name else folder
        kind = next((word for bit, word in _NAMES.items() if mask & bit), None)
        if kind is None:
            return
        # Of what is watched itself the kernel does not say it.
        is_folder = self._top_is_folder if is_self else bool(mask & _IS_FOLDER)
        if mask & _CREATE and path in self._told:
            self._told.discard(path)
            return
        self._tell(kind, path, is_folder=is_folder)
        if mask & (_DELETE | _MOVED_FROM):
            self._told.discard(path)
        if self._is_deep and is_folder and self._selection.enters(self._relative(path)):
            if mask & (_CREATE | _MOVED_TO):
                self._add(path, is_new=bool(mask & _CREATE))
            elif mask & _MOVED_FROM:
                self._leave(path)

    def _leave(self, path: str) -> None:
        """Hear no more of what is in a folder that has another path now."""
        for number, folder in list(self._folders.items()):
            if folder == path or folder.startswith(path + "/"):
                _LIBC.inotify_rm_watch(self._descriptor, number)
        self._told = {each for each in self._told if not each.startswith(path + "/")}

    def _tell(self, kind: str, path: str, *, is_folder: bool) -> None:
        if kind == OVERFLOW or self._selection.admits(self._relative(path)):
            self._on_event(kind, path, is_folder)

    def _end(self, why: Refused | None) -> None:
        if self._descriptor >= 0:
            self.close()
            self._on_end(why)
