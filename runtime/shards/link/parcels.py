"""Capabilities across a link, and the values that they travel in.

    packed = bytes | [bytes, [item, ...]]
    item   = [0, number]                    leads to something of the sender's
           | [1, number]                    leads to something of the receiver's, which it had sent
           | [2, unique_key, raw_id, name]  leads to an actor
           | [3, number]                    a stream
           | [4, request]
           | [5, response]
           | [6, worker, entrypoint, props]  leads to a Worker; each process has all

Each end gives what it sends numbers of its own count, and keeps it until the other end has given it
back as often as it has got it (RELEASE): so one that is on its way once more while it is given back
stays.

*Promise*: what is sent is kept until it is given back, or the link ends; then nothing is.
*Rules for editing*: a frame that was not sent after all gives back what is in it (``undo``).
"""

import contextlib
import threading
from typing import Any, Protocol
from weakref import WeakValueDictionary

from ....actors.capability import Capability
from ....actors.events import CallEvent, OnReply
from ....actors.http import Request, Response
from ....actors.ids import DurableObjectId
from ....actors.parcel import Packed, Parcel
from ....actors.service_stub import Service, ServiceAddress
from ....actors.stub import ActorCapability
from .errors import LinkBroken, LinkEnded
from .fields import (
    OF_ACTOR,
    OF_RECEIVER,
    OF_REQUEST,
    OF_RESPONSE,
    OF_SENDER,
    OF_SERVICE,
    OF_STREAM,
)
from .framing import Frame
from .kinds import RELEASE
from .link import Link
from .messages import SocketPassing, read_request, read_response, write_request, write_response
from .streams import Streams


class Named(Protocol):
    """Finds what leads to things that have a name in every process. ``Names`` is one."""

    def actor(self, actor_id: DurableObjectId) -> Capability: ...
    def service(self, address: ServiceAddress) -> Capability: ...


class TargetCalls(Protocol):
    """Sends calls on what the other end has sent. ``LinkCalls`` is one."""

    def call_target(self, number: int, event: CallEvent, on_reply: OnReply) -> None: ...


class Parcels:
    """What has been sent over one link, in both directions, and is not given back.

    Args:
        link: The link.
        streams: Of the same link.
        sockets: What becomes of WebSockets that responses carry.
        calls: Sends calls on what the other end has.
        named: Finds what stubs lead to that have come; None where none come.
    """

    def __init__(
        self,
        link: Link,
        streams: Streams,
        sockets: SocketPassing,
        calls: TargetCalls,
        named: Named | None,
    ) -> None:
        self._link = link
        self._streams = streams
        self._sockets = sockets
        self._calls = calls
        self._named = named
        self._sent: dict[int, _Sent] = {}
        self._numbers: dict[int, int] = {}  # by the identity of what is in _sent
        self._sent_count = 0
        self._received: WeakValueDictionary[int, RemoteCapability] = WeakValueDictionary()
        link.when_ended(self._on_link_end)

    def __len__(self) -> int:
        """How much is not given back yet, in both directions."""
        return len(self._sent) + len(self._received)

    def find(self, number: int) -> Capability:
        """What was sent as ``number``.

        Raises:
            LinkBroken: There is none, or it was given back.
        """
        sent = self._sent.get(number)
        if sent is None:
            raise LinkBroken(f"target {number}, which the other end does not have")
        return sent.capability

    # Out.

    def write(self, packed: Packed) -> bytes | list[Any]:
        """``packed`` as it travels; must be sent at once, or given to ``undo``."""
        if not isinstance(packed, Parcel):
            return packed
        items: list[Any] = []
        wire = [packed.data, items]
        try:
            items.extend(map(self._write_item, packed.items))
        except BaseException as error:
            self.undo(wire, error)
            raise
        return wire

    def undo(self, wire: object, reason: BaseException) -> None:
        """What was to travel so does not, for ``reason``."""
        if not isinstance(wire, list):
            return
        why = reason if isinstance(reason, Exception) else LinkEnded(str(reason))
        for kind, *fields in wire[1]:
            if kind == OF_SENDER:
                self._give_back(fields[0], 1)
                continue
            stream: Any = fields[0]
            if kind in _BODIES:
                stream = stream[_BODIES[kind]]
            if kind in {OF_STREAM, *_BODIES} and type(stream) is int:
                self._streams.stop(stream, why)

    def _write_item(self, item: Any) -> list[Any]:
        if isinstance(item, ActorCapability):
            actor_id = item.actor_id
            return [OF_ACTOR, actor_id.unique_key, actor_id.raw, actor_id.name]
        if isinstance(item, Service):
            return [OF_SERVICE, *item.address]
        if isinstance(item, RemoteCapability) and item.parcels is self:
            return [OF_RECEIVER, item.number]
        if isinstance(item, Capability):
            return [OF_SENDER, self._number_of(item)]
        if isinstance(item, Request):
            return [OF_REQUEST, write_request(item, self._streams)[0]]
        if isinstance(item, Response):
            return [OF_RESPONSE, write_response(item, self._streams, self._sockets)[0]]
        return [OF_STREAM, self._streams.send(item)]

    def _number_of(self, capability: Capability) -> int:
        number = self._numbers.get(id(capability))
        if number is None:
            self._sent_count = number = self._sent_count + 1
            self._numbers[id(capability)] = number
            self._sent[number] = _Sent(capability)
        self._sent[number].times += 1
        return number

    # In.

    def read(self, wire: bytes | list[Any]) -> Packed:
        """What has travelled so.

        Raises:
            LinkBroken: There can be no such thing.
        """
        if not isinstance(wire, list):
            return wire
        data, items = wire
        return Parcel(data, [self._read_item(*item) for item in items])

    def _read_item(self, kind: int, *fields: Any) -> Any:
        if kind == OF_SENDER:
            return self._receive(fields[0])
        if kind == OF_RECEIVER:
            return self.find(fields[0])
        if kind in {OF_ACTOR, OF_SERVICE}:
            if self._named is None:
                raise LinkBroken("a stub of an actor or a Worker, where nobody has any")
            if kind == OF_ACTOR:
                return self._named.actor(DurableObjectId(*fields))
            return self._named.service(ServiceAddress(*fields))
        if kind == OF_STREAM:
            return self._streams.receive(fields[0])
        if kind == OF_REQUEST:
            return read_request(fields[0], self._streams)
        return read_response(fields[0], self._streams, self._sockets)

    def _receive(self, number: int) -> "RemoteCapability":
        capability = self._received.get(number)
        if capability is None:
            capability = RemoteCapability(self, self._link, self._calls, number)
            self._received[number] = capability
        capability.times += 1
        return capability

    # Back.

    def on_release(self, frame: Frame) -> None:
        """The other end has let go of something as often as the frame says."""
        _, number, times = frame
        self.find(number)
        self._give_back(number, times)

    def _give_back(self, number: int, times: int) -> None:
        sent = self._sent[number]
        sent.times -= times
        if sent.times < 0:
            raise LinkBroken(f"target {number} is given back more often than it was sent")
        if sent.times == 0:
            del self._sent[number], self._numbers[id(sent.capability)]

    def _on_link_end(self, _: LinkEnded) -> None:
        self._sent.clear()
        self._numbers.clear()


# Where the body of a message stands in what travels for it.
_BODIES = {OF_REQUEST: 5, OF_RESPONSE: 3}


class _Sent:
    """Something that the other end has.

    Attributes:
        times: How often it has got it, less what was given back.
    """

    __slots__ = ("capability", "times")

    def __init__(self, capability: Capability) -> None:
        self.capability = capability
        self.times = 0


class RemoteCapability(Capability):
    """Leads to something of the other process's.

    Attributes:
        parcels: Of the link.
        number: Its number there.
        times: How often it has come.
    """

    __slots__ = ("_calls", "_link", "_loop", "_thread", "number", "parcels", "times")

    def __init__(self, parcels: Parcels, link: Link, calls: TargetCalls, number: int) -> None:
        self.parcels = parcels
        self._link = link
        self._loop = link.loop
        self._calls = calls
        self._thread = threading.get_ident()
        self.number = number
        self.times = 0

    def deliver(self, event: CallEvent, on_reply: OnReply) -> None:
        self._calls.call_target(self.number, event, on_reply)

    def __del__(self) -> None:
        # Not at once: this may be called anywhere, also while a frame is being made.
        if self._link.ended is None:
            is_ours = threading.get_ident() == self._thread
            soon = self._loop.call_soon if is_ours else self._loop.call_soon_threadsafe
            with contextlib.suppress(RuntimeError):  # the loop is closed, and with it the link
                soon(self._link.send, [RELEASE, self.number, self.times])
