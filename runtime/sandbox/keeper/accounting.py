"""How much a workspace takes on the disk, and what becomes of one that takes too much.

Measured from outside, a few hundred entries at a time, so that nobody waits for it. Programs
inside may change everything meanwhile: folders are opened without following links, one below the
other, so that it never looks elsewhere.
"""

import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from ..reactor import Reactor, Timer

DEPTH_MAX: Final = 200  # one descriptor each
_ENTRIES_AT_ONCE = 500
_PAUSE_S = 1.0
_BUSY_SHARE = 0.05  # of the time at most
_BLOCK_BYTES = 512
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class TooDeep(Exception):
    """Folders within folders, more than can be measured."""


def measure(folder: Path) -> Iterator[int]:
    """Give what each entry takes, in bytes; what is gone meanwhile takes nothing.

    Raises:
        TooDeep: There are more folders within each other than ``DEPTH_MAX``.
    """
    seen = set[tuple[int, int]]()  # what has several names is counted once
    open_folders: list[tuple[int, list[str]]] = []
    try:
        _enter(open_folders, os.open(folder, _FOLDER))
        while open_folders:
            descriptor, names = open_folders[-1]
            if not names:
                os.close(descriptor)
                open_folders.pop()
                continue
            name = names.pop()
            try:
                facts = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                below = _open_below(descriptor, name, facts)
            except OSError:
                continue
            if facts.st_nlink == 1 or below >= 0 or (facts.st_dev, facts.st_ino) not in seen:
                if facts.st_nlink > 1 and below < 0:
                    seen.add((facts.st_dev, facts.st_ino))
                yield facts.st_blocks * _BLOCK_BYTES
            if below >= 0:
                _enter(open_folders, below)
    finally:
        for descriptor, _ in open_folders:
            os.close(descriptor)


def _open_below(descriptor: int, name: str, facts: os.stat_result) -> int:
    if not stat.S_ISDIR(facts.st_mode):
        return -1
    return os.open(name, _FOLDER, dir_fd=descriptor)


def _enter(open_folders: list[tuple[int, list[str]]], descriptor: int) -> None:
    if len(open_folders) >= DEPTH_MAX:
        os.close(descriptor)
        raise TooDeep
    open_folders.append((descriptor, os.listdir(descriptor)))


class DiskAccount:
    """Measures again and again.

    Attributes:
        used_bytes: What the last whole measurement found; None before it.
        is_exceeded: It is too much, as far as is known.
    """

    def __init__(
        self,
        reactor: Reactor,
        folder: Path,
        limit_bytes: int,
        on_exceeded: Callable[[str], None],
    ) -> None:
        """Begin to measure.

        Args:
            reactor: Where it runs.
            folder: What.
            limit_bytes: How much it may be.
            on_exceeded: Told why it is too much, as often as it is found to be;
                ``is_exceeded`` says whether it was before.
        """
        self.used_bytes: int | None = None
        self.is_exceeded = False
        self._reactor = reactor
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._on_exceeded = on_exceeded
        self._timer: Timer | None = None
        self._begin()

    def look_again(self) -> None:
        """Measure now, if it was too much: something may have been deleted since."""
        if self.is_exceeded and self._timer is not None:
            self._timer.cancel()
            self._begin()

    def _begin(self) -> None:
        self._timer = None
        self._found = 0
        self._busy_s = 0.0
        self._entries = measure(self._folder)
        self._go_on()

    def _go_on(self) -> None:
        began_s = time.monotonic()
        try:
            for count, size_bytes in enumerate(self._entries, 1):
                self._found += size_bytes
                if self._found > self._limit_bytes:
                    most = f"{self._limit_bytes:,} bytes (disk_size_bytes_max)"
                    self._exceeded(f"more than {most} are in its workspace")
                    return
                if count == _ENTRIES_AT_ONCE:
                    self._busy_s += time.monotonic() - began_s
                    self._reactor.call_soon(self._go_on)
                    return
        except TooDeep:
            self._exceeded(f"more than {DEPTH_MAX} folders are within each other")
            return
        except OSError as error:
            self._exceeded(f"its workspace cannot be read: {error.strerror}")
            return
        self._busy_s += time.monotonic() - began_s
        self.used_bytes = self._found
        self.is_exceeded = False
        pause_s = max(_PAUSE_S, self._busy_s / _BUSY_SHARE)
        self._timer = self._reactor.call_later(pause_s, self._begin)

    def _exceeded(self, why: str) -> None:
        self.used_bytes = self._found
        self._entries = iter(())
        self._timer = self._reactor.call_later(_PAUSE_S, self._begin)
        self._on_exceeded(why)
        self.is_exceeded = True
