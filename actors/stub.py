"""Stubs: what one piece of code calls another actor with."""

import asyncio
from typing import Any

from .capability import Capability
from .channel import ActorChannel
from .events import CallEvent, OnReply
from .execution import Execution
from .fetcher import Fetcher, send_request
from .http import Request, Response
from .ids import DurableObjectId
from .limits import ActorLimits
from .packing import pack_call
from .promise import READ, RpcPromise, send


class DurableObjectStub(Fetcher):
    """Calls one actor. Making a stub sends nothing.

    ``await stub.fetch(...)`` sends a request; any other name is a method of the actor's class:
    ``await stub.increment(3)``. A call is sent when it is made, not when it is awaited; calls
    on one stub arrive in the order in which they were made. After a call that failed because
    the actor was reset, all later calls on the same stub fail with the same error: what they
    built on is gone. Make a new stub to go on.
    """

    __slots__ = ("_channel", "_id", "_limits")

    def __init__(
        self, actor_id: DurableObjectId, channel: ActorChannel, limits: ActorLimits
    ) -> None:
        super().__init__()
        self._id = actor_id
        self._channel = channel
        self._limits = limits

    @property
    def id(self) -> DurableObjectId:
        return self._id

    @property
    def name(self) -> str | None:
        """The name the id was made from, or None."""
        return self._id.name

    def __repr__(self) -> str:
        return f"<DurableObjectStub {self._id.name or self._id}>"

    # For the runtime.

    def _send(self, request: Request) -> "asyncio.Future[Response]":
        deliver = self._channel.deliver
        return send_request(self, request, deliver, self._id, leads_to=self._leads_to)

    def _call(self, method: str, /, *args: Any, **kwargs: Any) -> RpcPromise:
        limit = self._limits.rpc_message_size_bytes_max
        event = CallEvent(method, pack_call(args, kwargs, method, limit))
        return send(self, event, self._channel.deliver, self._id, leads_to=self._leads_to)

    def _read(self, path: str) -> RpcPromise:
        event = CallEvent(path, READ)
        return send(self, event, self._channel.deliver, self._id, leads_to=self._leads_to)

    def _leads_to(self, execution: Execution) -> bool:
        return execution.actor_id == self._id

    def _to_capability(self) -> Capability:
        return ActorCapability(self._id, self._channel, self._limits)


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
