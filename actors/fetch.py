"""``fetch``: requests from user code to the network."""

import asyncio
from functools import partial
from typing import Any

from .channel import Outbound
from .execution import Execution, current_execution
from .http import Redirect, Request, Response
from .response_stream import let_go, stream_through
from .rpc import decode_error
from .watch import with_trace


def fetch(
    resource: str | Request,
    *,
    method: str | None = None,
    headers: Any = None,
    body: Any = None,
    redirect: Redirect | None = None,
) -> "asyncio.Future[Response]":
    """Send a request; it leaves when what the caller has written so far is durable.

    With the header ``Upgrade: websocket`` the response's ``web_socket`` is the open connection,
    or None when the server did not upgrade; call its ``accept()`` to use it.

    Args:
        resource: An absolute URL (http, https, ws, wss) or a Request.
        redirect: "follow" (default), "manual" or "error".

    Returns:
        A future of the Response. An HTTP error status is an answer, not an exception.

    Raises:
        NotInHandler: No handler is running.
        OSError: The network failed (when awaited).
    """
    execution = current_execution("fetch()")
    execution.check_may_call_out()
    if isinstance(resource, Request) and (method, headers, body, redirect) == (None,) * 4:
        request = resource
    else:
        request = Request(resource, method=method, headers=headers, body=body, redirect=redirect)
    return _send(execution, execution.outbound, with_trace(request))


def fetch_by(outbound: Outbound, request: Request) -> "asyncio.Future[Response]":
    """Send a request by ``outbound``; otherwise as ``fetch`` does. For the runtime.

    Raises:
        NotInHandler: No handler is running.
    """
    execution = current_execution("fetch()")
    execution.check_may_call_out()
    return _send(execution, outbound, request)


def _send(execution: Execution, outbound: Outbound, request: Request) -> "asyncio.Future[Response]":
    stream_through(execution, request)
    future: asyncio.Future[Response] = execution.loop.create_future()

    def on_reply(answer: Any, failure: bytes | None) -> None:
        if not future.done() and not execution.is_over:
            if failure is None:
                future.set_result(answer)
            else:
                future.set_exception(decode_error(failure, is_ours=True))
        elif answer is not None:  # whoever called has been cancelled, or its actor was reset
            let_go(answer)

    execution.emit(partial(outbound.fetch, request, on_reply))
    return future
