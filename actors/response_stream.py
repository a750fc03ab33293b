"""Bodies that user code streams: read in the user's turns, sent through the output gate."""

import asyncio
from functools import partial
from typing import TypeVar

from .body import Content, IteratorSource, StreamSource
from .errors import ActorReset
from .execution import Execution
from .http import Request, Response
from .http_errors import BodyTooLate
from .link import NoPeer
from .pipe import Pipe
from .task import ActorTask

M = TypeVar("M", Request, Response)


def stream_through(execution: Execution, message: M) -> M:
    """Have ``message``'s streaming body, if it has one, read by a task of ``execution``.

    The generator behind it is the actor's code: it runs turn by turn at the actor's gate, and
    each chunk leaves when what the actor had written by then is durable.
    """
    content = message.content
    if content is None or isinstance(content, bytes):
        return message
    source = message.take_content()
    assert source is not None, "just looked at"
    assert not isinstance(source, bytes), "just looked at"
    message.replace_content(piped(execution, source))
    return message


def piped(execution: Execution, source: StreamSource) -> Pipe:
    """What ``source`` gives, read by a task of ``execution``; see ``stream_through``."""
    pipe = Pipe(execution.loop)

    async def pump() -> None:
        try:
            while chunk := await source.read_chunk():
                execution.emit(partial(pipe.push, chunk))
                await pipe.wait_for_room()
        except asyncio.CancelledError:  # the reader wants no more
            if isinstance(source, IteratorSource):
                await source.close()
            raise
        execution.emit(pipe.end)

    def on_done(task: ActorTask) -> None:
        if task.cancelled():
            source.cancel(None)
            pipe.end(ActorReset("the actor that was sending this body is gone"))
        elif (error := task.exception()) is not None:
            execution.emit(partial(pipe.end, error))

    gate = execution.turn.gate if execution.turn is not None else execution.root
    task = execution.start(pump(), gate, on_done)
    pipe.on_cancel = task.cancel_quietly
    task.start_later()
    return pipe


def after_answer(sent: Content, answer: Response | None) -> None:
    """A request with the body ``sent`` has been answered: who sends it may stop.

    Nobody reads on then, but for an answer that may be made of this very body; after such a one
    it is when that has ended.
    """
    if not isinstance(sent, Pipe):
        return
    stop = partial(sent.cancel, BodyTooLate("request"))
    if answer is not None and isinstance(answer.content, Pipe):
        answer.content.on_end = stop
    else:
        stop()


def let_go(response: Response) -> None:
    """Nobody will read ``response``: who sends its body may stop, its socket has no peer."""
    if response.body is not None:
        response.body.cancel()
    socket = response.web_socket
    if socket is not None and socket.can_be_handed_over:
        socket.hand_over(NoPeer())
