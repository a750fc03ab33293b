"""The keeper of one sandbox: its parent outside the wall, and what its workers speak to.

*Promise*: what is inside goes on whoever of the workers comes and goes, and ends when it is to
sleep, is stopped or destroyed, when its agent is lost, and within 2 s when the other end of the
life pipe is closed, whoever closed it. Nothing is left then but the files. Whatever the agent or a
worker sends, each request has an end: its answer, or an error that says what happened.
*Assumes*: single-threaded, forked by the launcher, and the only one for its folder (the launcher
holds a lock for it). Its own death is the launcher's to clean up after; a wall dies with it.
"""

import contextlib
import dataclasses
import errno
import logging
import os
import secrets
import select
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..addresses import KEEPER_SOCKET_NAME
from ..descendants import adopt_orphans, kill_descendants
from ..reactor import Reactor
from ..streams import Exchange, Json, Refused
from ..wire import Garbled
from .accounting import DiskAccount
from .agent_link import AgentLink, Patience
from .asker import Asker, is_ours
from .housing import Housing, Need, StartHousing, is_walled
from .idle import IdleTime
from .operations import Operations
from .removing import remove_tree
from .rings import CAPACITY_BYTES

log = logging.getLogger("perdure.sandbox")

ASKERS_MAX: Final = 64
END_WITHIN_S: Final = 1.5
_LAST_WORDS_S = 0.2
_LAST_BREATH_S = 0.1
_NOBODY_CAME_S = 10.0  # for the reason why there is no sandbox

WORKSPACE_NAME: Final = "workspace"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a keeper works, and with what.

    Attributes:
        name: The sandbox's.
        folder: Its own.
        program: The agent's file.
        uid: See ``Need``.
        settings: What the one who opened it wants, checked: isolation, network, best_effort,
            limits, mounts, packages, path, disk_bytes, log_bytes, env, sleep_after_s.
        start: Starts the agent.
        patience: With the agent.
    """

    name: str
    folder: Path
    program: Path
    uid: int | None
    settings: dict[str, Any]
    start: StartHousing
    patience: Patience

    @property
    def workspace(self) -> Path:
        """Where its files are."""
        return self.folder / WORKSPACE_NAME


class Keeper:
    """One sandbox.

    Args:
        place: See there.
        listening: Where workers connect; it stands in the place's folder.
        life: The end of a pipe, closed when all is to end.
    """

    def __init__(self, place: Place, listening: socket.socket, life: int) -> None:
        self._place = place
        self._listening = listening
        self._life = life
        self._reactor = Reactor()
        self._askers = set[Asker]()
        self._began_s = time.monotonic()
        self._boot = secrets.token_hex(8)
        self._housing: Housing | None = None
        self._agent: AgentLink | None = None
        self._operations: Operations | None = None
        self._idle: IdleTime | None = None
        self._account: DiskAccount | None = None
        self._failure: Json | None = None
        self._is_ending = False
        self._stands = False
        self._is_over = False

    def run(self) -> bool:
        """Keep it until it ends; return whether nothing is left of it."""
        adopt_orphans()
        self._listening.setblocking(False)  # noqa: FBT003  # the method's only argument
        self._reactor.watch(self._listening.fileno(), self._accept)
        self._reactor.watch(self._life, self._life_ends)
        self._reactor.on_signal(signal.SIGTERM, lambda: self._end("The server stops it"))
        try:
            self._begin()
        except Exception as error:
            self._cannot_begin(error)
        try:
            self._reactor.run()
        except Exception as error:  # a bug of ours: nothing may be left running
            log.exception("sandbox.keeper_failed", extra={"sandbox": self._place.name})
            self._end(f"Its keeper met a bug of its own: {type(error).__name__}: {error}")
        return not self._stands

    # ---- the beginning

    def _begin(self) -> None:
        place = self._place
        settings = place.settings
        place.workspace.mkdir(mode=0o700, exist_ok=True)
        if place.uid is not None:
            os.chown(place.workspace, place.uid, place.uid)
        ours, theirs = socket.socketpair()
        try:
            self._housing = place.start(
                Need(place.name, place.workspace, place.program, theirs, place.uid, settings)
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._reactor.watch(self._housing.pidfd, lambda: self._agent_lost(None))
        self._agent = AgentLink(
            ours, self._reactor, on_lost=self._agent_lost, patience=place.patience
        )
        self._idle = IdleTime(self._reactor, settings.get("sleep_after_s"), self._sleep)
        self._operations = Operations(
            self._reactor,
            self._agent,
            self._idle,
            self,
            dict(settings.get("env") or {}),
            int(settings.get("log_bytes") or CAPACITY_BYTES),
        )
        if settings.get("disk_bytes"):
            self._account = DiskAccount(
                self._reactor, place.workspace, int(settings["disk_bytes"]), self._too_much
            )

    def _cannot_begin(self, error: Exception) -> None:
        why, to_do = str(error), getattr(error, "what_to_do", "")
        if to_do:
            why = f"{getattr(error, 'missing', error)}. {to_do}"
        message = f"The sandbox cannot be started: {why}"
        # Where something is to be done, a traceback tells nobody more.
        extra = {"sandbox": self._place.name, "why": why}
        log.error("sandbox.not_started", extra=extra, exc_info=None if to_do else error)
        context = {"what_to_do": str(to_do)} if to_do else {}
        self._failure = Refused("CONTAINER_UNAVAILABLE", message, **context).as_json()
        self._reactor.call_later(_NOBODY_CAME_S, lambda: self._end(message))

    # ---- who asks

    def _accept(self) -> None:
        try:
            connection, _ = self._listening.accept()
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno not in {errno.EMFILE, errno.ENFILE, errno.ECONNABORTED}:
                raise
            return
        if len(self._askers) >= ASKERS_MAX or not is_ours(connection):
            connection.close()
            return
        asker = Asker(connection, self._reactor, begin=self._asked, on_lost=self._asker_lost)
        self._askers.add(asker)
        if self._failure is not None:
            asker.notice(self._failure)
            self._reactor.call_soon(lambda: self._end("It could not be started"))
            return
        asker.notice({"boot": self._boot, "is_walled": is_walled(self._place.settings)})

    def _asked(self, exchange: Exchange) -> None:
        if self._operations is None:
            raise Refused("CONTAINER_UNAVAILABLE", "The sandbox could not be started")
        try:
            self._operations.begin(exchange)
        except Refused:
            raise
        except Garbled as error:  # what is asked of the agent is larger still
            raise Refused("VALIDATION_FAILED", error.why) from None
        except Exception as error:
            log.exception("sandbox.operation_failed", extra={"sandbox": self._place.name})
            text = f"The keeper met a bug of its own: {type(error).__name__}: {error}"
            raise Refused("INTERNAL_ERROR", text) from error

    def _asker_lost(self, asker: Asker, why: str | None) -> None:
        self._askers.discard(asker)
        if why is not None:
            log.error("sandbox.asker_cut_off", extra={"sandbox": self._place.name, "why": why})

    # ---- how it is

    @property
    def is_full(self) -> bool:
        """Whether its files take more than they may, as far as is known."""
        return self._account is not None and self._account.is_exceeded

    def measure_again(self) -> None:
        """See whether enough was deleted, if it was full."""
        if self._account is not None:
            self._account.look_again()

    def status(self) -> Json:
        """Tell how it is."""
        assert self._operations is not None, "nothing is asked before"
        assert self._idle is not None, "nothing is asked before"
        assert self._housing is not None, "nothing is asked before"
        usage = self._housing.usage()
        return {
            "boot": self._boot,
            "is_walled": is_walled(self._place.settings),
            "uptime_s": time.monotonic() - self._began_s,
            "idle_s": self._idle.idle_s,
            "running": self._operations.processes.running,
            "disk_bytes": self._account.used_bytes if self._account is not None else None,
            "usage": dataclasses.asdict(usage) if dataclasses.is_dataclass(usage) else {},  # type: ignore[arg-type]  # no class
        }

    def _too_much(self, why: str) -> None:
        """End what fills the disk; the files stay, for whoever wants to look, or remove them."""
        assert self._agent is not None, "it is measured later"
        assert self._operations is not None, "as above"
        self._operations.stop_writing(why)
        self._agent.ask({"op": "kill_all"}, lambda _, descriptor: _close(descriptor))
        if self.is_full:  # that was said when it became so
            return
        log.error("sandbox.disk_exceeded", extra={"sandbox": self._place.name, "why": why})
        for asker in self._askers:
            asker.notice({"disk_exceeded": why})

    # ---- the end

    def stop(self, exchange: Exchange, *, is_destroyed: bool) -> None:
        """End all, then answer."""
        self._take_down()
        why = "The sandbox was destroyed" if is_destroyed else "The sandbox was stopped"
        for asker in self._askers:  # before the answer: whoever has that asks another keeper
            asker.notice({"ending": Refused("CONTAINER_UNAVAILABLE", why).as_json()["error"]})
        if is_destroyed:
            try:
                remove_tree(self._place.folder)
            except OSError as error:
                text = f"{error.filename}: {error.strerror}"
                exchange.refuse(Refused("INTERNAL_ERROR", f"Not all could be removed: {text}"))
        exchange.answer({})
        self._end(why)

    def _sleep(self) -> None:
        self._end("The sandbox sleeps, for it has had nothing to do")

    def _life_ends(self) -> None:
        self._end("The server has ended")

    def _agent_lost(self, why: str | None) -> None:
        if self._is_ending:
            return
        assert self._housing is not None, "there was one"
        # How it ends says more than that its connection did, which comes first.
        select.select([self._housing.pidfd], [], [], _LAST_BREATH_S if why is None else 0)
        text = "; ".join(filter(None, (why or "it has ended", self._take_down())))
        log.error("sandbox.agent_lost", extra={"sandbox": self._place.name, "why": text})
        self._end(f"The agent inside the sandbox was lost: {text}")

    def _end(self, why: str) -> None:
        """End all, say why, and let ``run`` return."""
        if self._is_over:
            return
        self._is_over = True
        self._take_down()
        refused = Refused("CONTAINER_UNAVAILABLE", why)
        for asker in self._askers:
            asker.finish(refused, _LAST_WORDS_S)
        self._askers.clear()
        if self._agent is not None:
            self._agent.close(refused.as_json())
        self._reactor.stop()

    def _take_down(self) -> str:
        """Kill all that is inside, and let nobody in; return what is known of how it ended."""
        if self._is_ending:
            return ""
        self._is_ending = True
        self._reactor.unwatch(self._listening.fileno())
        with contextlib.suppress(FileNotFoundError):
            (self._place.folder / KEEPER_SOCKET_NAME).unlink()
        self._listening.close()
        known = ""
        if self._housing is not None:
            self._reactor.unwatch(self._housing.pidfd)
            try:
                known = str(self._housing.end(END_WITHIN_S))
            except Exception:
                # On a machine that has too much to do for that: the launcher goes on with it.
                self._stands = True
                log.exception("sandbox.stands", extra={"sandbox": self._place.name})
        kill_descendants(within_s=END_WITHIN_S, reap=_reap)
        return known


def _reap() -> None:
    """Take away the dead that nobody else waits for."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _close(descriptor: int) -> None:
    if descriptor >= 0:
        os.close(descriptor)
