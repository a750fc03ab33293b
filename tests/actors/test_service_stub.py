"""Stubs of Workers."""

import pytest

from perdure.actors.errors import ReservedMethod
from perdure.actors.events import CallEvent, FetchEvent, OnReply
from perdure.actors.http import Response
from perdure.actors.promise import READ
from perdure.actors.rpc import encode_error
from perdure.actors.service_stub import Service, ServiceAddress, ServiceStub
from perdure.storage.values import decode, encode


class Noted(Service):
    """Notes what it is given, and answers with it."""

    def __init__(self) -> None:
        super().__init__(ServiceAddress("math", "Default"))
        self.events: list[CallEvent | FetchEvent] = []

    def __repr__(self) -> str:
        return "math.Default"

    def deliver(self, event: CallEvent | FetchEvent, on_reply: OnReply) -> None:
        self.events.append(event)
        if isinstance(event, FetchEvent):
            on_reply(Response(event.request.url), None)
        elif event.method == "fail":
            on_reply(None, encode_error(ValueError("no")))
        else:
            on_reply(encode(event.method), None)


async def test_a_method_is_called_and_an_attribute_is_read() -> None:
    service = Noted()
    stub = ServiceStub(service)
    assert await stub.add(1, by=2) == "add"
    assert await stub.name == "name"
    called, read = service.events
    assert isinstance(called, CallEvent)
    assert isinstance(called.arguments, bytes)
    assert decode(called.arguments) == [[1], {"by": 2}]
    assert isinstance(read, CallEvent)
    assert read.arguments == READ


async def test_a_request_is_handed_over_as_it_is() -> None:
    stub = ServiceStub(Noted())
    response = await stub.fetch("http://any/where", method="POST", body="x")
    assert await response.text() == "http://any/where"


async def test_an_error_is_raised_and_the_stub_goes_on() -> None:
    stub = ServiceStub(Noted())
    with pytest.raises(ValueError, match="no"):
        await stub.fail()
    assert await stub.add() == "add"


def test_names_that_are_no_methods_are_refused() -> None:
    stub = ServiceStub(Noted())
    with pytest.raises(AttributeError, match="private"):
        _ = stub._hidden
    with pytest.raises(ReservedMethod):
        _ = stub.alarm


def test_it_says_what_it_leads_to() -> None:
    service = Noted()
    assert repr(ServiceStub(service)) == "<ServiceStub math.Default>"
    assert isinstance(service.as_stub(), ServiceStub)
