"""What stubs of actors and of Workers have in common."""

import asyncio
from collections.abc import Callable

import pytest

from perdure.actors.base import DurableObject
from perdure.actors.errors import ActorReset, ReservedMethod
from perdure.actors.events import CallEvent, FetchEvent, OnReply
from perdure.actors.fetcher import Fetcher, request_of
from perdure.actors.http import Request, Response
from perdure.actors.pipe import Pipe
from perdure.actors.rpc import encode_error
from perdure.actors.service_stub import Service, ServiceAddress, ServiceStub
from perdure.storage.values import encode
from tests.world import World


class Answering(Service):
    """Answers when it is told to."""

    def __init__(self) -> None:
        super().__init__(ServiceAddress("any", "Default"))
        self.replies: list[OnReply] = []

    def deliver(self, event: CallEvent | FetchEvent, on_reply: OnReply) -> None:
        self.replies.append(on_reply)


class Room(DurableObject):
    """Leads to nothing by itself."""

    async def fetch(self, request: Request) -> Response:
        return Response(await request.text())


Make = Callable[[World], Fetcher]
MAKERS: list[Make] = [lambda world: world.stub(Room), lambda _: ServiceStub(Answering())]


@pytest.mark.parametrize("make", MAKERS)
async def test_names_that_are_no_methods_are_refused(make: Make, world: World) -> None:
    stub = make(world)
    for find in (stub.__getattr__, stub._member):
        with pytest.raises(AttributeError, match="private"):
            find("_hidden")
        with pytest.raises(ReservedMethod):
            find("alarm")


def test_a_request_is_sent_as_it_is_unless_something_is_to_be_different() -> None:
    request = Request("http://any/", method="PUT", headers={"a": "1"}, body=b"x")
    assert request_of(request, None, None, None) is request
    other = request_of(request, "POST", None, None)
    assert (other.method, other.url, other.headers["a"]) == ("POST", "http://any/", "1")
    assert request_of("http://any/x", None, None, None).method == "GET"


async def test_after_a_reset_a_stub_fails_and_asks_nobody() -> None:
    service = Answering()
    stub = ServiceStub(service)
    lost, later = stub.fetch("http://any/"), stub.fetch("http://any/")
    lost_reply, later_reply = service.replies
    lost_reply(None, encode_error(ActorReset("gone")))
    with pytest.raises(ActorReset, match="gone"):
        await lost
    more = [stub.fetch("http://any/"), stub.call()]
    assert len(service.replies) == 2
    for each in more:
        with pytest.raises(ActorReset, match="gone"):
            await each
    later_reply(Response("sent before"), None)
    assert await (await later).text() == "sent before"


async def test_another_error_leaves_a_stub_as_it_is() -> None:
    service = Answering()
    stub = ServiceStub(service)
    failing = stub.fetch("http://any/")
    service.replies[0](None, encode_error(ValueError("no")))
    with pytest.raises(ValueError, match="no"):
        await failing
    call = stub.call()
    service.replies[1](encode(5), None)
    assert await call == 5


async def test_an_answer_that_nobody_waits_for_any_more_is_let_go() -> None:
    service, stopped = Answering(), list[str]()
    given_up = ServiceStub(service).fetch("http://any/")
    given_up.cancel()
    body = Pipe(asyncio.get_running_loop())
    body.on_cancel = lambda: stopped.append("the body")
    answer = Response(None)
    answer.replace_content(body)
    service.replies[0](answer, None)
    assert stopped == ["the body"]
