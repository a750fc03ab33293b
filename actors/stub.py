"""Stubs: what one piece of code calls another actor with."""

import asyncio
from collections.abc import Callable
from threading import get_ident
from typing import Any

from .capability import Capability, Sendable
from .channel import ActorChannel
from .errors import WrongThread
from .events import CallEvent, FetchEvent, OnReply
from .execution import CURRENT, Execution
from .http import Request, Response
from .ids import DurableObjectId
from .limits import ActorLimits
from .packing import pack_call
from .parcel import Packed
from .promise import READ, Origin, RemoteMember, RpcPromise, check_name, send
from .response_stream import after_answer, let_go, stream_through
from .rpc import RESERVED, decode_error
from .rpc_stub import unpack
from .scope import Scope
from .sections import SelfCall
from .threads import loop_of_actors


class DurableObjectStub(Sendable):
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
        request = request_of(resource, method, headers, body)
        deliver = self._channel.deliver
        return send_request(self, request, deliver, self._id, leads_to=self._leads_to)

    def __getattr__(self, method: str) -> RemoteMember:
        if method.startswith("_") or method in RESERVED:
            check_name(method)
        return RemoteMember(self._call, method)

    def _call(self, method: str, /, *args: Any, **kwargs: Any) -> RpcPromise:
        limit = self._limits.rpc_message_size_bytes_max
        event = CallEvent(method, pack_call(args, kwargs, method, limit))
        return send(self, event, self._channel.deliver, self._id, leads_to=self._leads_to)

    def _read(self, path: str) -> RpcPromise:
        event = CallEvent(path, READ)
        return send(self, event, self._channel.deliver, self._id, leads_to=self._leads_to)

    def _leads_to(self, execution: Execution) -> bool:
        return execution.actor_id == self._id

    # For the runtime.

    def _member(self, name: str) -> RemoteMember:
        check_name(name)
        return RemoteMember(self._call, name)

    def _to_capability(self) -> Capability:
        return ActorCapability(self._id, self._channel, self._limits)

    def _open(self, packed: Packed, scope: Scope | None) -> Any:
        return unpack(packed, scope)


def request_of(resource: str | Request, method: str | None, headers: Any, body: Any) -> Request:
    """The request that the arguments of ``fetch`` describe."""
    if isinstance(resource, Request) and method is None and headers is None and body is None:
        return resource
    return Request(resource, method=method, headers=headers, body=body)


def send_request(
    origin: Origin,
    request: Request,
    deliver: Callable[..., None],
    *first: object,
    leads_to: Callable[[Execution], bool] | None = None,
) -> "asyncio.Future[Response]":
    """Call ``deliver(*first, event, on_reply)`` as soon as what was written is durable.

    Args:
        origin: What the request is sent with.
        request: It.
        deliver: Hands it over.
        first: Its first arguments.
        leads_to: Says whether an execution would wait for itself; None if that cannot be.

    Raises:
        WrongThread: Actors do not live here.
    """
    execution = CURRENT.get()
    if execution is None:
        loop = loop_of_actors("the stub's fetch()")
    elif execution.thread != get_ident():
        raise WrongThread("the stub's fetch()")
    else:
        loop = execution.loop
        stream_through(execution, request)
    sent = request.content
    future: asyncio.Future[Response]
    if execution is not None and execution.gate is not execution.root:
        is_itself = leads_to is not None and leads_to(execution)
        future = SelfCall(execution.gate, loop) if is_itself else loop.create_future()
    else:
        future = loop.create_future()
    if origin._broken is not None:  # noqa: SLF001  # a stub's, whose public names are remote
        future.set_exception(decode_error(origin._broken))  # noqa: SLF001  # likewise
        return future

    def on_reply(answer: Any, failure: bytes | None) -> None:
        after_answer(sent, answer)
        if failure is not None:
            error = decode_error(failure)
            if getattr(error, "durable_object_reset", False):
                origin._broken = failure  # noqa: SLF001  # likewise
            if not future.done():
                future.set_exception(error)
        elif not future.done():
            future.set_result(answer)
        else:  # whoever called has been cancelled
            let_go(answer)

    event = FetchEvent(request)
    if execution is None:
        deliver(*first, event, on_reply)
    else:
        execution.check_may_call_out()
        execution.emit(deliver, *first, event, on_reply)
    return future


class ActorCapability(Capability):
    """Leads to an actor, by its name; is never the last that does.

    Attributes:
        actor_id: Which actor.
    """

    __slots__ = ("_channel", "_limits", "actor_id")

    def __init__(
        self, actor_id: DurableObjectId, channel: ActorChannel, limits: ActorLimits
    ) -> None:
        self.actor_id = actor_id
        self._channel = channel
        self._limits = limits

    def deliver(self, event: CallEvent, on_reply: OnReply) -> None:
        self._channel.deliver(self.actor_id, event, on_reply)

    def as_stub(self) -> DurableObjectStub:
        return DurableObjectStub(self.actor_id, self._channel, self._limits)
