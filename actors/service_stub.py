"""Stubs of Workers: what one Worker's code, or an actor's, calls another Worker with."""

import asyncio
from abc import abstractmethod
from typing import Any, NamedTuple

from .capability import Capability
from .events import CallEvent, FetchEvent, OnReply
from .fetcher import Fetcher, send_request
from .http import Request, Response
from .promise import READ, RpcPromise, call_capability, make_call
from .state import NO_PROPS


class ServiceAddress(NamedTuple):
    """What a service is called in every process of a server.

    Attributes:
        worker: The Worker's name.
        entrypoint: Its class; None for its assets.
        props: What the class is told as ``ctx.props``, encoded; empty for nothing.
    """

    worker: str
    entrypoint: str | None
    props: bytes = NO_PROPS


class Service(Capability):
    """Leads to an entrypoint of a Worker.

    Attributes:
        address: Which one.
    """

    __slots__ = ("address",)

    def __init__(self, address: ServiceAddress) -> None:
        self.address = address

    @abstractmethod
    def deliver(self, event: CallEvent | FetchEvent, on_reply: OnReply) -> None:
        """Hand over a call, or a request."""

    def with_props(self, props: bytes) -> "Service":
        """The same, which is told ``props``, encoded; itself if nobody there is told any."""
        del props
        return self

    def as_stub(self) -> "ServiceStub":
        return ServiceStub(self)


class ServiceStub(Fetcher):
    """Calls another Worker, or this one: what a binding under ``services`` is.

    ``await stub.fetch(...)`` sends a request, which does not leave the process; any other name is a
    method of the Worker's entrypoint: ``await stub.add(1, 2)``. An instance of that class lives for
    one call. A call is sent when it is made, not when it is awaited.
    """

    __slots__ = ("_service",)

    def __init__(self, service: Service) -> None:
        super().__init__()
        self._service = service

    def __repr__(self) -> str:
        return f"<ServiceStub {self._service!r}>"

    # For the runtime.

    def _send(self, request: Request) -> "asyncio.Future[Response]":
        return send_request(self, request, self._service.deliver)

    def _to_capability(self) -> Capability:
        return self._service

    def _call(self, path: str, /, *args: Any, **kwargs: Any) -> RpcPromise:
        return call_capability(self, self._service, make_call(path, args, kwargs))

    def _read(self, path: str) -> RpcPromise:
        return call_capability(self, self._service, CallEvent(path, READ))
