"""A message of a WebSocket whose way through its handler is followed.

*Promise*: its handler is called as in any other turn; what differs is that somebody hears when it
began, when it was over, and when what it has sent has left.
"""

from typing import Any

from .execution import Execution, is_coroutine
from .socket_turn import HearingSocket, SocketInput, SocketTurn
from .task import ActorTask
from .watch import EventTrace, watch


def turn_of(socket: HearingSocket, owner: Execution, frame: SocketInput) -> SocketTurn:
    """The turn in which ``frame`` is heard."""
    turn = SocketTurn(socket, owner, frame)
    if watch.tracer is not None and isinstance(frame, str | bytes):
        trace = watch.tracer.event(owner, turn, None)
        return turn if trace is None else TracedSocketTurn(socket, owner, frame, trace)
    return turn


class TracedSocketTurn(SocketTurn):
    """Tells its trace what its handlers, or listeners, do."""

    __slots__ = ("_error", "_has_left", "_is_stepping", "_running", "_trace")

    def __init__(
        self, socket: HearingSocket, owner: Execution, frame: SocketInput, trace: EventTrace
    ) -> None:
        super().__init__(socket, owner, frame)
        self._trace = trace
        self._running = 0
        self._is_stepping = False
        self._has_left = False
        self._error: BaseException | None = None

    def step(self) -> None:
        owner = self._owner
        # Every handler's context is a copy of this one.
        before, owner.context = owner.context, owner.context.copy()
        self._trace.begin(owner.context)
        self._is_stepping = True
        try:
            super().step()
        finally:
            owner.context = before
            self._is_stepping = False
            self._end_if_done()

    def _call(self, function: Any, *arguments: Any) -> None:
        def call(*given: Any) -> Any:
            result = function(*given)
            if result is not None and is_coroutine(result):
                self._running += 1
            return result

        super()._call(call, *arguments)

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
        self._trace.end(self._error, None)
        if self._owner.is_over:  # reset meanwhile: nothing leaves
            self._trace.left(0.0)
            return
        self._owner.emit(self._left)
        if not self._has_left:
            self._trace.hold()

    def _left(self) -> None:
        self._has_left = True
        self._trace.left(self._owner.commit_s)
