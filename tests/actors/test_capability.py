"""The seam between stubs and what they lead to."""

from perdure.actors.capability import Capability
from perdure.actors.events import CallEvent, OnReply
from perdure.actors.promise import deliver_on
from perdure.actors.rpc_stub import RpcStub
from perdure.storage.values import decode, encode


class Elsewhere(Capability):
    """Leads to nothing in this process."""

    def __init__(self) -> None:
        self.events: list[tuple[str, OnReply]] = []

    def deliver(self, event: CallEvent, on_reply: OnReply) -> None:
        self.events.append((event.method, on_reply))


async def test_a_stub_calls_whatever_is_behind_it() -> None:
    elsewhere = Elsewhere()
    stub = RpcStub(elsewhere)
    promise = stub.some.method(1)
    [(method, on_reply)] = elsewhere.events
    assert method == "some.method"
    on_reply(encode("answer"), None)
    assert await promise == "answer"


def test_it_is_an_rpc_stub_of_nobody_here_unless_it_says_otherwise() -> None:
    assert Elsewhere().as_stub() is None
    assert Elsewhere().owner is None


def test_the_rest_of_a_way_is_gone_where_the_capability_leads() -> None:
    elsewhere, replies = Elsewhere(), list[object]()
    value = {"inside": {"stub": RpcStub(elsewhere), "number": 5}}
    deliver_on(value, CallEvent("inside.stub.add", encode([[1], {}])), lambda *_: None)
    assert elsewhere.events[0][0] == "add"
    deliver_on(value, CallEvent("inside.number", b""), lambda *reply: replies.extend(reply))
    assert isinstance(replies[0], bytes)
    assert decode(replies[0]) == 5
