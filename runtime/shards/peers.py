"""The workers of a server as one of its processes reaches them.

*Promise*: events handed over in order to one actor arrive in order, also over the end of its
worker: what had not begun there goes to the successor, before what came later. What had begun is
told so, once.
*Assumes*: one thread. ``joined`` is called for a successor after ``LinkEnded`` of the one before.
*Rules for editing*: what waits for a worker that is away has a limit in number and in time.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
from dataclasses import dataclass
from functools import partial
from typing import Any

from ...actors.channel import ActorChannel
from ...actors.events import CallEvent, Delivered, FetchEvent, OnReply
from ...actors.http import Request, Response
from ...actors.ids import DurableObjectId
from ...actors.pipe import Pipe
from ...actors.rpc import decode_error, encode_error
from ...actors.watch import watch
from ..host.worker import OnResponse
from .affinity import Affinity
from .link.calls import LinkCalls
from .link.errors import ClassGone, LinkBroken, LinkOverloaded, WorkerLost
from .link.link import Link
from .placement import Placement
from .sockets.orphans import protocol_of
from .sockets.passing import BorrowedSocket
from .unread import UnreadRequest

# So many events wait for a worker that is away, and so long: a successor takes a second or two.
WAITING_MAX = 10_000
WAIT_S = 30.0
RETRY_AFTER_S = 1
_AWAY = "it is being replaced"
_LEFT = "there are fewer workers now"
_OLDER = "it runs code that does not have the class yet"


@dataclass(slots=True)
class _Waiting:
    """Something for a worker that is away."""

    send: Callable[[LinkCalls], None]
    fail: Callable[[WorkerLost], None]
    since_s: float


class Peer:
    """One worker, whichever process that is at the moment."""

    def __init__(self, slot: str, loop: asyncio.AbstractEventLoop) -> None:
        self._slot = slot
        self._loop = loop
        self._calls: LinkCalls | None = None
        self._link: Link | None = None
        self._waiting: deque[_Waiting] = deque()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def waiting_count(self) -> int:
        """How much waits for it, as it is away."""
        return len(self._waiting)

    @property
    def is_there(self) -> bool:
        """There is a process, as far as is known."""
        return self._link is not None and self._link.ended is None

    def joined(self, link: Link, calls: LinkCalls) -> None:
        """There is a process, which serves: what waits goes there first."""
        self._calls, self._link = calls, link
        waiting, self._waiting = self._waiting, deque()
        self._stop_timer()
        for one in waiting:
            one.send(calls)

    def leaves(self) -> None:
        """Nobody will serve here any more: what waits is told that it has not begun."""
        self._calls = self._link = None
        self._stop_timer()
        while self._waiting:
            self._waiting.popleft().fail(WorkerLost(self._slot, _LEFT, may_have_run=False))

    def gives_up(self, calls: LinkCalls | None) -> None:
        """The process that ``calls`` led to takes nothing more, whether its link lives or not."""
        if self._calls is calls:
            self._calls = self._link = None

    def do(self, send: Callable[[LinkCalls], None], fail: Callable[[WorkerLost], None]) -> None:
        """Have ``send`` called now, or when there is a process; or ``fail``, if that is too late.

        Raises:
            LinkOverloaded: Too much waits.
        """
        # Asked of the link, and not told by it: calls that end with it are made again at once.
        if self._calls is not None and self.is_there:
            send(self._calls)
            return
        if len(self._waiting) >= WAITING_MAX:
            raise LinkOverloaded(self._slot, 0)
        self._waiting.append(_Waiting(send, fail, self._loop.time()))
        if self._timer is None:
            self._timer = self._loop.call_later(WAIT_S, self._too_late)

    def _too_late(self) -> None:
        self._timer = None
        now = self._loop.time()
        while self._waiting and self._waiting[0].since_s + WAIT_S <= now:
            lost = WorkerLost(self._slot, _AWAY, may_have_run=False)
            self._waiting.popleft().fail(lost)
        if self._waiting:
            due = self._waiting[0].since_s + WAIT_S
            self._timer = self._loop.call_at(due, self._too_late)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Peers:
    """All workers of a server, by their slots."""

    def __init__(self, placement: Placement, loop: asyncio.AbstractEventLoop) -> None:
        self.placement = placement
        self._loop = loop
        self._peers = {slot: Peer(slot, loop) for slot in placement.slots}
        self._turn = 0

    def __getitem__(self, slot: str) -> Peer:
        return self._peers[slot]

    def __contains__(self, slot: str) -> bool:
        return slot in self._peers

    def place(self, placement: Placement) -> None:
        """Have other workers from now on; none of those that were there lives any more."""
        self.placement = placement
        for slot in placement.slots:
            if slot not in self._peers:
                self._peers[slot] = Peer(slot, self._loop)
        for slot in [slot for slot in self._peers if slot not in placement.slots]:
            self._peers.pop(slot).leaves()

    def is_there(self, slot: str) -> bool:
        """There is a worker of that slot, and it has a process, as far as is known."""
        peer = self._peers.get(slot)
        return peer is not None and peer.is_there

    def waiting_count(self) -> int:
        """How much waits for workers that are away."""
        return sum(peer.waiting_count for peer in self._peers.values())

    def gives_up(self, slot: str, calls: LinkCalls | None) -> None:
        """The process that ``calls`` led to takes nothing more; there may be no such slot now."""
        if slot in self._peers:
            self._peers[slot].gives_up(calls)

    def close(self) -> None:
        """Whoever waits, waits for nothing."""
        for peer in self._peers.values():
            peer._stop_timer()  # noqa: SLF001  # of this module

    def next_slot(self) -> str:
        """The slot whose turn it is to run the entrypoint; one with a process, if any has."""
        slots = self.placement.slots
        for _ in slots:
            self._turn = (self._turn + 1) % len(slots)
            if self._peers[slots[self._turn]].is_there:
                break
        return slots[self._turn]


class ShardChannel:
    """Leads to all actors of a namespace, in whichever worker they are. Is an ``ActorChannel``.

    Args:
        own_slot: Of this process.
        unique_key: The namespace.
        registry: Those of its actors that are here.
        peers: The other workers.
    """

    def __init__(
        self, own_slot: str, unique_key: str, registry: ActorChannel, peers: Peers
    ) -> None:
        self._own_slot = own_slot
        self._unique_key = unique_key
        self._registry = registry
        self._peers = peers

    def deliver(self, actor_id: DurableObjectId, event: Delivered, on_reply: OnReply) -> None:
        slot = self._peers.placement.slot_of(self._unique_key, actor_id.raw)
        if slot == self._own_slot:
            self._registry.deliver(actor_id, event, on_reply)
            return

        unread = _unread(event)
        if unread is not None:
            event = FetchEvent(unread.request)
        used: LinkCalls | None = None
        # Of whoever calls: what is sent later is of the same trace.
        context = None if watch.tracer is None else copy_context()

        again = None if unread is not None else _again(event)

        def replied(answer: Any, failure: bytes | None) -> None:
            """Have what has certainly not begun begin at the successor."""
            if failure is not None and _had_not_begun(failure, slot):
                repeated = again if unread is None else _event_of(unread.again())
                if repeated is not None:
                    self._peers[slot].gives_up(used)
                    _within(context, partial(self.deliver, actor_id, repeated, on_reply))
                    return
            if unread is not None:
                unread.give_up()
            on_reply(answer, failure)

        def send(calls: LinkCalls) -> None:
            nonlocal used
            used = calls
            _within(context, partial(calls.deliver, actor_id, event, replied))

        def fail(lost: Exception) -> None:
            on_reply(None, encode_error(lost))

        try:
            self._peers[slot].do(send, fail)
        except LinkOverloaded as error:
            fail(error)


def _within(context: Context | None, action: Callable[[], None]) -> None:
    """Do it in a copy of ``context``, which may have been entered already; or as it is."""
    if context is None:
        action()
    else:
        context.copy().run(action)


def _unread(event: Delivered) -> UnreadRequest | None:
    """A request whose body comes through this process, as the entrypoint passes on a client's."""
    if not isinstance(event, FetchEvent) or not isinstance(event.request.content, Pipe):
        return None
    return UnreadRequest.of(event.request)


def _event_of(request: Request | None) -> FetchEvent | None:
    return None if request is None else FetchEvent(request)


def _again(event: Delivered) -> Delivered | None:
    """The same event, to be sent a second time; None if its body can be read once only."""
    if not isinstance(event, FetchEvent):
        packed = event.arguments if isinstance(event, CallEvent) else b""
        return event if isinstance(packed, bytes) or packed.can_be_sent_again else None
    request = _copy_of(event.request)
    return None if request is None else FetchEvent(request)


def _copy_of(request: Request) -> Request | None:
    """The same request, to be sent a second time; None likewise."""
    content = request.content
    return request.clone() if content is None or isinstance(content, bytes) else None


def _had_not_begun(failure: bytes, slot: str) -> bool:
    error = decode_error(failure)
    return isinstance(error, WorkerLost) and error.slot == slot and error.retryable


class OwnActors:
    """The actors of this process, as other processes call them. Is an ``ActorChannel``.

    Whoever calls one that is not here has another placement, or lies: its link is cut off. A class
    that is not here may be one that its caller's code has, and this process's has not: workers are
    given new code one after another.

    Args:
        slot: Of this process.
        peers: Who has which slots.
        registries: The actors of this process, by the keys of their namespaces.
        is_older: This process was started before the one that calls.
    """

    def __init__(
        self, slot: str, peers: Peers, registries: "dict[str, Any]", *, is_older: bool
    ) -> None:
        self._slot = slot
        self._placement = peers.placement
        self._registries = registries
        self._is_older = is_older

    def deliver(self, actor_id: DurableObjectId, event: Delivered, on_reply: OnReply) -> None:
        registry = self._registries.get(actor_id.unique_key)
        owner = self._placement.slot_of(actor_id.unique_key, actor_id.raw)
        if owner != self._slot:
            raise LinkBroken(f"an event for {actor_id}, which is worker {owner}'s")
        if registry is not None:
            registry.deliver(actor_id, event, on_reply)
        elif self._is_older:  # the successor of this process has it
            on_reply(None, encode_error(WorkerLost(self._slot, _OLDER, may_have_run=False)))
        else:
            on_reply(None, encode_error(ClassGone(self._slot)))


class Entrypoints:
    """The entrypoint, in whichever worker has time. Is an ``Answerer``.

    A request whose worker goes before it has begun goes to another one, with its body, which nobody
    has read; one that had begun is answered with 503, for nobody knows how far it came.

    Attributes:
        before_asking: Called before each request leaves; None for nothing.
    """

    def __init__(self, peers: Peers) -> None:
        self._peers = peers
        self._affinity = Affinity()
        self.before_asking: Callable[[], None] | None = None

    def fetch(self, request: Request, on_response: OnResponse) -> None:
        """Have ``request`` answered; see ``Worker.fetch``."""

        def answered(response: Response | None, error: BaseException | None) -> None:
            if isinstance(error, WorkerLost):
                response, error = _unavailable(may_have_run=not error.retryable), None
            on_response(response, error)

        self.ask(request, answered)

    def ask(self, request: Request, on_response: OnResponse) -> None:
        """Likewise; but one whose worker has gone gets ``WorkerLost``."""
        if self.before_asking is not None:
            self.before_asking()
        unread = UnreadRequest.of(request)
        # Nobody else has this one: what was sent of it can be sent again.
        sent = request if unread is None else unread.request
        slot = self._slot_for(request)
        used: LinkCalls | None = None

        def send(calls: LinkCalls) -> None:
            nonlocal used
            used = calls
            calls.fetch(sent, answered)

        def answered(response: Response | None, error: BaseException | None) -> None:
            if isinstance(error, WorkerLost):
                if error.slot != slot:  # the entrypoint was told so, and has not caught it
                    error = WorkerLost(error.slot, error.reason, may_have_run=True)
                elif error.retryable:
                    self._peers.gives_up(slot, used)
                    again = sent if unread is None else unread.again()
                    if again is not None:
                        self.ask(again, on_response)
                        return
            elif response is not None:
                served_by = getattr(response, "served_by", slot)
                if served_by != slot:
                    self._affinity.learn(request.url, served_by)
                if isinstance(response.web_socket, BorrowedSocket):
                    response.web_socket.request = sent if unread is None else None
                    response.web_socket.protocol = protocol_of(response)
            if unread is not None:
                unread.give_up()
            on_response(response, error)

        def fail(lost: WorkerLost) -> None:
            again = sent if unread is None else unread.again()
            if slot in self._peers or again is None:
                on_response(None, lost)
            else:  # it waited for a worker that there is no more; nothing of it was sent
                self.ask(again, on_response)

        try:
            self._peers[slot].do(send, fail)
        except LinkOverloaded as error:
            on_response(None, decode_error(encode_error(error)))

    def _slot_for(self, request: Request) -> str:
        slot = self._affinity.slot_for(request.url)
        if slot is None or not self._peers.is_there(slot):
            return self._peers.next_slot()
        return slot


def _unavailable(*, may_have_run: bool) -> Response:
    """The answer to a request whose worker has gone."""
    what = (
        "The request was being handled when the process that did so ended: whether it has done "
        "what was asked for is not known."
        if may_have_run
        else "No process could take the request in time. Nothing of it was done."
    )
    headers = {"Retry-After": str(RETRY_AFTER_S), "Content-Type": "text/plain; charset=utf-8"}
    return Response(f"Service Unavailable: {what}\n", 503, headers=headers)
