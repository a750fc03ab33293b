"""One child process, as its supervisor sees it.

*Promise*: whatever a child does or does not, each wait here comes to an end: with what was waited
for, or with the child reaped. Of one that goes unasked it is known why.
*Assumes*: made and used on one event loop's thread, which lives as long as the supervisor does
(inheritance.py says why).
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Callable, Sequence
from typing import Protocol

from .control import ControlConnection
from .errors import ChildFailed
from .inheritance import Inheritance
from .limits import SupervisionLimits
from .messages import (
    Adopt,
    Ask,
    Configure,
    Drain,
    Drained,
    Failed,
    Hello,
    Link,
    Message,
    Ping,
    Pong,
    Ready,
    Relay,
    Relaying,
    Serve,
    Serving,
    Statistics,
    Stop,
    Tell,
    Unlink,
)
from .places import Identity
from .process import Process, Program
from .records import log_with_text
from .stack_dump import StackReader
from .states import COMING, LEAVING, WATCHED, ChildState, move
from .statistics import ProcessStatistics
from .watch import ChildWatch

log = logging.getLogger("perdure.supervisor")


class Listener(Protocol):
    """Whoever has children: ``supervisor.Supervisor``."""

    def changed(self, child: "Child") -> None:
        """Its state, or what is known of it, is another."""
        ...

    def told(self, child: "Child", data: bytes) -> None:
        """Its program has something to say."""
        ...


class Child:
    """One process, from its launch to its end.

    Attributes:
        identity: What it was told to be; None as long as it is spare.
        state: How far it has got.
        info: What its program said when it was ready.
        failure: Why it goes, or has gone, where that was not planned.
        is_told: The log has that already, with a stack.
        is_usage: The user's program or configuration is at fault for that.
        last_stack: Of its threads, when it last did not answer.
        relaying: What it said when its successor had taken over; None before.
        started_ms: When it was launched, in Unix milliseconds.
    """

    def __init__(
        self,
        program: Program,
        limits: SupervisionLimits,
        listener: Listener,
        time_ms: Callable[[], int],
    ) -> None:
        """Launch it.

        Raises:
            OSError: The system does not let it start.
        """
        self.identity: Identity | None = None
        self.state = ChildState.LAUNCHED
        self.info = b""
        self.failure: str | None = None
        self.is_told = False
        self.is_usage = False
        self.last_stack: str | None = None
        self.relaying: Relaying | None = None
        self.started_ms = time_ms()
        self._limits = limits
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._pulse: asyncio.Future[None] = self._loop.create_future()
        self._has_served = False  # also when it is dead by now
        self._is_drained = False
        self._is_told_to_end = False
        self._answers: dict[int, asyncio.Future[bytes | None]] = {}
        self._asked = 0
        self._kill_timer: asyncio.TimerHandle | None = None
        self._launch(program)
        self._watch = ChildWatch(self, self._process, self._stacks, limits, self._loop)

    def _launch(self, program: Program) -> None:
        ours, theirs = socket.socketpair()
        self._stacks = StackReader(self._loop)
        inherited = Inheritance(theirs.fileno(), self._stacks.writer, os.getpid())
        try:
            self._process = Process(
                program,
                self._loop,
                variables=inherited.leave(),
                descriptors=(inherited.control, inherited.stacks),
                on_end=self._ended,
            )
        except OSError:
            ours.close()
            self._stacks.close()
            raise
        finally:
            theirs.close()
        self._stacks.launched()
        self._control = ControlConnection(
            ours, self._loop, is_supervisor=True, on_message=self._heard, on_lost=self._lost
        )

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    @property
    def is_leaving(self) -> bool:
        """Whether it is on its way out, or has gone."""
        return self.state in LEAVING

    def statistics(self, restarts: int = 0) -> ProcessStatistics:
        """Return what is known of it; ``restarts`` are those of its place."""
        identity = self.identity
        return ProcessStatistics(
            pid=self.pid,
            role=None if identity is None else identity.place.role,
            slot="" if identity is None else identity.place.slot,
            generation=0 if identity is None else identity.generation,
            state=self.state,
            started_ms=self.started_ms,
            silent_s=self._watch.silent_s,
            restarts=restarts,
            failure=self.failure,
            last_stack=self.last_stack,
        )

    async def make_ready(
        self, identity: Identity, settings: bytes, sockets: Sequence[socket.socket] = ()
    ) -> None:
        """Tell it what to be, and wait until it could serve.

        Args:
            identity: Its place, and a generation that no other had.
            settings: For its program.
            sockets: For its program, which gets copies.

        Raises:
            ChildFailed: It cannot be that; it has been reaped.
        """
        self.identity = identity
        await self._reach(ChildState.SPARE, self._limits.launch_timeout_s)
        place = identity.place
        configure = Configure(
            place.role.value, place.slot, identity.generation, settings, len(sockets)
        )
        self._move(ChildState.STARTING)
        self._control.send(configure, [one.dup() for one in sockets])
        await self._reach(ChildState.READY, self._limits.start_timeout_s)

    def begin_to_serve(self) -> None:
        """Tell it to take over; one that has just died is not told."""
        if self.state is ChildState.READY:
            self._move(ChildState.OPENING)
            self._control.send(Serve())

    async def until_serving(self) -> None:
        """Wait until it serves.

        Raises:
            ChildFailed: It cannot; it has been reaped.
        """
        await self._reach(ChildState.SERVING, self._limits.serve_timeout_s)

    def link(self, peer: Identity, end: socket.socket) -> None:
        """Give it the end of a link to ``peer``, which is closed here."""
        self._control.send(Link(peer.place.role.value, peer.place.slot, peer.generation), [end])

    def unlink(self, peer: Identity) -> None:
        """Tell it that ``peer`` goes."""
        self._control.send(Unlink(peer.place.role.value, peer.place.slot, peer.generation))

    def tell(self, data: bytes) -> None:
        """Say something to its program.

        Raises:
            ControlBroken: It is larger than a message may be.
        """
        self._control.send(Tell(data))

    async def drain(self, left_s: float, *, together: bool = False) -> bool:
        """Let it finish what is under way; say whether it has.

        Args:
            left_s: How long it has. One that drains already was told so, and is waited for.
            together: All workers drain: it still does what the others ask of it.
        """
        if self.state in {ChildState.SERVING, ChildState.RELAYING}:
            self._move(ChildState.DRAINING)
            self._control.send(Drain(float(left_s), together))
        if self.state is not ChildState.DRAINING:
            return False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(left_s):
                await self._wait(lambda: self._is_drained or self.is_leaving)
        return self._is_drained

    async def relay(self, left_s: float, end: socket.socket) -> Relaying | None:
        """Tell it that its successor serves; return what has become of its clients.

        Args:
            end: Leads to the successor; it is closed here.
            left_s: How long it may serve those that stay. When the last of them has gone, or
                that time is over, ``until_through`` returns.

        Returns:
            None if it has gone, and they with it.
        """
        if self.state is ChildState.SERVING:
            self._move(ChildState.RELAYING)
            self._control.send(Relay(float(left_s)), [end])
        else:
            end.close()
        await self._wait(lambda: self.relaying is not None or self.is_leaving)
        return self.relaying

    def adopt(self, end: socket.socket) -> None:
        """Have it take clients of the one before; ``end`` leads there, and is closed here."""
        self._control.send(Adopt(), [end])

    async def until_through(self) -> None:
        """Wait until nothing is left to do for one that was told to drain or to relay."""
        await self._wait(lambda: self._is_drained or self.is_leaving)

    async def stop(self) -> None:
        """Tell it to end, and wait until it is reaped; it is killed when it takes too long."""
        if not self.is_leaving:
            self._is_told_to_end = True
            self._control.send(Stop())
            self._leave()
        await self.until_reaped()

    def kill(self) -> None:
        """End it where it stands."""
        if not self.is_leaving:
            self._is_told_to_end = True
        self._kill()

    def cut_off(self, why: str) -> None:
        """End one that cannot be trusted."""
        self._give_up(why)
        self._kill()

    @property
    def is_watched(self) -> bool:
        """Whether it should answer now."""
        return self.state in WATCHED

    @property
    def is_coming(self) -> bool:
        """Whether it is on its way to serve, and need not answer."""
        return self.state in COMING

    def ask(self, number: int) -> None:
        """Ask whether it answers."""
        self._control.send(Ping(number))

    def is_silent(self, silent_s: float, stack: str) -> None:
        """Report that it has not answered for long."""
        self.last_stack = stack
        self._log(logging.WARNING, "child.silent", stack, silent_s)
        self._listener.changed(self)

    def answers_again(self, silent_s: float) -> None:
        """Report that it does, after it was silent."""
        self._log(logging.INFO, "child.answers_again", None, silent_s)

    def hangs(self, silent_s: float, stack: str) -> None:
        """End it: it will not answer any more."""
        is_known = stack == self.last_stack
        self.last_stack = stack
        self._log(logging.ERROR, "child.hangs", None if is_known else stack, silent_s)
        self.is_told = True
        self.cut_off(f"it did not answer for {silent_s:g} s:\n{stack}")

    async def until_reaped(self) -> None:
        """Wait until it has ended."""
        await self._wait(lambda: self.state is ChildState.DEAD)

    async def ask_statistics(self, timeout_s: float) -> bytes | None:
        """Return what its program holds; None when it does not answer in time."""
        self._asked += 1
        number = self._asked
        answer: asyncio.Future[bytes | None] = self._loop.create_future()
        self._answers[number] = answer
        try:
            self._control.send(Ask(number))
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError:
            return None
        finally:
            self._answers.pop(number, None)

    async def stack(self) -> str:
        """Return the stacks of its threads, or why they cannot be had."""
        if self.state is ChildState.LAUNCHED:
            return "it is being launched, and cannot be asked yet"
        return await self._watch.stack()

    async def _reach(self, wanted: ChildState, timeout_s: float) -> None:
        """Wait for a state.

        Raises:
            ChildFailed: It will not be reached; the process has been reaped.
        """
        assert self.identity is not None, "only spare ones have none"

        def is_reached() -> bool:
            return self.state is wanted or (wanted is ChildState.SERVING and self._has_served)

        try:
            async with asyncio.timeout(timeout_s):
                await self._wait(lambda: is_reached() or self.is_leaving)
        except TimeoutError:
            text = f"it was not {wanted.value} after {timeout_s:g} s"
            self.cut_off(f"{text}:\n{await self.stack()}")
        if not is_reached():
            await self.until_reaped()
            why = self.failure or "it was told to end"
            raise ChildFailed(self.identity.place, why, is_usage=self.is_usage)

    async def _wait(self, is_done: Callable[[], bool]) -> None:
        while not is_done():
            await asyncio.wait({self._pulse})

    def _move(self, to: ChildState) -> None:
        self.state = move(self.state, to)
        self._wake()

    def _wake(self) -> None:
        """Let those look again who wait, and who listens."""
        pulse, self._pulse = self._pulse, self._loop.create_future()
        pulse.set_result(None)
        self._listener.changed(self)

    def _leave(self) -> None:
        """It has reason to end by itself; it is killed when it takes too long."""
        self._kill_timer = self._loop.call_later(self._limits.stop_timeout_s, self._kill)
        self._move(ChildState.STOPPING)

    def _kill(self) -> None:
        if self.state not in {ChildState.KILLED, ChildState.DEAD}:
            self._move(ChildState.KILLED)
            self._process.send_signal(signal.SIGKILL)

    def _give_up(self, why: str) -> None:
        """It goes unasked; what was known first is the reason."""
        if not self.is_leaving:
            self.failure = self.failure or why
            self._leave()

    def _heard(self, message: Message, sockets: Sequence[socket.socket]) -> None:
        del sockets  # a child sends none: control.py lets none pass
        match message, self.state:
            case Failed(), _:
                self.is_usage = message.is_usage
                self._give_up(message.text)
            case Tell(), _:
                self._listener.told(self, message.data)
            case Pong(), _:
                self._watch.answered(message.number)
            case Statistics(), _:
                answer = self._answers.get(message.number)
                if answer is not None and not answer.done():
                    answer.set_result(message.data)
            case Hello(), ChildState.LAUNCHED:
                self._move(ChildState.SPARE)
            case Ready(), ChildState.STARTING:
                self.info = message.info
                self._move(ChildState.READY)
            case Serving(), ChildState.OPENING:
                self._has_served = True
                self._move(ChildState.SERVING)
            case Relaying(), ChildState.RELAYING | ChildState.DRAINING:
                self.relaying = message
                self._wake()
            case Drained(), ChildState.RELAYING | ChildState.DRAINING:
                self._is_drained = True
                self._wake()
            case _ if not self.is_leaving:
                self._lost(f"it said {type(message).__name__} while {self.state.value}")

    def _lost(self, why: str | None) -> None:
        """The control connection is at its end; the process is as a rule, too."""
        self._control.close()
        if why is not None:
            self.cut_off(why)
        elif not self.is_leaving:
            # How it ended is known soon, and says more.
            self._leave()

    def _ended(self, how: str) -> None:
        self._control.read_out()
        self._control.close()
        self._watch.close()
        self._stacks.close()
        if self._kill_timer is not None:
            self._kill_timer.cancel()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_result(None)
        if self.failure is None and not self._is_told_to_end:
            self.failure = f"it ended with {how}"
        self._move(ChildState.DEAD)

    def _log(self, level: int, event: str, stack: str | None, silent_s: float) -> None:
        fields = {"child": str(self.identity or "spare"), "pid": self.pid, "silent_s": silent_s}
        log_with_text(log, level, event, fields, stack)
