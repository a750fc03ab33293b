"""The two joints between an actor and the rest: who takes their places keeps their promises."""

import inspect
from typing import Any

import pytest

from perdure.actors.base import DurableObject
from perdure.actors.channel import ActorChannel, Outbound
from perdure.actors.events import CallEvent
from perdure.actors.ids import IdFactory
from perdure.actors.limits import ActorLimits
from perdure.actors.packing import pack_call
from perdure.actors.rpc import decode_error
from perdure.actors.stub import DurableObjectStub
from perdure.runtime.edge.outbound import HttpOutbound
from perdure.runtime.host.registry import ActorRegistry
from perdure.storage.values import decode, encode
from tests.world import FakeOutbound, World


class Echo(DurableObject):
    def echo(self, value: Any) -> Any:
        return value

    def fails(self) -> None:
        raise ValueError("no")


class RecordingChannel:
    """Another way to reach actors: another process, say."""

    def __init__(self) -> None:
        self.delivered: list[Any] = []

    def deliver(self, actor_id: Any, event: Any, on_reply: Any) -> None:
        self.delivered.append((actor_id, event))
        on_reply(encode("from elsewhere"), None)


async def test_a_stub_needs_nothing_of_its_channel_but_deliver() -> None:
    channel = RecordingChannel()
    actor_id = IdFactory("key").id_from_name("one")
    stub = DurableObjectStub(actor_id, channel, ActorLimits())
    assert await stub.echo(1, two=2) == "from elsewhere"
    assert channel.delivered == [
        (actor_id, CallEvent("echo", pack_call([1], {"two": 2}, "echo", 1000)))
    ]


async def test_a_registry_answers_each_event_once_with_a_result_or_a_failure(world: World) -> None:
    world.namespace(Echo)
    registry: ActorChannel = world.host.namespaces["test-Echo"]
    actor_id = IdFactory("test-Echo").id_from_name("one")
    replies: list[tuple[Any, bytes | None]] = []
    for method, args in [("echo", [5]), ("fails", []), ("missing", [])]:
        arguments = pack_call(args, {}, method, 1000)
        registry.deliver(
            actor_id, CallEvent(method, arguments), lambda *reply: replies.append(reply)
        )
    (result, no_failure), (nothing, failure), (_, missing) = replies
    assert (decode(result), no_failure, nothing) == (5, None, None)
    assert failure is not None
    assert missing is not None
    assert str(decode_error(failure)) == "no"
    assert "does not implement" in str(decode_error(missing))


@pytest.mark.parametrize(
    ("protocol", "name", "classes"),
    [
        (ActorChannel, "deliver", [ActorRegistry, RecordingChannel]),
        (Outbound, "fetch", [HttpOutbound, FakeOutbound]),
    ],
)
def test_who_stands_in_for_a_joint_takes_the_same_arguments(
    protocol: Any, name: str, classes: list[Any]
) -> None:
    wanted = list(inspect.signature(getattr(protocol, name)).parameters)
    for cls in classes:
        assert list(inspect.signature(getattr(cls, name)).parameters) == wanted
