"""Keeps a launcher running, as long as the process lives that has it."""

import asyncio
import contextlib
import contextvars
import logging
import os
from pathlib import Path
from typing import Final

from .keeper.launching import LauncherProcess

log = logging.getLogger("perdure.sandbox")

RESTARTS_AFTER_S: Final = 0.1
RESTARTS_AFTER_MAX_S: Final = 5.0


class LauncherWatch:
    """One launcher, started when it is first wanted, and again when it has ended.

    Args:
        folder: Of all sandboxes.
        loop: Everything happens on it.
    """

    def __init__(self, folder: Path, loop: asyncio.AbstractEventLoop) -> None:
        self._folder = folder
        self._loop = loop
        self._launcher: LauncherProcess | None = None
        self._pidfd = -1
        self._timer: asyncio.TimerHandle | None = None
        self._wait_s = RESTARTS_AFTER_S
        self._is_closed = False

    @property
    def pid(self) -> int | None:
        """The launcher's; None while there is none."""
        launcher = self._launcher
        return launcher.pid if launcher is not None and launcher.poll() is None else None

    def want(self, *, has_wall: bool) -> None:
        """Have one, if there is none. Calling this again changes nothing.

        Args:
            has_wall: What runs inside is behind a wall; if not, the log says so, loudly.
        """
        if self._launcher is not None or self._is_closed:
            return
        if not has_wall:
            log.warning(
                "sandbox.no_wall",
                extra={
                    "reason": '[perdure.sandbox] isolation = "none": programs in sandboxes can do '
                    "whatever this server's user can, and have no limits",
                },
            )
        try:
            self._launcher = LauncherProcess(self._folder)
        except OSError as error:
            log.error("sandbox.no_launcher", extra={"reason": str(error)})  # noqa: TRY400  # the system's
            return
        self._watch()

    async def close(self) -> None:
        """End the launcher, and with it all sandboxes."""
        self._is_closed = True
        self._unwatch()
        if self._timer is not None:
            self._timer.cancel()
        if self._launcher is not None:
            await asyncio.to_thread(self._launcher.close)

    def _watch(self) -> None:
        assert self._launcher is not None, "it was just started"
        self._pidfd = os.pidfd_open(self._launcher.pid)
        contextvars.Context().run(self._loop.add_reader, self._pidfd, self._ended)

    def _unwatch(self) -> None:
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1

    def _ended(self) -> None:
        """Start another one: sandboxes that run go on, and are found by it."""
        self._unwatch()
        assert self._launcher is not None, "it has ended"
        log.error("sandbox.launcher_ended", extra={"status": self._launcher.poll()})
        self._timer = self._loop.call_later(self._wait_s, self._again)
        self._wait_s = min(2 * self._wait_s, RESTARTS_AFTER_MAX_S)

    def _again(self) -> None:
        self._timer = None
        assert self._launcher is not None, "it has ended"
        with contextlib.suppress(OSError):
            self._launcher.restart()
        if self._launcher.poll() is None:
            self._watch()
        else:
            self._timer = self._loop.call_later(self._wait_s, self._again)
