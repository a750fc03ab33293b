"""The agent: does inside the sandbox what its keeper asks for.

*Promise*: whatever is asked, it answers; whatever fails, fails one request. When the keeper is
gone it ends all that it has started, and itself.
*Assumes*: programs inside may kill or stop it, for they are the same user. Then the keeper ends
the sandbox: nothing that counts is decided here.
"""

import os
import signal
import socket
from collections.abc import Callable

from ..channel import Channel
from ..descendants import adopt_orphans, die_with_parent, kill_descendants
from ..reactor import Reactor
from ..streams import AnswerSide, Exchange, Json, Refused
from ..wire import SIDE_MAX
from .changes import Changes
from .files import delete, exists, mkdir, move, read_file, stat_file, write_file
from .listing import list_files
from .places import Places
from .ports import connect, listening
from .refusals import number, text
from .replacing import replace
from .running import Run
from .shell_report import ShellReport
from .starting import Command, start
from .tasks import Task
from .watching import Watching

SHELLS = ("/bin/bash", "/usr/bin/bash")
SHELL_OTHERWISE = "/bin/sh"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_STEPPED = {
    "read_file": read_file,
    "write_file": write_file,
    "mkdir": mkdir,
    "delete": delete,
    "rename": move,
    "move": move,
    "exists": exists,
    "stat": stat_file,
    "list": list_files,
    "replace": replace,
}


class Agent:
    """All of it.

    Args:
        connection: Leads to the keeper.
        workspace: Where commands start, and relative paths.
    """

    def __init__(self, connection: socket.socket, workspace: str) -> None:
        self._reactor = Reactor()
        self._places = Places(workspace)
        self._runs: dict[int, Run] = {}
        self._shell = next((s for s in SHELLS if os.access(s, os.X_OK)), SHELL_OTHERWISE)
        self._channel = Channel(
            connection,
            self._reactor,
            on_frame=self._heard,
            on_lost=lambda _: self._reactor.stop(),
        )
        self._side = AnswerSide(self._channel, self._asked)
        self._whole: dict[str, Callable[[Exchange], object]] = {
            "run": self._run,
            "kill_all": self._kill_all,
            "ping": lambda exchange: exchange.answer({}),
            "changes": Changes(self._reactor, self._places).ask,
            "watch": lambda exchange: Watching(self._reactor, self._places, exchange),
            "connect": connect(self._reactor),
            "listening": listening(self._reactor),
        }

    def run(self) -> None:
        """Serve until the keeper is gone."""
        self._reactor.on_signal(signal.SIGCHLD, self._reap)
        adopt_orphans()
        try:
            self._reactor.run()
        finally:
            kill_descendants()

    def _heard(self, kind: int, number: int, payload: bytes) -> None:
        self._side.frame(kind, number, payload)

    def _asked(self, exchange: Exchange) -> None:
        operation = exchange.request.get("op")
        try:
            if type(operation) is not str or operation not in _STEPPED.keys() | self._whole.keys():
                self._refuse_unknown(operation)
            elif operation in _STEPPED:
                Task(self._reactor, exchange, _STEPPED[operation](self._places, exchange))
            else:
                self._whole[operation](exchange)
        except Refused:
            raise
        except Exception as error:  # a bug, or no more descriptors: one request's end
            raise Refused("INTERNAL_ERROR", f"{type(error).__name__}: {error}") from error

    def _refuse_unknown(self, operation: object) -> None:
        raise Refused("VALIDATION_FAILED", f"There is no operation {operation!r}")

    def _run(self, exchange: Exchange) -> None:
        request = exchange.request
        size = request.get("terminal")
        arguments, environment = self._arguments(request), self._environment(request)
        folder, report = self._folder(request), None
        if request.get("leaves") and self._shell in SHELLS:
            report = ShellReport(environment, folder, self._places.shown)
            environment = report.environment
        try:
            started = start(
                Command(
                    arguments,
                    environment,
                    folder,
                    has_input=bool(request.get("stdin")),
                    terminal=None if size is None else _size(size),
                    inherited=() if report is None else report.descriptors,
                ),
                die_with_parent,
            )
        except Refused:
            if report is not None:
                report.close()
            raise
        run = Run(
            self._reactor,
            exchange,
            started,
            is_terminal=size is not None,
            report=report,
            on_end=self._ended,
        )
        self._runs[started.pid] = run

    def _folder(self, request: Json) -> str:
        """Where a command begins; ``or_cwd`` if ``cwd`` is a folder that is no more."""
        folder = self._places.path(request, "cwd", "")
        if "or_cwd" in request and not os.path.isdir(folder):  # noqa: PTH112  # pathlib takes 10 ms to import
            return self._places.path(request, "or_cwd")
        return folder

    def _ended(self, run: Run) -> None:
        del self._runs[run.pid]

    def _arguments(self, request: Json) -> list[str]:
        arguments = request.get("arguments")
        if arguments is None and request.get("command") is None and request.get("terminal"):
            return [self._shell]
        if arguments is None:
            return [self._shell, "-c", text(request, "command")]
        if type(arguments) is not list or not arguments:
            raise Refused("VALIDATION_FAILED", "arguments is a list of text", field="arguments")
        return [text({"arguments": each}, "arguments", "") for each in arguments]

    def _environment(self, request: Json) -> dict[str, str]:
        own = {
            name: os.environ[name]
            for name in ("PATH", "HOME", "USER", "LANG")
            if name in os.environ
        }
        wanted = request.get("env") or {}
        if type(wanted) is not dict:
            raise Refused("VALIDATION_FAILED", "env is a table of text", field="env")
        added = {name: text(wanted, name, "") for name in wanted}
        if any(not name or "=" in name or "\0" in name for name in added):
            raise Refused("VALIDATION_FAILED", "a variable has a name without '='", field="env")
        terminal = {"TERM": "xterm-256color"} if request.get("terminal") else {}
        return {"PATH": PATH, "HOME": self._places.workspace, **own, **terminal, **added}

    def _kill_all(self, exchange: Exchange) -> None:
        """Kill all that was started, daemons included."""
        exchange.answer({"killed": kill_descendants()})

    def _reap(self) -> None:
        while True:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if found is None:
                return
            run = self._runs.get(found.si_pid)
            if run is None:
                os.waitpid(found.si_pid, 0)  # an orphan that became ours
            else:
                run.leader_ended()


def _size(size: object) -> tuple[int, int]:
    fields = size if type(size) is dict else {}
    columns, rows = number(fields, "cols", 80, 1, SIDE_MAX), number(fields, "rows", 24, 1, SIDE_MAX)
    return int(columns), int(rows)
