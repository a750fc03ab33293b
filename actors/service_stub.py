"""Stubs of Workers: what one Worker's code, or an actor's, calls another Worker with."""

import asyncio
from abc import abstractmethod
from typing import Any

from .capability import Capability, Sendable
from .events import CallEvent, FetchEvent, OnReply
from .http import Request, Response
from .parcel import Packed
from .promise import READ, RemoteMember, RpcPromise, call_capability, check_name, make_call
from .rpc import RESERVED
from .rpc_stub import unpack
from .scope import Scope
from .stub import request_of, send_request


class Service(Capability):
    """Leads to an entrypoint of a Worker."""

    __slots__ = ()

    @abstractmethod
    def deliver(self, event: CallEvent | FetchEvent, on_reply: OnReply) -> None:
        """Hand over a call, or a request."""

    def as_stub(self) -> "ServiceStub":
        return ServiceStub(self)


class ServiceStub(Sendable):
    """Calls another Worker, or this one: what a binding under ``services`` is.

    ``await stub.fetch(...)`` sends a request, which does not leave the process; any other name is a
    method of the Worker's entrypoint: ``await stub.add(1, 2)``. An instance of that class lives for
    one call. A call is sent when it is made, not when it is awaited.
    """

    __slots__ = ("_broken", "_service")

    def __init__(self, service: Service) -> None:
        self._service = service
        self._broken: bytes | None = None

    def __repr__(self) -> str:
        return f"<ServiceStub {self._service!r}>"

    def fetch(
        self,
        resource: str | Request,
        *,
        method: str | None = None,
        headers: Any = None,
        body: Any = None,
    ) -> "asyncio.Future[Response]":
        """Send a request to the entrypoint's ``fetch``, and give what it answers.

        ``resource`` is a Request or an absolute URL; its host is not looked up.
        """
        request = request_of(resource, method, headers, body)
        return send_request(self, request, self._service.deliver)

    def __getattr__(self, method: str) -> RemoteMember:
        if method.startswith("_") or method in RESERVED:
            check_name(method)
        return RemoteMember(self._call, method)

    # For the runtime.

    def _member(self, name: str) -> RemoteMember:
        check_name(name)
        return RemoteMember(self._call, name)

    def _to_capability(self) -> Capability:
        return self._service

    def _open(self, packed: Packed, scope: Scope | None) -> Any:
        return unpack(packed, scope)

    def _call(self, path: str, /, *args: Any, **kwargs: Any) -> RpcPromise:
        return call_capability(self, self._service, make_call(path, args, kwargs))

    def _read(self, path: str) -> RpcPromise:
        return call_capability(self, self._service, CallEvent(path, READ))
