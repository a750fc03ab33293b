"""Starts a server's launcher, and ends it, and with it all sandboxes."""

import contextlib
import os
import socket
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

    Attributes:
        pid: Its number.
    """

    def __init__(self, folder: Path, program: Sequence[str] = ("-m", PROGRAM)) -> None:
        """Start one.

        Args:
            folder: Of all sandboxes; it is made if it is missing.
            program: What Python is to run.

        Raises:
            OSError: It cannot be started.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        life, self._life = os.pipe()
        listening: socket.socket | None = None
        try:
            # Made here, so that workers can connect at once, and wait for it.
            listening = listen(folder, LAUNCHER_SOCKET_NAME)
            numbers = [str(listening.fileno()), str(life)]
            self._popen = subprocess.Popen(  # noqa: S603  # ours
                [sys.executable, *program, *numbers, str(folder)],
                stdin=subprocess.DEVNULL,
                pass_fds=(listening.fileno(), life),
                start_new_session=True,
            )
        except BaseException:
            os.close(self._life)
            raise
        finally:
            os.close(life)
            if listening is not None:
                listening.close()
        self.pid = self._popen.pid

    def poll(self) -> int | None:
        """Return how it ended, or None while it runs."""
        return self._popen.poll()

    def close(self) -> None:
        """End it, and all sandboxes. Closing twice does nothing."""
        if self._life < 0:
            return
        os.close(self._life)
        self._life = -1
        try:
            self._popen.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        with contextlib.suppress(FileNotFoundError):
            (self._folder / LAUNCHER_SOCKET_NAME).unlink()
