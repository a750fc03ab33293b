"""The processes of a sandbox: what was started, what it writes, and how it ended.

*Promise*: a process that was started goes on whoever listens, and never waits for a reader: what
nobody reads falls out of its ring. Where a reader sets the pace (``exec``), nothing falls out, and
the process waits. A time that is over ends the group, SIGTERM first; an agent that does not see to
it in time is lost.
"""

import contextlib
import os
import secrets
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from ..reactor import Reactor, Timer
from ..streams import Json, Refused, error_of
from ..wire import STDERR, STDOUT, WINDOW_BYTES, Garbled, cost
from .agent_link import AgentLink
from .rings import CAPACITY_BYTES, CAPACITY_BYTES_MIN, Ring

GRACE_S: Final = 1.0  # between SIGTERM and SIGKILL
ENDED_MAX: Final = 64  # that are remembered
NAME_CHARACTERS_MAX: Final = 128  # of what one may be called
_EXIT_CODE_MAX = 255


class Process:
    """One command.

    Attributes:
        id: What it is called.
        pid: Its number inside; None before it has started.
        ring: What it has written.
        answer: How it ended, {"exit_code", "signal", "timed_out"} and perhaps {"left"}, or an
            error; None before.
        listeners: Called when something of that has changed.
    """

    def __init__(
        self,
        reactor: Reactor,
        agent: AgentLink,
        request: Json,
        *,
        timeout_s: float | None = None,
        is_paced: bool = False,
        ring_bytes: int = CAPACITY_BYTES,
    ) -> None:
        self.id = str(request.get("process_id") or f"proc-{secrets.token_hex(6)}")
        self.request = request
        self.pid: int | None = None
        self.started_at = time.time()
        self.ended_at: float | None = None
        # Where a reader sets the pace, no more than a window is unread.
        self.ring = Ring(WINDOW_BYTES if is_paced else max(CAPACITY_BYTES_MIN, ring_bytes))
        self.answer: Json | None = None
        self.listeners: list[Callable[[], None]] = []
        self._reactor = reactor
        self._agent = agent
        self._is_paced = is_paced
        self._unpaid: deque[tuple[int, int]] = deque()
        self._has_timed_out = False
        self._timer: Timer | None = None
        self.question = agent.ask({**request, "op": "run"}, self._answered, self._told)
        self.question.on_data = self._wrote
        if timeout_s is not None:
            self._timer = reactor.call_later(timeout_s, self._time_is_over)

    @property
    def has_ended(self) -> bool:
        """Whether it runs no more."""
        return self.answer is not None

    @property
    def status(self) -> str:
        """What it does, in the original's words."""
        if self.answer is None:
            return "running" if self.pid is not None else "starting"
        if "error" in self.answer:
            return "error"
        if self.answer["signal"] is not None:
            return "killed"
        return "completed" if self.answer["exit_code"] == 0 else "failed"

    def record(self) -> Json:
        """Return what a list of processes says of it."""
        answer = self.answer or {}
        return {
            "id": self.id,
            "pid": self.pid,
            "command": self.request.get("command"),
            "cwd": self.request.get("cwd"),
            "session": self.request.get("session"),
            "status": self.status,
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "exit_code": answer.get("exit_code"),
            "signal": answer.get("signal"),
            "timed_out": self._has_timed_out,
        }

    def signal(self, number: int) -> None:
        """Send its group a signal, if it still runs."""
        self.question.tell({"signal": number})

    def end(self, grace_s: float = GRACE_S) -> None:
        """End its group, SIGTERM first."""
        if self.has_ended:
            return
        self.question.tell({"end": grace_s})
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._reactor.call_later(
            grace_s + self._agent.patience.killing_s, self._lose_patience
        )

    def abandon(self) -> None:
        """End its group; what it writes from now on, and has written, is for nobody."""
        self._is_paced = False
        self.read_until(self.ring.end)
        self.end()

    def _lose_patience(self) -> None:
        """The agent has not said that it has ended, though nothing kept it from that."""
        patience_s = self._agent.patience.killing_s
        if self._unpaid:  # what it wrote before comes first, and is waiting for its reader
            self._timer = self._reactor.call_later(patience_s, self._lose_patience)
        else:
            self._agent.lose("a process that was to be killed has not ended")

    def read_until(self, position: int) -> None:
        """Say how far the reader has come that sets the pace."""
        while self._unpaid and self._unpaid[0][0] <= position:
            self.question.consumed(self._unpaid.popleft()[1])

    def _time_is_over(self) -> None:
        self._has_timed_out = True
        self._timer = None
        self.end()

    def _wrote(self, kind: int, data: bytes) -> None:
        if kind not in {STDOUT, STDERR}:
            raise Garbled("a command without a terminal writes to one")
        self.ring.append(kind, data)
        if self._is_paced:
            self._unpaid.append((self.ring.end, cost(len(data))))
        else:
            self.question.consumed(cost(len(data)))
        self._changed()

    def _told(self, event: Json) -> None:
        self.pid = checked_pid(event)
        self._changed()

    def _answered(self, answer: Json, descriptor: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.ended_at = time.time()
        self.answer = checked_ending(answer, descriptor)
        if "error" not in self.answer:
            self.answer["timed_out"] = self._has_timed_out
        self._changed()

    def _changed(self) -> None:
        for listener in list(self.listeners):
            listener()


def checked_pid(event: Json) -> int:
    """Return the number of a process that has started, as an agent says it.

    Raises:
        Garbled: That is no number.
    """
    pid = event.get("pid")
    if type(pid) is not int or pid <= 0:
        raise Garbled("a process without a number")
    return pid


def checked_ending(answer: Json, descriptor: int) -> Json:
    """Return how a command ended, as an agent says it.

    Raises:
        Garbled: That is no way to end.
    """
    if descriptor >= 0:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    refused = error_of(answer)
    if refused is not None:
        return refused.as_json()
    code, name = answer.get("exit_code"), answer.get("signal")
    is_code = type(code) is int and 0 <= code <= _EXIT_CODE_MAX
    if not is_code or not (name is None or type(name) is str):
        raise Garbled("a command ended in a way that there is none")
    ending: Json = {"exit_code": code, "signal": name}
    if (left := answer.get("left")) is not None:
        ending["left"] = _checked_left(left)
    return ending


def _checked_left(left: Any) -> Json:
    """Return the folder and the variables that a command has left."""
    folder, variables = (left.get("cwd"), left.get("env", {})) if type(left) is dict else (0, 0)
    is_folder = folder is None or (type(folder) is str and folder.startswith("/"))
    if not is_folder or type(variables) is not dict:
        raise Garbled("a command has left what no command can")
    if not all(name and type(value) in {str, type(None)} for name, value in variables.items()):
        raise Garbled("a command has left variables that there are none")
    return {"cwd": folder, "env": variables}


class ProcessTable:
    """What was started and is remembered: all that runs, and what ended last."""

    def __init__(self) -> None:
        self._processes: dict[str, Process] = {}

    def add(self, process: Process) -> None:
        """Remember one; forget the oldest that have ended, if they are too many."""
        self._processes[process.id] = process
        ended = [each for each in self._processes.values() if each.has_ended]
        for each in ended[: max(0, len(ended) - ENDED_MAX)]:
            del self._processes[each.id]

    def drop(self, process: Process) -> None:
        """Forget one that could not start."""
        self._processes.pop(process.id, None)

    def check_free(self, name: Any) -> None:
        """See that a process may be called so.

        Raises:
            Refused: Another one that runs is.
        """
        if name is None:
            return
        if type(name) is not str or not 0 < len(name) <= NAME_CHARACTERS_MAX:
            text = f"process_id is text of 1 to {NAME_CHARACTERS_MAX} characters"
            raise Refused("VALIDATION_FAILED", text, field="process_id")
        process = self._processes.get(name)
        if process is not None and not process.has_ended:
            raise Refused("PROCESS_ERROR", f"Process {name} runs already", process_id=name)

    def find(self, name: Any) -> Process:
        """Return the one that is called so.

        Raises:
            Refused: None is.
        """
        process = self._processes.get(name) if type(name) is str else None
        if process is None:
            text = f"There is no process {name}: none was started under this name since the sandbox"
            text = f"{text} runs, or it has ended and is forgotten"
            raise Refused("PROCESS_NOT_FOUND", text, process_id=name)
        return process

    def all(self) -> list[Process]:
        """Return all, oldest first."""
        return list(self._processes.values())

    def forget_ended(self) -> int:
        """Forget those that have ended; return how many."""
        ended = [each.id for each in self.all() if each.has_ended]
        for name in ended:
            del self._processes[name]
        return len(ended)

    @property
    def running(self) -> int:
        """How many run."""
        return sum(not each.has_ended for each in self._processes.values())
