"""Makes a keeper for each sandbox that is opened: a fork of this process, which has it all loaded.

*Promise*: one keeper for each sandbox, whoever opens it how often and at the same time (a lock on
its folder, which also one sees whose launcher was another). What a keeper leaves behind that was
killed is killed: this process adopts it.
*Assumes*: single-threaded; nothing but keepers are its children.
"""

import contextlib
import fcntl
import gc
import logging
import os
import re
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from ...host.socket_address import socket_address
from ..addresses import KEEPER_SOCKET_NAME, LAUNCHER_SOCKET_NAME
from ..descendants import adopt_orphans, kill_descendants
from ..reactor import Reactor
from ..streams import Exchange, Refused, nothing
from .agent_link import Patience
from .asker import Asker, is_ours
from .checking import check_settings
from .housing import StartHousing, is_walled, write_program
from .keeper import Keeper, Place
from .uids import uid_of

log = logging.getLogger("perdure.sandbox")

LOCK_NAME: Final = "keeper.lock"
BACKLOG: Final = 64
_NAME = re.compile(r"[0-9a-f]{64}")
_STANDARD_MAX = 2
_KEEPERS_END_WITHIN_S = 1.9


class Launcher:
    """The parent of all keepers.

    Args:
        folder: Of all sandboxes.
        listening: Where workers connect.
        life: The end of a pipe, closed when all is to end.
        start: Starts an agent behind its wall.
        clean_up: Told the name of a sandbox whose keeper was killed, when its processes are gone.
        hasten: Called before a keeper is made that starts an agent behind a wall. What it starts
            may be killed at any time.
        patience: With agents.
    """

    def __init__(
        self,
        folder: Path,
        listening: socket.socket,
        life: int,
        start: StartHousing,
        clean_up: Callable[[str], object] = nothing,
        hasten: Callable[[], object] = nothing,
        patience: Patience | None = None,
    ) -> None:
        self._folder = folder
        self._listening = listening
        self._life = life
        self._start = start
        self._clean_up = clean_up
        self._hasten = hasten
        self._patience = patience or Patience()
        self._reactor = Reactor()
        self._askers = set[Asker]()
        self._keepers: dict[str, int] = {}
        self._program = write_program(folder)

    def run(self) -> None:
        """Serve until the life pipe is closed."""
        adopt_orphans()
        gc.freeze()  # keepers share what is here, as long as nobody touches it
        self._listening.setblocking(False)  # noqa: FBT003  # the method's only argument
        self._reactor.watch(self._listening.fileno(), self._accept)
        self._reactor.watch(self._life, self._reactor.stop)
        self._reactor.on_signal(signal.SIGCHLD, self._reap)
        try:
            self._reactor.run()
        finally:
            self._end()

    def _accept(self) -> None:
        try:
            connection, _ = self._listening.accept()
        except OSError:
            return
        if not is_ours(connection):
            connection.close()
            return
        self._askers.add(
            Asker(connection, self._reactor, begin=self._asked, on_lost=self._asker_lost)
        )

    def _asker_lost(self, asker: Asker, why: str | None) -> None:
        self._askers.discard(asker)
        if why is not None:
            log.error("sandbox.asker_cut_off", extra={"why": why})

    def _asked(self, exchange: Exchange) -> None:
        request = exchange.request
        name, settings = request.get("id"), request.get("settings")
        if request.get("op") != "open":
            raise Refused("VALIDATION_FAILED", f"There is no operation {request.get('op')!r}")
        if type(name) is not str or not _NAME.fullmatch(name) or type(settings) is not dict:
            raise Refused("VALIDATION_FAILED", "open takes an id of 64 hex digits, and settings")
        check_settings(settings)
        self._reap()
        if name not in self._keepers:
            try:
                self._open(name, settings)
            except OSError as error:
                text = f"The sandbox's folder cannot be used: {error}"
                raise Refused("CONTAINER_UNAVAILABLE", text) from None
        exchange.answer({})

    def _open(self, name: str, settings: dict[str, Any]) -> None:
        folder = self._folder / name
        folder.mkdir(mode=0o700, exist_ok=True)
        lock = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # a keeper is there whose launcher was another
            os.close(lock)
            return
        if is_walled(settings):
            self._hasten()
        needs_uid = os.geteuid() == 0 and is_walled(settings)
        place = Place(
            name=name,
            folder=folder,
            program=self._program,
            uid=uid_of(self._folder, folder) if needs_uid else None,
            settings=settings,
            start=self._start,
            patience=self._patience,
        )
        listening = listen(folder, KEEPER_SOCKET_NAME)
        pid = os.fork()
        if pid == 0:
            self._become_keeper(place, listening, lock)
        listening.close()
        os.close(lock)
        self._keepers[name] = pid

    def _become_keeper(self, place: Place, listening: socket.socket, lock: int) -> None:
        """Be a keeper. Nothing returns from here, so no object of the launcher's is ever freed."""
        code = 1
        try:
            os.setsid()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            kept = {*range(_STANDARD_MAX + 1), listening.fileno(), lock, self._life}
            for path in list(Path("/proc/self/fd").iterdir()):
                if int(path.name) not in kept:
                    with contextlib.suppress(OSError):  # the one that the list was read from
                        os.close(int(path.name))
            code = 0 if Keeper(place, listening, self._life).run() else 1
        except BaseException:
            log.exception("sandbox.keeper_failed", extra={"sandbox": place.name})
        finally:
            os._exit(code)

    def _reap(self) -> None:
        while True:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG)
            except ChildProcessError:
                return
            if found is None:
                return
            name = next((n for n, pid in self._keepers.items() if pid == found.si_pid), None)
            if name is not None:
                del self._keepers[name]
                if found.si_code != os.CLD_EXITED or found.si_status != 0:
                    self._clean_up_after(name)

    def _clean_up_after(self, name: str) -> None:
        log.error("sandbox.keeper_killed", extra={"sandbox": name})
        kill_descendants(spared=set(self._keepers.values()))
        with contextlib.suppress(FileNotFoundError):
            (self._folder / name / KEEPER_SOCKET_NAME).unlink()
        self._clean_up(name)

    def _end(self) -> None:
        """Wait for the keepers, who end as well, and kill what is left."""
        with contextlib.suppress(FileNotFoundError):
            (self._folder / LAUNCHER_SOCKET_NAME).unlink()
        deadline = time.monotonic() + _KEEPERS_END_WITHIN_S
        while self._keepers and time.monotonic() < deadline:
            time.sleep(0.005)
            self._reap()
        for name in list(self._keepers):
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._keepers.pop(name), signal.SIGKILL)
            self._clean_up_after(name)
        kill_descendants(reap=self._reap)


def listen(folder: Path, name: str) -> socket.socket:
    """Return a socket in a folder that listens; whatever had the name before is gone."""
    with contextlib.suppress(FileNotFoundError):
        (folder / name).unlink()
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        with socket_address(folder, name) as address:
            listening.bind(address)
    finally:
        os.umask(before)
    listening.listen(BACKLOG)
    return listening
