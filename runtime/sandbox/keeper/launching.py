"""Starts a server's launcher, and ends it, and with it all sandboxes."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ..addresses import LAUNCHER_SOCKET_NAME
from .launcher import listen

PROGRAM = f"{__name__.rpartition('.')[0]}.launcher_program"
ENDS_WITHIN_S = 5.0


class LauncherProcess:
    """One launcher, as the process has it that it belongs to: the supervisor, or the server.

    When that process ends, however it does, the pipe's end is closed, and with it ends every
    sandbox within 2 s.
    """

    def __init__(self, folder: Path, program: Sequence[str] = ("-P", "-m", PROGRAM)) -> None:
        """Start one.

        Args:
            folder: Of all sandboxes; it is made if it is missing.
            program: What Python is to run.

        Raises:
            OSError: It cannot be started.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._program = program
        # Both are kept here, so that workers can connect at once, and wait for a launcher, and
        # keepers go on when theirs has ended.
        self._listening = listen(folder, LAUNCHER_SOCKET_NAME)
        self._life_there, self._life = os.pipe()
        try:
            self._popen = self._start()
        except BaseException:
            self._let_go()
            raise

    @property
    def pid(self) -> int:
        """The number of the launcher that runs now."""
        return self._popen.pid

    def restart(self) -> None:
        """Start another one if it has ended; sandboxes that run go on, and are found by it.

        Raises:
            OSError: It cannot be started.
        """
        if self._life >= 0 and self._popen.poll() is not None:
            self._popen = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        descriptors = (self._listening.fileno(), self._life_there)
        return subprocess.Popen(  # noqa: S603  # ours
            [sys.executable, *self._program, *map(str, descriptors), str(self._folder)],
            stdin=subprocess.DEVNULL,
            pass_fds=descriptors,
            start_new_session=True,
        )

    def _let_go(self) -> None:
        self._listening.close()
        os.close(self._life)
        os.close(self._life_there)
        self._life = self._life_there = -1

    def poll(self) -> int | None:
        """Return how it ended, or None while it runs."""
        return self._popen.poll()

    def close(self) -> None:
        """End it, and all sandboxes. Closing twice does nothing."""
        if self._life < 0:
            return
        self._let_go()
        try:
            self._popen.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        with contextlib.suppress(FileNotFoundError):
            (self._folder / LAUNCHER_SOCKET_NAME).unlink()
