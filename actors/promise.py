"""What a call gives at once: a future of its answer, on which more can be called before that.

Promise:
    Whatever is called on an answer arrives behind the call that gives it, and before anything
    that is called once the answer is here.
Rules for editing:
    A plain call makes one of these and nothing else; whatever else is needed is made when it is.
"""

import asyncio
from collections.abc import Callable, Generator
from functools import partial
from threading import get_ident
from typing import Any, Protocol

from ..storage.values import decode
from .capability import Capability, Sendable
from .errors import ActorError, NoSuchMethod, ReservedMethod, WrongThread
from .events import CallEvent, OnReply
from .execution import CURRENT, DEFAULT_LIMITS, Execution
from .packing import discard, pack, pack_call
from .parcel import Packed
from .rpc import RESERVED, decode_error, encode_error
from .scope import SCOPE, Scope
from .sections import SelfCall
from .threads import loop_of_actors

READ = b""
_GIVEN_UP = "the call whose answer this one is on was given up"


class Origin(Protocol):
    """What a call was made on: a stub, or what an earlier call will give.

    Attributes:
        _broken: Why nothing can be called there any more, as it travels.
    """

    _broken: bytes | None

    def _open(self, packed: Packed, scope: Scope | None) -> Any:
        """The value that an answer with capabilities in it holds."""
        ...


class RpcPromise(asyncio.Future[Any]):
    """The future of a call's answer.

    It can be awaited as any future; and what the answer will be can be called at once:
    ``await stub.room("x").join(user)`` sends both calls together. An attribute of the answer is
    had by awaiting it: ``await stub.room("x").name``. Names that a future has itself (``result``,
    ``cancel``, ``done``, ...) are the future's: await the answer first to call such a method.
    """

    __slots__ = ("_event", "_failure", "_held", "_origin", "_scope")

    _event: CallEvent
    _origin: Origin
    _scope: Scope | None
    _failure: bytes | None
    # Calls on the answer that wait for it here; None while there was none.
    _held: list[tuple[CallEvent, OnReply]] | None

    # Of what has been called.

    def _settle(self, answer: Any, failure: bytes | None) -> None:
        """The answer is here; is an ``OnReply``."""
        if failure is not None:
            discard(self._event.arguments)  # streams that nobody has opened, or will read
            error = decode_error(failure)
            if getattr(error, "durable_object_reset", False):
                self._origin._broken = failure  # noqa: SLF001  # likewise
            if not self.done():
                self._failure = failure
                self.set_exception(error)
                if self._held is not None:  # it is heard of by what was called on the answer
                    self.exception()
        elif self.done():  # whoever called has been cancelled
            discard(answer)
        elif type(answer) is bytes:
            self.set_result(decode(answer))
        else:
            self.set_result(self._origin._open(answer, self._scope))  # noqa: SLF001  # likewise
        if self._held:
            self._deliver_held()

    def cancel(self, msg: Any = None) -> bool:
        """Give up: a call that has not begun never will; of one that has, the answer is dropped."""
        if not super().cancel(msg=msg):
            return False
        if self._event.route is not None:
            self._event.route.give_up()
        self._deliver_held()
        return True

    # What is called on the answer.

    def __getattr__(self, name: str) -> "RemoteMember":
        check_name(name)
        return RemoteMember(self._call, name)

    def _call(self, path: str, /, *args: Any, **kwargs: Any) -> "RpcPromise":
        return send(self, make_call(path, args, kwargs), self._hand_over)

    def _read(self, path: str) -> "RpcPromise":
        return send(self, CallEvent(path, READ), self._hand_over)

    @property
    def _broken(self) -> bytes | None:
        """Never known before the answer is."""
        return None

    @_broken.setter
    def _broken(self, failure: bytes | None) -> None:
        self._origin._broken = failure  # noqa: SLF001  # likewise

    def _open(self, packed: Packed, scope: Scope | None) -> Any:
        """As what this was called on does; for the runtime."""
        return self._origin._open(packed, scope)  # noqa: SLF001  # likewise

    def _hand_over(self, event: CallEvent, on_reply: OnReply) -> None:
        if self._held is None:
            self._held = []
        route = None if self.done() else self._event.route

        def replied(answer: Any, failure: bytes | None) -> None:
            """Wait for an answer that is asked for again elsewhere."""
            if failure is not None and not self.done() and _had_not_begun(failure):
                self._wait(event, on_reply)
            else:
                on_reply(answer, failure)

        if route is None or not route.pipeline(
            event, replied, partial(self._wait, event, on_reply)
        ):
            self._wait(event, on_reply)

    def _wait(self, event: CallEvent, on_reply: OnReply) -> None:
        if self.done():
            self._deliver_on(event, on_reply)
        else:
            assert self._held is not None, "made by _hand_over"
            self._held.append((event, on_reply))

    def _deliver_held(self) -> None:
        held, self._held = self._held or [], []
        for event, on_reply in held:
            self._deliver_on(event, on_reply)

    def _deliver_on(self, event: CallEvent, on_reply: OnReply) -> None:
        if self.cancelled():
            on_reply(None, encode_error(ActorError(_GIVEN_UP)))
        elif self._failure is not None:
            self.exception()  # it is heard of
            on_reply(None, self._failure)
        else:
            deliver_on(self.result(), event, on_reply)


class SelfPromise(SelfCall, RpcPromise):
    """That of a call to the caller itself out of a section of its own."""

    __slots__ = ()


_FUNC: Any = partial.__dict__["func"]
_ARGS: Any = partial.__dict__["args"]


class RemoteMember(partial[RpcPromise]):
    """A method or an attribute of something elsewhere: call it, or await it.

    Asking for it sends nothing.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> "RemoteMember":
        check_name(name)
        return self._further(name)

    def _further(self, name: str) -> "RemoteMember":
        (path,) = _ARGS.__get__(self)
        return RemoteMember(_FUNC.__get__(self), f"{path}.{name}")

    def __await__(self) -> Generator[Any, None, Any]:
        (path,) = _ARGS.__get__(self)
        origin = _FUNC.__get__(self).__self__  # a stub or a promise
        promise: RpcPromise = origin._read(path)  # noqa: SLF001  # of this module, or a stub's
        return promise.__await__()

    def __repr__(self) -> str:
        (path,) = _ARGS.__get__(self)
        return f"<RemoteMember {path}>"


async def _as_async() -> None:
    """What a remote method looks like to who asks whether it is async."""


class _Unwrapped:
    """A member called ``func``, and what a ``RemoteMember`` unwraps to.

    Whoever asks whether something is a coroutine function unwraps ``partial`` objects by their
    ``func`` until one is none, and looks at that for the attributes of functions (``inspect``).
    Frameworks await such a thing on the loop; everything else they call in a thread.
    """

    __slots__ = ("_member",)

    __name__ = "func"
    __code__ = _as_async.__code__
    __defaults__ = __kwdefaults__ = None

    def __init__(self, member: RemoteMember) -> None:
        self._member = member

    def __call__(self, *args: Any, **kwargs: Any) -> RpcPromise:
        return self._member(*args, **kwargs)

    def __getattr__(self, name: str) -> RemoteMember:
        check_name(name)
        return self._member._further(name)  # noqa: SLF001  # of this module

    def __await__(self) -> Generator[Any, None, Any]:
        return self._member.__await__()

    def __repr__(self) -> str:
        return repr(self._member)


# Names of ``partial``'s own that may be those of attributes elsewhere.
setattr(RemoteMember, "func", property(lambda member: _Unwrapped(member._further("func"))))  # noqa: B010, SLF001  # as below; of this module
for _name in ("args", "keywords"):
    setattr(RemoteMember, _name, property(partial(RemoteMember._further, name=_name)))  # noqa: SLF001  # of this module


def check_name(name: str) -> None:
    """Raise when ``name`` cannot be that of a remote method or attribute."""
    if name.startswith("_"):
        raise AttributeError(
            f"{name!r} cannot be called over RPC: names with an underscore are private"
        )
    if name in RESERVED:
        raise ReservedMethod(name)


def make_call(path: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> CallEvent:
    """The event of a call, its arguments packed."""
    execution = CURRENT.get()
    limits = DEFAULT_LIMITS if execution is None else execution.limits
    what = path or "function"
    return CallEvent(path, pack_call(args, kwargs, what, limits.rpc_message_size_bytes_max))


def send(
    origin: Origin,
    event: CallEvent,
    deliver: Callable[..., None],
    *first: object,
    leads_to: Callable[[Execution], bool] | None = None,
) -> RpcPromise:
    """Call ``deliver(*first, event, on_reply)`` as soon as what was written is durable.

    Args:
        origin: What the call is made on.
        event: The call.
        deliver: Hands it over.
        first: Its first arguments.
        leads_to: Says whether an execution would wait for itself; None if that cannot be.

    Raises:
        WrongThread: Actors do not live here.
    """
    execution = CURRENT.get()
    promise: RpcPromise
    if execution is None:
        promise = RpcPromise(loop=loop_of_actors(_what(event)))
    elif execution.thread != get_ident():
        raise WrongThread(_what(event))
    elif execution.gate is execution.root or leads_to is None or not leads_to(execution):
        promise = RpcPromise(loop=execution.loop)
    else:
        promise = SelfPromise(execution.gate, execution.loop)
    promise._origin, promise._event, promise._scope = origin, event, SCOPE.get()  # noqa: SLF001  # no __init__: a hot path
    promise._held = promise._failure = None  # noqa: SLF001  # likewise
    if origin._broken is not None:  # noqa: SLF001  # likewise
        promise._settle(None, origin._broken)  # noqa: SLF001  # likewise
    elif execution is None:
        deliver(*first, event, promise._settle)  # noqa: SLF001  # likewise
    else:
        execution.check_may_call_out()
        execution.emit(deliver, *first, event, promise._settle)  # noqa: SLF001  # likewise
    return promise


def deliver_on(value: Any, event: CallEvent, on_reply: OnReply) -> None:
    """Have ``event`` done with ``value``, an answer: by what it leads to, or by what it holds."""
    names = event.method.split(".") if event.method else []
    while names and isinstance(value, dict) and names[0] in value:
        value = value[names.pop(0)]
    if isinstance(value, Sendable) and (names or event.arguments != READ):
        event.method = ".".join(names)
        value._to_capability().deliver(event, on_reply)  # noqa: SLF001  # likewise
        return
    if names or event.arguments != READ:
        discard(event.arguments)
        on_reply(None, encode_error(NoSuchMethod(names[0] if names else event.method)))
        return
    try:
        answer = pack(value, "the answer", None)
    except Exception as error:
        on_reply(None, encode_error(error))
    else:
        on_reply(answer, None)


def _what(event: CallEvent) -> str:
    return f"the stub's {event.method}()" if event.method else "a stub"


def _had_not_begun(failure: bytes) -> bool:
    return getattr(decode_error(failure), "may_have_run", None) is False


def call_capability(origin: Origin, capability: Capability, event: CallEvent) -> RpcPromise:
    """Send a call to what ``capability`` leads to."""
    return send(
        origin, event, capability.deliver, leads_to=lambda execution: capability.owner is execution
    )
