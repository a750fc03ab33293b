"""What can be sent requests and called by name: what all stubs of actors and Workers are."""

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from threading import get_ident
from typing import Any

from .capability import Sendable
from .errors import WrongThread
from .events import FetchEvent
from .execution import CURRENT, Execution
from .http import Request, Response
from .parcel import Packed
from .promise import Origin, RemoteMember, RpcPromise, check_name
from .response_stream import after_answer, let_go, stream_through
from .rpc import RESERVED, decode_error
from .rpc_stub import unpack
from .scope import Scope
from .sections import SelfCall
from .threads import loop_of_actors


class Fetcher(Sendable):
    """``await it.fetch(...)`` sends a request; any other name is a method: ``await it.add(1)``.

    A call is sent when it is made, not when it is awaited.
    """

    __slots__ = ("_broken",)

    def __init__(self) -> None:
        self._broken: bytes | None = None

    def fetch(
        self,
        resource: str | Request,
        *,
        method: str | None = None,
        headers: Any = None,
        body: Any = None,
    ) -> "asyncio.Future[Response]":
        """Send a request to the ``fetch`` of what this leads to, and give what it answers.

        ``resource`` is a Request or an absolute URL; its host is not looked up.

        Raises:
            ActorReset: An actor that was to answer lost its memory meanwhile.
            ActorOverloaded: Too many events wait for it.
        """
        return self._send(request_of(resource, method, headers, body))

    def __getattr__(self, method: str) -> RemoteMember:
        if method.startswith("_") or method in RESERVED:
            check_name(method)
        return RemoteMember(self._call, method)

    # For the runtime.

    @abstractmethod
    def _send(self, request: Request) -> "asyncio.Future[Response]":
        """Send a request; give what is answered."""

    @abstractmethod
    def _call(self, path: str, /, *args: Any, **kwargs: Any) -> RpcPromise:
        """Call a method."""

    @abstractmethod
    def _read(self, path: str) -> RpcPromise:
        """Ask for an attribute."""

    def _member(self, name: str) -> RemoteMember:
        check_name(name)
        return RemoteMember(self._call, name)

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
