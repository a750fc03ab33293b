"""``fetch``: requests from user code to the network."""

import asyncio
from functools import partial
from typing import Any, Final

from .abort_signal import AbortSignal
from .body import Content, StreamSource
from .channel import Outbound
from .execution import Execution, current_execution
from .fetch_signal import FetchSignal, aborted_for
from .http import Redirect, Request, Response
from .http_errors import UnfitAnswer
from .pipe import Pipe
from .response_stream import after_answer, let_go, stream_through
from .rpc import decode_error, encode_error
from .watch import with_trace

# Those of a response that a program may make. Others come from servers only, and whoever is told
# of a response expects one of these.
_STATUSES: Final = range(200, 600)


def fetch(
    resource: str | Request,
    *,
    method: str | None = None,
    headers: Any = None,
    body: Any = None,
    redirect: Redirect | None = None,
    signal: AbortSignal | None = None,
) -> "asyncio.Future[Response]":
    """Send a request; it leaves when what the caller has written so far is durable.

    With the header ``Upgrade: websocket`` the response's ``web_socket`` is the open connection,
    or None when the server did not upgrade; call its ``accept()`` to use it.

    Args:
        resource: An absolute URL (http, https, ws, wss) or a Request.
        redirect: "follow" (default), "manual" or "error".
        signal: Calls it off: the request, or the body of its answer if that has not been read to
            its end. The connection is let go, and the signal's reason is raised if that is an
            exception, else ``FetchAborted``.

    Returns:
        A future of the Response. An HTTP error status is an answer, not an exception.

    Raises:
        NotInHandler: No handler is running.
        OSError: The network failed, or what came is no answer, or it was called off (when
            awaited).
    """
    execution = current_execution("fetch()")
    execution.check_may_call_out()
    if isinstance(resource, Request) and (method, headers, body, redirect) == (None,) * 4:
        request = resource
    else:
        request = Request(resource, method=method, headers=headers, body=body, redirect=redirect)
    return _send(execution, execution.outbound, with_trace(request), signal)


def fetch_by(outbound: Outbound, request: Request) -> "asyncio.Future[Response]":
    """Send a request by ``outbound``; otherwise as ``fetch`` does. For the runtime.

    Raises:
        NotInHandler: No handler is running.
    """
    execution = current_execution("fetch()")
    execution.check_may_call_out()
    return _send(execution, outbound, request)


def _send(
    execution: Execution,
    outbound: Outbound,
    request: Request,
    signal: AbortSignal | None = None,
) -> "asyncio.Future[Response]":
    future: asyncio.Future[Response] = execution.loop.create_future()
    if signal is not None and signal.is_aborted:
        future.set_exception(aborted_for(signal.reason))
        return future
    sent = stream_through(execution, request).content
    following = None if signal is None else FetchSignal(execution, future, signal)

    def on_reply(answer: Any, failure: bytes | None) -> None:
        if failure is None and answer.status not in _STATUSES and answer.web_socket is None:
            let_go(answer)
            answer, failure = None, encode_error(UnfitAnswer(request.url, answer.status))
        if failure is not None:  # nobody reads what was to be sent: who sends it may stop
            after_answer(sent, None)
        if not future.done() and not execution.is_over:
            if failure is None:
                _stop_after(answer, sent)
                if following is not None:
                    following.answered(answer)
                future.set_result(answer)
            else:
                future.set_exception(decode_error(failure, is_ours=True))
        elif answer is not None:  # whoever called has been cancelled, or its actor was reset
            let_go(answer)

    execution.emit(partial(outbound.fetch, request, on_reply))
    return future


def _stop_after(answer: Response, sent: Content) -> None:
    """Have ``sent`` end with an answer's body: whoever has said all takes no more of a request."""
    body = answer.content
    if isinstance(sent, Pipe) and body is not None and not isinstance(body, bytes):
        answer.replace_content(_LastWord(body, sent))


class _LastWord:
    """The body of an answer, at whose end the body of its request ends. Is a ``StreamSource``."""

    __slots__ = ("__weakref__", "_body", "_sent")

    def __init__(self, body: StreamSource, sent: Pipe) -> None:
        self._body = body
        self._sent = sent

    async def read_chunk(self) -> bytes:
        chunk = await self._body.read_chunk()
        if not chunk:
            after_answer(self._sent, None)
        return chunk

    def cancel(self, reason: BaseException | None = None) -> None:
        self._body.cancel(reason)
        after_answer(self._sent, None)
