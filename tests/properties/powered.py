"""A disk that a test can hold up, and whose power it can cut; it knows what is durable.

The model of a power failure: of what was written to a file since it was synced, each sector is
there or not, independently; a file that was never synced may be missing. That is done to the
segments of logs and to actors' files. All else is taken for durable: it is written by
storage/durable_files.py, whose tests show that it is, or by SQLite with its own syncs.
"""

import errno
import os
import random
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.wire import PATIENCE_S

SECTOR_SIZE_BYTES = 512


class PoweredDisk:
    """Stands between the engine and the file system, and calls what the engine's threads ask for.

    Attributes:
        is_held: Each fdatasync waits for ``let_one_go``.
        fails: The next one that goes on fails instead.
        in_sync: Called while the file system is synced, before anything is known to be durable.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.is_held = False
        self.fails = False
        self.in_sync: Callable[[], None] | None = None
        self._changed = threading.Condition()
        self._calls: deque[Callable[[], None]] = deque()
        self._waiting = self._permits = 0
        self._durable: dict[Path, bytes] = {}
        patch.setattr(os, "fdatasync", self._fdatasync)
        patch.setattr(os, "fsync", lambda _: None)
        for name, module in list(sys.modules.items()):
            if name.startswith("perdure.storage.") and hasattr(module, "sync_file_system"):
                patch.setattr(module, "sync_file_system", self._sync_file_system)

    # --- what the engine calls ---------------------------------------------------------------

    def notify(self, call: Callable[[], None]) -> None:
        """Have ``call`` called by ``run``, in the test's thread."""
        with self._changed:
            self._calls.append(call)
            self._changed.notify_all()

    def _fdatasync(self, descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        with self._changed:
            self._waiting += 1
            self._changed.notify_all()
            is_told = self._changed.wait_for(self._may_go, timeout=PATIENCE_S)
            self._waiting -= 1
            if not is_told:
                raise TimeoutError("a test has forgotten a sync that it held up")
            if self.is_held:
                self._permits -= 1
            if self.fails:
                self.fails = False
                raise OSError(errno.EIO, "Input/output error")
        self._durable[path] = path.read_bytes()

    def _may_go(self) -> bool:
        return not self.is_held or self._permits > 0

    def _sync_file_system(self, path: Path) -> None:
        if self.in_sync is not None:
            self.in_sync()
        for file in path.rglob("*.db"):
            self._durable[file] = file.read_bytes()

    # --- what a test does --------------------------------------------------------------------

    def run(self) -> None:
        """Let the loop run until it has nothing to do."""
        while self._calls:
            self._calls.popleft()()

    def rest(self, is_done: Callable[[], bool]) -> None:
        """Wait until a sync is held up, the loop has something to do, or ``is_done``."""
        with self._changed:
            assert self._changed.wait_for(
                lambda: (self._waiting and not self._may_go()) or self._calls or is_done(),
                timeout=PATIENCE_S,
            )

    def let_one_go(self) -> None:
        with self._changed:
            if self._waiting > self._permits:
                self._permits += 1
                self._changed.notify_all()

    @contextmanager
    def free(self) -> Iterator[None]:
        """Hold up nothing for a while."""
        was_held = self._hold(is_held=False)
        try:
            yield
        finally:
            self._hold(is_held=was_held)

    def _hold(self, *, is_held: bool) -> bool:
        with self._changed:
            was_held, self.is_held = self.is_held, is_held
            self._permits = 0
            self._changed.notify_all()
            return was_held

    def forget(self) -> None:
        """The process is gone, and with it what its loop had to do."""
        self._calls.clear()

    # --- the power failure -------------------------------------------------------------------

    def cut(self, original: Path, copy: Path, chance: random.Random) -> None:
        """Make of ``copy``, a copy of ``original`` as it is now, what a power failure leaves."""
        lost = chance.choice((0.1, 0.5, 0.9, 1.0))
        for path in sorted((*copy.joinpath("log").rglob("*"), *copy.joinpath("actors").rglob("*"))):
            if path.suffix in {".seg", ".db"}:
                durable = self._durable.get(original / path.relative_to(copy))
                self._cut_file(path, durable, chance, lost)
            elif path.name.endswith("-wal") and chance.random() < lost:
                path.write_bytes(path.read_bytes()[: chance.randint(0, path.stat().st_size)])

    def _cut_file(
        self, path: Path, durable: bytes | None, chance: random.Random, lost: float
    ) -> None:
        written = path.read_bytes()
        if durable is None:
            if chance.random() < lost:
                path.unlink()
                return
            durable = b""
        sizes = (len(durable), len(written))
        left = bytearray(written.ljust(max(sizes), b"\0"))
        old = durable.ljust(max(sizes), b"\0")
        for at in range(0, len(left), SECTOR_SIZE_BYTES):
            sector = slice(at, at + SECTOR_SIZE_BYTES)
            if left[sector] != old[sector] and chance.random() < lost:
                left[sector] = old[sector]
        path.write_bytes(left[: chance.choice(sizes)])
