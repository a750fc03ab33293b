"""A child's side: joins its supervisor, and does what that says.

The composition root of a worker or a router is a module that imports the framework and calls
``run_child`` with a ``Duty``. What it imports before that, a spare process has imported.

*Promise*: a duty's methods are called one after another, each when the one before has come to its
end; only ``stop`` interrupts. A duty that raises ends the process, and its supervisor is told
why. SIGINT, SIGTERM and SIGHUP do nothing here: terminals and service supervisors send them to
all processes at once, and in which order they end is the supervisor's to say.
"""

import asyncio
import faulthandler
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from types import FrameType
from typing import Protocol

from ....actors.tracebacks import user_traceback
from ....storage.errors import InternalError, PerdureError, UsageError
from .control import ControlConnection
from .inheritance import ORPHAN_STATUS, Inheritance
from .messages import (
    Adopt,
    Ask,
    Configure,
    Drain,
    Drained,
    Failed,
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
    clipped,
    identity_of,
)
from .places import Identity
from .stack_dump import register_stack_dump

log = logging.getLogger("perdure.child")

FAILED_STATUS = 1
# For the last words of a process that has failed.
_LAST_WORDS_S = 2.0


_Order = Configure | Serve | Drain


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a process is to be.

    Attributes:
        identity: Its place and generation.
        settings: From the supervisor's composition root.
        sockets: From there too; they are the duty's from now on.
    """

    identity: Identity
    settings: bytes
    sockets: Sequence[socket.socket]


class Duty(Protocol):
    """What a process does, once it is told."""

    async def prepare(self, assignment: Assignment) -> bytes:
        """Get as far as can be while another may still serve in the same place.

        User code is imported here. Raising says that it cannot be done.

        Returns:
            What the supervisor's composition root wants to know.
        """
        ...

    async def serve(self) -> None:
        """Take over: the one before has gone, and nobody writes to what was its own."""
        ...

    async def drain(self, left_s: float, *, together: bool) -> None:
        """Take no new work; return when what is under way is done, in ``left_s`` at best.

        Args:
            left_s: How long that may take.
            together: All workers drain now. What another one still asks for is not new work.
        """
        ...

    def relay(self, left_s: float, end: socket.socket) -> None:
        """A successor serves, to which ``end`` leads: serve whom it cannot have, for so long.

        ``Parent.relaying`` and ``Parent.is_through`` tell how far that is. Of routers alone; a
        worker's place is served by one process at a time.
        """
        ...

    def adopt(self, end: socket.socket) -> None:
        """Take the clients of the one before in this place, to which ``end`` leads."""
        ...

    async def stop(self) -> None:
        """Let go of everything; the process ends after it."""
        ...

    def link(self, peer: Identity, end: socket.socket) -> None:
        """Take the end of a link to ``peer``, which has the other, or will have it soon.

        It may be gone already, and the link at its end; ``unlink`` says so, too. What is sent
        before ``peer`` serves waits in the socket until it reads.
        """
        ...

    def unlink(self, peer: Identity) -> None:
        """``peer`` goes, or has gone; the link to it is at its end."""
        ...

    def statistics(self) -> bytes:
        """Return what it holds, for the supervisor's composition root."""
        ...

    def told(self, data: bytes) -> None:
        """Take what the supervisor's composition root has to say."""
        ...


def run_child(
    make_duty: "Callable[[Parent], Duty]",
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> int:
    """Be the child of a supervisor until it says stop.

    Args:
        make_duty: Makes what this process does.
        loop_factory: Makes its event loop; None for asyncio's own.

    Returns:
        The status for the process to exit with.

    Raises:
        NoSupervisor: This process was started by somebody else.
    """
    inherited = Inheritance.take(os.environ)
    inherited.bind()
    faulthandler.enable()
    register_stack_dump(inherited.stacks)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Not SIG_IGN, which the programs would inherit that user code starts.
        signal.signal(number, _do_nothing)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # As in ``perdure`` itself: into a pipe, what programs print would wait for a block.
            stream.reconfigure(line_buffering=True, errors="backslashreplace")
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        status = runner.run(_attend(make_duty, inherited.open_control()))
    # When it ends, the interpreter looks for circles among all there is, several times. That takes
    # ten times as long as the rest of its end (0.37 s of 0.41), and a successor waits for that.
    gc.disable()
    gc.freeze()
    return status


async def _attend(make_duty: "Callable[[Parent], Duty]", control: socket.socket) -> int:
    return await Parent(control, asyncio.get_running_loop(), make_duty).attend()


class Parent:
    """The supervisor, as its child sees it."""

    def __init__(
        self,
        control: socket.socket,
        loop: asyncio.AbstractEventLoop,
        make_duty: "Callable[[Parent], Duty]",
    ) -> None:
        self._loop = loop
        # What ends the process: None when it is to stop, else why it cannot go on.
        self._over: asyncio.Future[Failed | None] = loop.create_future()
        self._orders: asyncio.Queue[tuple[_Order, Sequence[socket.socket]]] = asyncio.Queue()
        self._duty = make_duty(self)
        self._control = ControlConnection(
            control, loop, is_supervisor=False, on_message=self._heard, on_lost=_orphaned
        )

    def tell(self, data: bytes) -> None:
        """Say something to the supervisor's composition root.

        Raises:
            ControlBroken: It is larger than a message may be.
        """
        self._control.send(Tell(data))

    def relaying(self, moved: int, staying: int) -> None:
        """Say how many clients the successor has got, and how many stay here until they end."""
        self._control.send(Relaying(moved, staying))

    def is_through(self) -> None:
        """Say that nobody is left who was to be served after the successor had come."""
        self._control.send(Drained())

    def fail(self, text: str) -> None:
        """End this process, which cannot do its duty any more; the supervisor starts another.

        Args:
            text: Why, for the operator.
        """
        self._fail(Failed(clipped(text), is_usage=False))

    def _fail(self, failure: Failed) -> None:
        if not self._over.done():
            self._over.set_result(failure)

    async def attend(self) -> int:
        """Do what the supervisor says, until it says stop; return the status to exit with."""
        work = self._loop.create_task(self._work())
        failure = await self._over
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        if failure is None:
            try:
                await self._duty.stop()
            except Exception as error:
                failure = failure_of(error)
        if failure is not None:
            self._control.send(failure)
        self._control.finish(_LAST_WORDS_S)
        return 0 if failure is None else FAILED_STATUS

    async def _work(self) -> None:
        """Carry out one order after another."""
        while True:
            order, sockets = await self._orders.get()
            try:
                answer = await self._carry_out(order, sockets)
            except asyncio.CancelledError:
                raise
            except BaseException as error:  # an import may raise SystemExit, too
                self._fail(failure_of(error))
                return
            self._control.send(answer)

    async def _carry_out(self, order: "_Order", sockets: Sequence[socket.socket]) -> Message:
        match order:
            case Configure():
                assignment = Assignment(identity_of(order), order.settings, sockets)
                return Ready(await self._duty.prepare(assignment))
            case Serve():
                await self._duty.serve()
                return Serving()
            case Drain():
                await self._duty.drain(order.left_s, together=order.together)
                return Drained()

    def _heard(self, message: Message, sockets: Sequence[socket.socket]) -> None:
        try:
            self._take(message, sockets)
        except Exception as error:  # a bug of the duty's: another process may do better
            self._fail(failure_of(error))

    def _take(self, message: Message, sockets: Sequence[socket.socket]) -> None:
        match message:
            case Configure() | Serve() | Drain():
                self._orders.put_nowait((message, sockets))
            case Stop():
                if not self._over.done():
                    self._over.set_result(None)
            case Ping():
                self._control.send(Pong(message.number))
            case Ask():
                self._control.send(Statistics(message.number, self._duty.statistics()))
            case Link():
                self._duty.link(identity_of(message), sockets[0])
            case Unlink():
                self._duty.unlink(identity_of(message))
            case Tell():
                self._duty.told(message.data)
            case Relay():
                self._duty.relay(message.left_s, sockets[0])
            case Adopt():
                self._duty.adopt(sockets[0])
            case _:  # the greeting, whose version is right
                pass


def failure_of(error: BaseException) -> Failed:
    """Return what a process says of the error that ends it."""
    return Failed(clipped(failure_text(error)), isinstance(error, UsageError))


def failure_text(error: BaseException) -> str:
    """Return why a process has failed, as its operator reads it.

    An error that we raised on purpose says it all, and what caused it; others are shown with
    where they were raised.
    """
    if not isinstance(error, PerdureError) or isinstance(error, InternalError):
        return user_traceback(error)
    text, cause = str(error), error.__cause__
    # That of a program which cannot be imported says so itself.
    shown = "" if cause is None else user_traceback(cause)
    return text if not shown or shown.strip() in text else f"{text}\n{shown}"


def _do_nothing(number: int, frame: FrameType | None) -> None:
    """Somebody else says when this process ends."""


def _orphaned(why: str | None) -> None:
    """End at once: what was acknowledged is durable, and a successor may need what is open here."""
    if why is not None:
        log.error("supervisor.lost", extra={"why": why})
    os._exit(ORPHAN_STATUS)
