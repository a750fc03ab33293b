"""Stubs: what one piece of code calls another actor with."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from ..storage.values import decode
from .channel import ActorChannel
from .errors import ReservedMethod
from .events import CallEvent, Event, FetchEvent
from .execution import CURRENT
from .http import Request, Response
from .ids import DurableObjectId
from .limits import ActorLimits
from .response_stream import after_answer, let_go, stream_through
from .rpc import RESERVED, decode_error, encode_call
from .sections import SelfCall


class DurableObjectStub:
    """Calls one actor. Making a stub sends nothing.

    ``await stub.fetch(...)`` sends a request; any other name is a method of the actor's class:
    ``await stub.increment(3)``. A call is sent when it is made, not when it is awaited; calls
    on one stub arrive in the order in which they were made. After a call that failed because
    the actor was reset, all later calls on the same stub fail with the same error: what they
    built on is gone. Make a new stub to go on.
    """

    __slots__ = ("_broken", "_channel", "_id", "_limits")

    def __init__(
        self, actor_id: DurableObjectId, channel: ActorChannel, limits: ActorLimits
    ) -> None:
        self._id = actor_id
        self._channel = channel
        self._limits = limits
        self._broken: bytes | None = None

    @property
    def id(self) -> DurableObjectId:
        return self._id

    @property
    def name(self) -> str | None:
        """The name the id was made from, or None."""
        return self._id.name

    def __repr__(self) -> str:
        return f"<DurableObjectStub {self._id.name or self._id}>"

    def fetch(
        self,
        resource: str | Request,
        *,
        method: str | None = None,
        headers: Any = None,
        body: Any = None,
    ) -> "asyncio.Future[Response]":
        """Send a request to the actor's ``fetch``, and give what it answers.

        ``resource`` is a Request or an absolute URL; its host is not looked up.

        Raises:
            ActorReset: The actor lost its memory meanwhile.
            ActorOverloaded: Too many events wait for it.
        """
        if isinstance(resource, Request) and method is None and headers is None and body is None:
            request = resource
        else:
            request = Request(resource, method=method, headers=headers, body=body)
        execution = CURRENT.get()
        if execution is not None:
            stream_through(execution, request)
        sent = request.content
        return self._send(FetchEvent(request), _as_it_is, lambda answer: after_answer(sent, answer))

    def __getattr__(self, method: str) -> "Callable[..., asyncio.Future[Any]]":
        if method.startswith("_"):
            raise AttributeError(
                f"{method!r} cannot be called over RPC: names with an underscore are private"
            )
        if method in RESERVED:
            raise ReservedMethod(method)
        return partial(self._call, method)

    def _call(self, method: str, /, *args: Any, **kwargs: Any) -> "asyncio.Future[Any]":
        arguments = encode_call(args, kwargs, method, self._limits.rpc_message_size_bytes_max)
        return self._send(CallEvent(method, arguments), decode)

    def _send(
        self,
        event: Event,
        read_answer: Callable[[Any], Any],
        on_answer: Callable[[Any], None] | None = None,
    ) -> "asyncio.Future[Any]":
        execution = CURRENT.get()
        loop = asyncio.get_running_loop() if execution is None else execution.loop
        future: asyncio.Future[Any]
        if execution is not None and execution.gate is not execution.root:
            is_itself = getattr(execution, "id", None) == self._id
            future = SelfCall(execution.gate, loop) if is_itself else loop.create_future()
        else:
            future = loop.create_future()
        if self._broken is not None:
            future.set_exception(decode_error(self._broken))
            return future

        def on_reply(answer: Any, failure: bytes | None) -> None:
            if on_answer is not None:
                on_answer(answer)
            if failure is not None:
                error = decode_error(failure)
                if getattr(error, "durable_object_reset", False):
                    self._broken = failure
                if not future.done():
                    future.set_exception(error)
            elif not future.done():
                future.set_result(read_answer(answer))
            elif isinstance(answer, Response):  # whoever called has been cancelled
                let_go(answer)

        if execution is None:
            self._channel.deliver(self._id, event, on_reply)
        else:
            execution.check_may_call_out()
            execution.emit(partial(self._channel.deliver, self._id, event, on_reply))
        return future


def _as_it_is(answer: Any) -> Any:
    return answer
