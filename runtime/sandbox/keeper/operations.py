"""What a keeper can be asked for.

Processes are the keeper's own business, files and ports the agent's; all else is about the
sandbox's life.
"""

from collections.abc import Callable
from typing import Any, Protocol

from ..reactor import Reactor
from ..streams import Exchange, Json, Refused
from .agent_link import AgentLink
from .following import Follower
from .idle import IdleTime
from .ports import port
from .processes import Process, ProcessTable
from .relaying import RELAYED, Relay, archive, unarchive
from .terminals import Terminals

SIGNALS = {"SIGHUP": 1, "SIGINT": 2, "SIGQUIT": 3, "SIGKILL": 9, "SIGTERM": 15, "SIGSTOP": 19}
SIGNALS |= {"SIGUSR1": 10, "SIGUSR2": 12, "SIGCONT": 18, "SIGWINCH": 28}
_SIGNAL_MAX = 64
_TIMEOUT_S_MAX = 7 * 86_400.0
_SLEEP_AFTER_S_MAX = 1e308  # as long as anybody likes


class Life(Protocol):
    """The sandbox as a whole: ``keeper.Keeper``."""

    @property
    def is_full(self) -> bool:
        """Whether its files take more than they may, as far as is known."""
        ...

    def measure_again(self) -> None:
        """See whether enough was deleted, if it was full."""
        ...

    def status(self) -> Json:
        """Tell how it is."""
        ...

    def stop(self, exchange: Exchange, *, is_destroyed: bool) -> None:
        """End all, then answer."""
        ...


class Operations:
    """Does what is asked.

    Attributes:
        processes: What was started.
    """

    def __init__(
        self,
        reactor: Reactor,
        agent: AgentLink,
        idle: IdleTime,
        life: Life,
        environment: dict[str, str],
        ring_bytes: int,
    ) -> None:
        self.processes = ProcessTable()
        self._terminals = Terminals(reactor, agent)
        self._reactor = reactor
        self._agent = agent
        self._idle = idle
        self._life = life
        self._environment = environment
        self._ring_bytes = ring_bytes
        self._writing = set[Relay]()
        self._known: dict[str, Callable[[Exchange], None]] = {
            "exec": self._exec,
            "start": self._start,
            "processes": lambda x: x.answer(
                {"processes": [each.record() for each in self.processes.all()]}
            ),
            "process": lambda x: x.answer(self._named(x).record()),
            "kill": self._kill,
            "kill_all": self._kill_all,
            "forget_ended": lambda x: x.answer({"forgotten": self.processes.forget_ended()}),
            "logs": self._logs,
            "follow": self._follow,
            "wait": self._wait,
            "terminal": self._terminal,
            "port": lambda x: port(agent, x),
            "archive": self._archive,
            "unarchive": lambda x: unarchive(agent, x, _text(x, "path", ".")),
            "settings": self._settings,
            "status": lambda x: x.answer(life.status()),
            "hold": lambda _: None,  # until it is cancelled: somebody needs the sandbox
            "stop": lambda x: life.stop(x, is_destroyed=False),
            "destroy": lambda x: life.stop(x, is_destroyed=True),
        }

    def begin(self, exchange: Exchange) -> None:
        """Do what one request asks for.

        Raises:
            Refused: It cannot be done.
        """
        operation = exchange.request.get("op")
        if type(operation) is not str or not (operation in self._known or operation in RELAYED):
            raise Refused("VALIDATION_FAILED", f"There is no operation {operation!r}")
        if operation != "status":
            self._idle.begin()
            exchange.after_closing(self._idle.end)
        if operation == "write_file":
            self._write(exchange)
        elif operation in RELAYED:
            Relay(self._agent, exchange, exchange.request)
        else:
            self._known[operation](exchange)

    # ---- processes

    def _new_process(self, exchange: Exchange, *, is_paced: bool) -> Process:
        request = exchange.request
        _text(exchange, "command")
        names = ("command", "cwd", "or_cwd", "session", "process_id", "stdin", "leaves")
        return Process(
            self._reactor,
            self._agent,
            {
                **{name: request[name] for name in names if name in request},
                "env": self._variables(request),
            },
            timeout_s=_seconds(request.get("timeout_s"), "timeout_s"),
            is_paced=is_paced,
            ring_bytes=self._ring_bytes,
        )

    def _variables(self, request: Json) -> dict[str, Any]:
        """Those of the sandbox and the request's on top, of which None leaves one out."""
        given = request.get("env") or {}
        if type(given) is not dict:
            raise Refused("VALIDATION_FAILED", "env is a table of text", field="env")
        variables = {**self._environment, **given}
        return {name: value for name, value in variables.items() if value is not None}

    def _exec(self, exchange: Exchange) -> None:
        process = self._new_process(exchange, is_paced=True)
        question, given = process.question, 0

        def room() -> None:
            nonlocal given
            exchange.consumed(question.given_back_bytes - given)
            given = question.given_back_bytes

        def cancel() -> None:
            process.abandon()
            exchange.interrupted()

        exchange.on_data = question.send
        exchange.on_end = question.end
        exchange.on_cancel = cancel
        question.on_room = room
        Follower(process, exchange, until=None, is_pacing=True)

    def _start(self, exchange: Exchange) -> None:
        self.processes.check_free(exchange.request.get("process_id"))
        exchange.request.pop("stdin", None)
        process = self._new_process(exchange, is_paced=False)

        def changed() -> None:
            if process.pid is not None:
                exchange.answer({"id": process.id, "pid": process.pid})
            elif process.answer is not None:
                exchange.answer(process.answer)
                self.processes.drop(process)
            if not exchange.is_open:
                process.listeners.remove(changed)

        process.listeners.append(changed)
        self.processes.add(process)

    def _named(self, exchange: Exchange) -> Process:
        return self.processes.find(exchange.request.get("id"))

    def _kill(self, exchange: Exchange) -> None:
        process = self._named(exchange)
        wanted = exchange.request.get("signal", "SIGTERM")
        number = SIGNALS.get(wanted) if type(wanted) is str else wanted
        if type(number) is not int or not 0 < number <= _SIGNAL_MAX:
            text = f"There is no signal {wanted!r}: say its name, such as SIGTERM, or its number"
            raise Refused("VALIDATION_FAILED", text, field="signal")
        process.signal(number)
        exchange.answer({})

    def _kill_all(self, exchange: Exchange) -> None:
        count = self.processes.running
        Relay(
            self._agent,
            exchange,
            {"op": "kill_all"},
            finish=lambda answer: {"killed": count, "of_all": answer.get("killed")},
        )

    def _logs(self, exchange: Exchange) -> None:
        process = self._named(exchange)
        Follower(process, exchange, until=process.ring.end, is_pacing=False)

    def _follow(self, exchange: Exchange) -> None:
        Follower(self._named(exchange), exchange, until=None, is_pacing=False)

    def _wait(self, exchange: Exchange) -> None:
        process = self._named(exchange)

        def look() -> None:
            if process.answer is not None:
                exchange.answer(process.answer)

        process.listeners.append(look)
        exchange.after_closing(lambda: process.listeners.remove(look))
        look()

    def _terminal(self, exchange: Exchange) -> None:
        request = exchange.request
        wanted: Json = {
            "op": "run",
            "command": request.get("command"),
            **{name: request[name] for name in ("cwd", "or_cwd") if name in request},
            "env": self._variables(request),
            "terminal": {"cols": request.get("cols", 80), "rows": request.get("rows", 24)},
        }
        if "id" in request:
            self._terminals.open(request["id"], exchange, wanted)
        else:
            Relay(self._agent, exchange, wanted)

    # ---- files

    def _write(self, exchange: Exchange) -> None:
        self._life.measure_again()
        if self._life.is_full:
            raise _no_space(
                "the workspace has more than disk_size_bytes_max in it: delete something"
            )
        relay = Relay(self._agent, exchange, exchange.request)
        self._writing.add(relay)
        exchange.after_closing(lambda: self._writing.discard(relay))

    def stop_writing(self, why: str) -> None:
        """End what workers write; what programs do is the agent's to end."""
        for relay in list(self._writing):
            relay.refuse(_no_space(why))

    def _archive(self, exchange: Exchange) -> None:
        excluded = exchange.request.get("exclude") or []
        if type(excluded) is not list or any(type(each) is not str for each in excluded):
            raise Refused("VALIDATION_FAILED", "exclude is a list of text", field="exclude")
        is_listed = bool(exchange.request.get("listed"))
        path = _text(exchange, "path", ".")
        archive(self._agent, exchange, path, excluded, is_listed=is_listed)

    # ---- the sandbox

    def _settings(self, exchange: Exchange) -> None:
        request = exchange.request
        if "sleep_after_s" in request:
            wanted = _seconds(request["sleep_after_s"], "sleep_after_s", _SLEEP_AFTER_S_MAX)
            self._idle.sleep_after_s = wanted
        if "keep_alive" in request:
            self._idle.keep_alive = bool(request["keep_alive"])
        given = request.get("env") or {}
        if type(given) is not dict or any(type(v) not in {str, type(None)} for v in given.values()):
            raise Refused("VALIDATION_FAILED", "env is a table of text", field="env")
        for name, value in given.items():
            if value is None:
                self._environment.pop(name, None)
            else:
                self._environment[name] = value
        exchange.answer({})
        self._idle.look_again()


def _no_space(why: str) -> Refused:
    return Refused("NO_SPACE", f"No more can be written: {why}")


def _text(exchange: Exchange, name: str, default: str | None = None) -> str:
    value = exchange.request.get(name, default)
    if type(value) is not str or not value:
        raise Refused("VALIDATION_FAILED", f"{name} is text", field=name)
    return value


def _seconds(value: Any, name: str, most: float = _TIMEOUT_S_MAX) -> float | None:
    if value is None:
        return None
    if type(value) not in {int, float} or not 0 < value <= most:
        text = f"{name} is more than 0 and at most {most:,.0f} s"
        raise Refused("VALIDATION_FAILED", text, field=name)
    return float(value)
