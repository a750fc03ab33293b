"""Objects and functions of one actor, or of a Worker, that others can call without a name.

Promise:
    A call on one of them is an event of the actor that has sent it: it waits at the same gates, is
    counted in the same mailbox, and its answer leaves behind what it has written.
    What nobody can call any more is forgotten, and told so if its class wants to know.
"""

import contextlib
import threading
from functools import partial
from typing import Any, cast
from weakref import WeakValueDictionary

from ..storage.values import encode
from .capability import Capability
from .errors import ActorOverloaded, ActorReset
from .event_turn import EventTurn
from .events import CallEvent, OnReply
from .execution import Execution
from .packing import pack
from .promise import READ
from .receiving import find
from .rpc import encode_error
from .rpc_stub import unpack
from .rpc_target import RpcTarget
from .scope import Scope
from .watch import watch

_NOTHING = encode([[], {}])


class LocalTargets:
    """Those that somebody has, of one execution."""

    __slots__ = ("_by_id",)

    def __init__(self) -> None:
        self._by_id: WeakValueDictionary[int, LocalCapability] | None = None

    def __len__(self) -> int:
        return 0 if self._by_id is None else len(self._by_id)

    def export(self, execution: Execution, target: object) -> "LocalCapability":
        """The capability that leads to ``target``: the same one while anybody has it."""
        if self._by_id is None:
            self._by_id = WeakValueDictionary()
        capability = self._by_id.get(id(target))
        if capability is None:  # it keeps its target, so that nothing else gets this id
            capability = self._by_id[id(target)] = LocalCapability(execution, target)
        return capability


class LocalCapability(Capability):
    """Leads to an object or a function of this process."""

    __slots__ = ("_execution", "target")

    def __init__(self, execution: Execution, target: object) -> None:
        self._execution = execution
        self.target = target

    def __repr__(self) -> str:
        return f"<LocalCapability {self.target!r}>"

    @property
    def owner(self) -> object:
        return self._execution

    def deliver(self, event: CallEvent, on_reply: OnReply) -> None:
        self._execution.call(partial(self._deliver_now, event, on_reply))

    def _deliver_now(self, event: CallEvent, on_reply: OnReply) -> None:
        execution = self._execution
        if execution.is_over:
            on_reply(None, execution.failure or encode_error(ActorReset(_GONE)))
        elif execution.waiting >= execution.limits.mailbox_events_max:
            on_reply(None, encode_error(ActorOverloaded(execution.waiting)))
        else:
            turn = event.route = TargetTurn(execution, self, event, on_reply)
            begin(execution, turn)

    def __del__(self) -> None:
        execution, target = self._execution, self.target
        if not isinstance(target, RpcTarget) or not hasattr(type(target), "dispose"):
            return
        is_ours = threading.get_ident() == execution.thread
        soon = execution.loop.call_soon if is_ours else execution.loop.call_soon_threadsafe
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is there to be told
            soon(_tell, execution, target, context=execution.neutral)


_GONE = "the object that has sent this stub is no longer in memory; ask for another stub"


class TargetTurn(EventTurn):
    """A call on a capability, as an event of whoever has sent that."""

    __slots__ = ("_capability",)
    _event: CallEvent

    def __init__(
        self,
        execution: Execution,
        capability: LocalCapability,
        event: CallEvent,
        on_reply: OnReply,
    ) -> None:
        super().__init__(cast("Any", execution), event, on_reply)
        self._capability = capability  # it lives as long as the call

    @property
    def handler(self) -> str:
        target, method = self._capability.target, self._event.method
        if not method:
            return str(getattr(target, "__qualname__", type(target).__qualname__))
        return f"{type(target).__qualname__}.{method}"

    def _handle(self) -> Any:
        return call(self._capability.target, self._event, self)

    def _answer(self, result: Any) -> Any:
        execution = cast("Execution", self.actor)
        limit = execution.limits.rpc_message_size_bytes_max
        return pack(result, f"the result of {self.handler}()", execution, limit)


class _DisposalTurn(EventTurn):
    """Tells a target that nobody has it any more."""

    __slots__ = ("_target",)
    handler = "dispose"

    def __init__(self, execution: Execution, target: object) -> None:
        event = CallEvent("dispose", _NOTHING)
        super().__init__(cast("Any", execution), event, lambda *_: None)
        self._target: Any = target

    def _handle(self) -> Any:
        return self._target.dispose()

    def _answer(self, result: Any) -> Any:
        return result


def call(target: object, event: CallEvent, scope: Scope | None) -> Any:
    """What ``event`` gives when it is done with ``target``; see ``receiving.find``."""
    arguments = event.arguments
    if arguments == READ:
        return find(target, event.method, is_call=False)
    method = find(target, event.method, is_call=True)
    args, kwargs = unpack(arguments, scope)
    return method(*args, **kwargs)


def begin(execution: Execution, turn: EventTurn) -> None:
    """Take an event in."""
    if watch.tracer is not None:
        turn.trace = watch.tracer.event(cast("Any", execution), turn, None)
    execution.replies_due.add(turn)
    execution.waiting += 1
    execution.resume(turn)


def _tell(execution: Execution, target: object) -> None:
    if not execution.is_over:
        begin(execution, _DisposalTurn(execution, target))
