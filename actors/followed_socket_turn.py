"""A message of a WebSocket whose way through its handler is followed.

*Promise*: its handler is called as in any other turn. Whoever follows it hears when it began, when
it was over, and when what it has sent has left: a trace of all three, the sender of a ``Receipted``
message of the last. A message that an actor was reset over is never acknowledged.
*Rules for editing*: what is acknowledged is not delivered again if this process dies. So it goes
through ``emit``, behind all that the handler has sent and waits to be durable.
"""

import contextvars
from collections.abc import Callable, Coroutine
from typing import Any

from .execution import Execution
from .session import Receipted
from .socket_turn import UNHEARD_MESSAGES_MAX, HearingSocket, SocketInput, SocketTurn
from .task import ActorTask
from .watch import EventTrace, watch

# The ``id`` of the socket whose message is handled for the second time, in its handler's context.
REDELIVERED: contextvars.ContextVar[str | None] = contextvars.ContextVar(
    "perdure_redelivered", default=None
)


def turn_of(socket: HearingSocket, owner: Execution, frame: SocketInput) -> SocketTurn:
    """The turn in which ``frame`` is heard."""
    is_receipted = isinstance(frame, Receipted)
    if watch.tracer is not None and (is_receipted or isinstance(frame, str | bytes)):
        turn = SocketTurn(socket, owner, frame)
        trace = watch.tracer.event(owner, turn, None)
        if trace is not None or is_receipted:
            return FollowedSocketTurn(socket, owner, frame, trace)
        return turn
    if is_receipted:
        return FollowedSocketTurn(socket, owner, frame, None)
    return SocketTurn(socket, owner, frame)


class FollowedSocketTurn(SocketTurn):
    """Tells its trace, and its message's sender, what its handlers or listeners do.

    Attributes:
        is_kept: Nobody has heard the message yet; whoever does acknowledges it.
    """

    __slots__ = (
        "_error",
        "_has_left",
        "_is_stepping",
        "_receipt",
        "_running",
        "_trace",
        "is_kept",
    )

    def __init__(
        self,
        socket: HearingSocket,
        owner: Execution,
        frame: SocketInput,
        trace: EventTrace | None,
    ) -> None:
        receipt = frame if isinstance(frame, Receipted) else None
        super().__init__(socket, owner, frame if receipt is None else receipt.message)
        self._receipt = receipt
        self._trace = trace
        self._running = 0
        self._is_stepping = False
        self._has_left = False
        self._error: BaseException | None = None
        self.is_kept = False

    def step(self) -> None:
        self._follow(super().step)

    def tell_kept(self) -> bool:
        """Tell listeners of a message that was kept for them; return whether there were any."""
        assert self._receipt is not None, "others are kept without a turn"
        message, is_heard = self._receipt.message, False

        def tell() -> None:
            nonlocal is_heard
            is_heard = self._tell(message)
            self.is_kept = self.is_kept or not is_heard

        self._follow(tell)
        return is_heard

    def _follow(self, step: Callable[[], None]) -> None:
        owner = self._owner
        before = owner.context
        is_again = self._receipt is not None and self._receipt.is_redelivered
        if is_again or self._trace is not None:  # else, as nearly always, it has nothing to say
            owner.context = before.copy()  # of which every handler's context is a copy
        if self._trace is not None:
            self._trace.begin(owner.context)
        if is_again:
            owner.context.run(REDELIVERED.set, self._socket.id)
        self._is_stepping = True
        try:
            step()
        finally:
            owner.context = before
            self._is_stepping = False
            self._end_if_done()

    def _begin(self, handler: Coroutine[Any, Any, Any], context: contextvars.Context) -> ActorTask:
        self._running += 1
        return super()._begin(handler, context)

    def _iterate(self, message: str | bytes, *, is_heard: bool) -> None:
        if self._receipt is None:
            super()._iterate(message, is_heard=is_heard)
        elif self._socket.iterate(self._receipt, is_heard=is_heard):
            self.is_kept = True

    def _keep_unheard(self, message: str | bytes) -> None:
        socket = self._socket
        if self._receipt is not None and len(socket.unheard) < UNHEARD_MESSAGES_MAX:
            socket.unheard.append(self._receipt)
            self.is_kept = True
        else:
            super()._keep_unheard(message)

    def _on_task_done(self, task: ActorTask) -> None:
        super()._on_task_done(task)
        self._running -= 1
        if not self._is_stepping:
            self._end_if_done()

    def _failed(self, error: BaseException) -> None:
        self._error = error
        super()._failed(error)

    def _end_if_done(self) -> None:
        if self._running:
            return
        if self._trace is not None:
            self._end_trace(self._trace)
        if self._receipt is not None and not self.is_kept and not self._owner.is_over:
            self._owner.emit(self._receipt.acknowledge)

    def _end_trace(self, trace: EventTrace) -> None:
        trace.end(self._error, None)
        if self._owner.is_over:  # reset meanwhile: nothing leaves
            trace.left(0.0)
            return
        self._owner.emit(self._left)
        if not self._has_left:
            trace.hold()

    def _left(self) -> None:
        self._has_left = True
        assert self._trace is not None, "it was told of the end"
        self._trace.left(self._owner.commit_s)
