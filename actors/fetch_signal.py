"""What calls a ``fetch`` off: its request, and then the body of its answer."""

import asyncio
import weakref

from .abort_signal import AbortSignal
from .abortable_body import AbortableBody
from .execution import Execution
from .http import Response
from .http_errors import FetchAborted
from .task import ActorTask


class FetchSignal:
    """Follows a signal for one request, until the body of its answer has ended or nobody has it.

    Args:
        execution: Whose request it is; the signal is waited for in its turns.
        answer: What it waits for; failed when it is called off before.
        signal: Calls it off. What waiting for it raises does so, too.
    """

    __slots__ = ("__weakref__", "_answer", "_body", "_task")

    def __init__(
        self, execution: Execution, answer: "asyncio.Future[Response]", signal: AbortSignal
    ) -> None:
        self._answer: asyncio.Future[Response] | None = answer
        self._body: weakref.ref[AbortableBody] | None = None
        gate = execution.root if execution.turn is None else execution.turn.gate
        self._task = execution.start(signal.wait(), gate, self._on_told)
        self._task.start_later()
        answer.add_done_callback(self._on_answer)

    def answered(self, answer: Response) -> None:
        """It has been answered, which nobody knows yet: from now on it is about the body.

        That must not be kept for the signal's sake, nor may the future be, which has it.
        """
        self._answer = None
        body = AbortableBody.of(answer)
        if body is not None:
            self._body = weakref.ref(body)
            weakref.finalize(body, self._task.cancel_quietly).atexit = False

    def _on_answer(self, answer: "asyncio.Future[Response]") -> None:
        del answer
        if self._body is None:  # it failed, or has no body: nothing is left to call off
            self._task.cancel_quietly()

    def _on_told(self, task: ActorTask) -> None:
        if task.cancelled():  # nobody tells any more, or nobody asks
            return
        error = task.exception() or aborted_for(task.result())
        body = None if self._body is None else self._body()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
        elif body is not None:
            body.abort(error)


def aborted_for(reason: object) -> BaseException:
    """What is raised for a signal's reason: that itself, if it is an exception."""
    return reason if isinstance(reason, BaseException) else FetchAborted(reason)
