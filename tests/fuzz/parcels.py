"""Fuzzing of what comes over a link to be called, to be answered and to be opened, led by coverage.

    pip install atheris
    python -m tests.fuzz.parcels -max_total_time=60 [further options of libFuzzer]

tests/fuzz/links.py looks for frames that are none; here all frames are of the right form, and what
is in them is a lie: calls on things that were never sent, answers to calls that were never made,
values whose items, or whose own bytes, are garbage. It ends with a crash, and the bytes that make
it, when a lie is handled as a bug and not as the end of the link, when a call of ours is left
without an answer, when something is kept after the end, or when it takes too long (-timeout).
"""

import asyncio
import importlib
import logging
import random
import sys
from typing import Any, cast

ATHERIS: Any = importlib.import_module("atheris")

with ATHERIS.instrument_imports(
    include=["perdure.runtime.shards.link", "perdure.actors", "perdure.storage.values"]
):
    from perdure.actors.capability import Capability
    from perdure.actors.events import CallEvent, Delivered, FetchEvent, OnReply
    from perdure.actors.http import Response
    from perdure.actors.ids import DurableObjectId
    from perdure.actors.limits import ActorLimits
    from perdure.actors.packing import EXCEPTION, HEADERS, pack
    from perdure.actors.parcel import INDEX, WRITABLE
    from perdure.actors.rpc import encode_error
    from perdure.actors.rpc_stub import RpcStub, unpack
    from perdure.actors.scope import Scope
    from perdure.actors.service_stub import ServiceAddress
    from perdure.actors.stub import ActorCapability, DurableObjectStub
    from perdure.runtime.shards.link import kinds
    from perdure.runtime.shards.link.calls import LinkCalls
    from perdure.runtime.shards.link.errors import LinkBroken
    from perdure.runtime.shards.link.framing import Frame, FrameWriter
    from perdure.runtime.shards.link.link import Identity, Link
    from perdure.runtime.shards.link.streams import Streams
    from perdure.storage.values import decode, encode, encode_lifting

LOOP = asyncio.new_event_loop()
ID = DurableObjectId("key", bytes(32), None)
LIMITS = ActorLimits()
HERE, THERE = Identity(kinds.WORKER, "0", 1), Identity(kinds.WORKER, "1", 1)
REQUEST = ["GET", "http://x/", [["A", "b"]], None, "manual", None, False, True]
RESPONSE = [200, "", [["A", "b"]], None, "", False, None, True]
KEPT_CALLS = 4
CHOICES_SIZE_BYTES = 400
EXCEPTION_RECORD = decode(encode_error(ValueError("no")))
INLINE = [INDEX, WRITABLE, HEADERS, EXCEPTION, b"b", b"?"]


class Transport:
    """Takes what is written."""

    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...
    def abort(self) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def get_extra_info(self, name: str) -> None: ...


class Opening:
    """Actors that open what they are given, and answer with it. Is an ``ActorChannel``."""

    def deliver(self, actor_id: DurableObjectId, event: Delivered, on_reply: OnReply) -> None:
        if isinstance(event, FetchEvent):
            on_reply(Response("hello"), None)
            return
        assert isinstance(event, CallEvent)
        scope = Scope()
        try:
            answer = pack(unpack(event.arguments, scope), "the answer", None)
        except Exception as error:  # it is the caller's, as in an actor
            on_reply(None, encode_error(error))
        else:
            on_reply(answer, None)
        scope.end()


class Own(Capability):
    """Something of this process's, which answers as the actors do."""

    def deliver(self, event: CallEvent, on_reply: OnReply) -> None:
        Opening().deliver(ID, event, on_reply)


class Named:
    """Finds what leads nowhere."""

    def actor(self, actor_id: DurableObjectId) -> Capability:
        return ActorCapability(actor_id, Opening(), LIMITS)

    def service(self, address: ServiceAddress) -> Capability:
        return self.actor(ID)


class NoSockets:
    """No response has one."""

    def lend(self, socket: object) -> None:
        return None

    def take(self, reference: object) -> None:
        raise LinkBroken("there is no socket")


def number(source: Any) -> int:
    """One of those that may mean something, mostly."""
    return int(source.ConsumeIntInRange(0, 6))


def value(source: Any) -> bytes:
    """A value with garbage inside, or garbage."""
    kind = source.ConsumeIntInRange(0, 4)
    if kind == 0:
        return bytes(source.ConsumeBytes(20))
    if kind == 1:
        return encode([[1, {"a": "b"}], {}])
    payload = source.PickValueInList(INLINE)
    if kind == 2:
        payload += number(source).to_bytes(4, "big")
    elif source.ConsumeBool():
        payload = EXCEPTION + encode(record(source))
    elif kind == 3:
        payload += source.ConsumeBytes(30)
    else:
        payload += encode([[source.ConsumeUnicodeNoSurrogates(5), number(source)], number(source)])
    return encode_lifting([[len], {}], "it", lambda part: payload if part is len else None)


def record(source: Any) -> dict[str, Any]:
    """An exception as it travels, of which something is missing or another thing."""
    made = dict(EXCEPTION_RECORD)
    name = source.PickValueInList(sorted(made))
    if source.ConsumeBool():
        del made[name]
    else:
        made[name] = source.PickValueInList([None, 5, "x", b"x", [1], {"a": 1}, "RpcTarget"])
    return made


def packed(source: Any) -> Any:
    """A value and what stands beside it."""
    if source.ConsumeBool():
        return value(source)
    choices: list[Any] = [
        [0, number(source)],
        [1, number(source)],
        [2, "key", bytes(32), None],
        [3, number(source)],
        [4, [*REQUEST[:5], source.PickValueInList([None, b"x", number(source)]), False, True]],
        [5, [*RESPONSE[:3], source.PickValueInList([None, b"x", number(source)]), *RESPONSE[4:]]],
        [6, "app", None, source.ConsumeBytes(3)],
    ]
    items = [source.PickValueInList(choices) for _ in range(source.ConsumeIntInRange(0, 3))]
    return [value(source), items]


def frame(source: Any, place: int) -> Frame:
    """One that has the form of its kind."""
    call = place if source.ConsumeBool() else number(source)
    fetch = [kinds.FETCH, call, "key", bytes(32), None, REQUEST]
    choices: list[Any] = [
        lambda: [kinds.CALL, call, "key", bytes(32), None, "m", packed(source)],
        lambda: [kinds.ON_TARGET, call, number(source), "m", packed(source)],
        lambda: [kinds.ON_ANSWER, call, number(source), "m", packed(source)],
        lambda: [kinds.REPLY, number(source), packed(source)],
        lambda: [kinds.FAILURE, number(source), value(source)],
        lambda: [kinds.RESPONSE, number(source), RESPONSE, None],
        lambda: [kinds.RELEASE, number(source), number(source)],
        lambda: [kinds.ANSWERED, number(source)],
        lambda: [kinds.FINISH, number(source)],
        lambda: [kinds.GIVE_UP, number(source)],
        lambda: [kinds.CHUNK, number(source), source.ConsumeBytes(3)],
        lambda: [kinds.END, number(source)],
        lambda: [kinds.CREDIT, number(source), number(source)],
        lambda: [kinds.CANCEL, number(source), None],
        lambda: fetch,
    ]
    made: Frame = source.PickValueInList(choices)()
    return made


async def lied_to(frames: list[Frame]) -> None:
    """Hear ``frames``: either the link goes on, or it ends with a reason."""
    link = Link(HERE, perdure_version="1")
    streams = Streams(link)
    calls = LinkCalls(
        link,
        streams,
        cast("Any", NoSockets()),
        actors=cast("Any", Opening()),
        named=cast("Any", Named()),
    )
    link.connection_made(cast("Any", Transport()))
    link.start()
    write = FrameWriter().whole
    link.data_received(
        write([kinds.HELLO, "1", kinds.PROTOCOL, THERE.role, THERE.slot, THERE.generation])
    )
    stub: Any = DurableObjectStub(ID, calls, LIMITS)
    waiting = [stub.call(RpcStub(Own())) for _ in range(KEPT_CALLS)]
    waiting += [waiting[0].more(), stub.fetch("http://x/")]
    for each in frames:
        link.data_received(write(each))
        await asyncio.sleep(0)
    if link.ended is not None:
        assert isinstance(link.ended, LinkBroken), link.ended
        assert "could not be handled" not in str(link.ended), link.ended
        assert all(call.done() for call in waiting), "a call was left without an answer"
    link.close("the test is over")
    assert all(call.done() for call in waiting), "a call was left without an answer"
    for call in waiting:
        call.exception()
    del waiting, call
    await streams.close()


FAILED: list[str] = []


def one_input(data: bytes) -> None:
    """What libFuzzer calls."""
    # Its choices are read from the end, and a short input has none: four bytes make them up.
    choices = random.Random(data[:4]).randbytes(CHOICES_SIZE_BYTES)
    source = ATHERIS.FuzzedDataProvider(data[4:] + choices)
    frames = [frame(source, place + 1) for place in range(source.ConsumeIntInRange(1, 5))]
    LOOP.run_until_complete(lied_to(frames))
    assert not FAILED, FAILED


def main() -> None:
    """Run until told otherwise."""
    logging.disable(logging.CRITICAL)
    LOOP.set_exception_handler(lambda _, context: FAILED.append(str(context)))
    ATHERIS.Setup(sys.argv, one_input)
    ATHERIS.Fuzz()


if __name__ == "__main__":
    main()
