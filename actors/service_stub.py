"""Stubs of Workers: what one Worker's code, or an actor's, calls another Worker with."""

import asyncio
from abc import abstractmethod
from typing import Any

from .capability import Capability
from .events import CallEvent, FetchEvent, OnReply
from .fetcher import Fetcher, send_request
from .http import Request, Response
from .promise import READ, RpcPromise, call_capability, make_call


class Service(Capability):
    """Leads to an entrypoint of a Worker."""

    __slots__ = ()

    @abstractmethod
    def deliver(self, event: CallEvent | FetchEvent, on_reply: OnReply) -> None:
        """Hand over a call, or a request."""

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
