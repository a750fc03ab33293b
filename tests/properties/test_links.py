"""A link with calls and bodies under way, whose other end says anything at all."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator
from typing import Any

import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from perdure.actors.events import CallEvent, Delivered, FetchEvent, OnReply
from perdure.actors.http import Request, Response
from perdure.actors.ids import DurableObjectId
from perdure.actors.rpc import encode_error
from perdure.runtime.shards.link.calls import LinkCalls
from perdure.runtime.shards.link.framing import FrameWriter
from perdure.runtime.shards.link.kinds import (
    BROKEN,
    CALL,
    CANCEL,
    CHUNK,
    END,
    FAILURE,
    FETCH,
    KINDS,
    REPLY,
    RESPONSE,
)
from perdure.runtime.shards.link.streams import Streams
from perdure.storage.values import encode
from tests.runtime.shards.link.ends import Peer, a_link
from tests.runtime.shards.link.surface import Sockets
from tests.runtime.shards.link.test_kinds import EXAMPLES

ID = DurableObjectId("key", bytes(32), "name")
# Numbers and payloads that mean something to the link under test, so that lies get further in.
A_FAILURE = encode_error(ValueError("x"))
PLAUSIBLE = [0, 1, 2, 3, 10**6, b"", b"data", encode(5), A_FAILURE, None, True, "x", bytes(32)]


class Echo:
    """Answers some events at once, others with a stream, others never."""

    def __init__(self) -> None:
        self.count = 0

    def deliver(self, actor_id: DurableObjectId, event: Delivered, on_reply: OnReply) -> None:
        self.count += 1
        if self.count % 3 == 0:
            return
        if isinstance(event, FetchEvent):
            on_reply(Response(event.request.body), None)
        else:
            on_reply(encode(self.count), None)


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b"chunk"
        await asyncio.sleep(0)


class Talker:
    """Says what a sound process could say, and now and then something nearly right."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.calls = itertools.count(1)
        self.streams = 0
        self.unanswered = [1, 2, 3]

    def say(self) -> bytes:
        chance = self.chance
        number, *fields = self.sound_frame()
        if chance.random() < 0.05:
            number = chance.choice(sorted(KINDS))
            fields = list(EXAMPLES[number])
        if chance.random() < 0.07:
            fields[chance.randrange(len(fields))] = chance.choice(PLAUSIBLE)
        data = bytearray(FrameWriter().whole([number, *fields]))
        if chance.random() < 0.02:
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        return bytes(data)

    def sound_frame(self) -> list[Any]:
        chance = self.chance
        kind = chance.choice([CALL, FETCH, FETCH, REPLY, CHUNK, CHUNK, END, BROKEN, CANCEL])
        if kind == REPLY and self.unanswered:
            number = self.unanswered.pop(chance.randrange(len(self.unanswered)))
            if chance.random() < 0.3:
                return [FAILURE, number, A_FAILURE]
            if number == 1:
                return [REPLY, number, encode(5)]
            return [RESPONSE, number, [200, "", [], self.body(), "", False, None, True], None]
        if kind in {CHUNK, END, BROKEN} and self.streams:
            rest = {CHUNK: [b"data"], END: [], BROKEN: [A_FAILURE]}[kind]
            return [kind, chance.randint(1, self.streams), *rest]
        if kind == CANCEL:
            return [CANCEL, 1, None]
        if kind == FETCH:
            request = ["POST", "http://x/", [], None, "manual", self.body(), False, True]
            return [FETCH, next(self.calls), "key", bytes(32), None, request]
        return [CALL, next(self.calls), "key", bytes(32), None, "m", b"arguments"]

    def body(self) -> Any:
        if self.chance.random() < 0.5:
            return self.chance.choice([None, b"bytes", True])
        self.streams += 1
        return self.streams


async def one_life(seed: int) -> None:
    chance = random.Random(seed)
    talker = Talker(chance)
    peer, link = Peer(), a_link()
    failed: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failed.append(context))
    streams = Streams(link)
    calls = LinkCalls(link, streams, Sockets(), actors=Echo())
    ends: list[Any] = []
    link.when_ended(ends.append)
    await peer.meet(link)
    answers: list[list[Any]] = [[], [], []]
    stream = Request("http://x", method="POST", body=endless())
    events: list[Delivered] = [
        CallEvent("m", b""),
        FetchEvent(Request("http://x")),
        FetchEvent(stream),
    ]
    for event, given_to in zip(events, answers, strict=True):
        calls.deliver(ID, event, lambda *answer, to=given_to: to.append(answer))
    for _ in range(30):
        try:
            peer.sock.send(talker.say())
        except OSError:
            break
        for _ in range(chance.randrange(4)):
            await asyncio.sleep(0)
    peer.close()
    async with asyncio.timeout(20):
        while link.ended is None:
            await asyncio.sleep(0)
    await streams.close()
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(ends) == 1
    assert [len(given_to) for given_to in answers] == [1, 1, 1], "each call is answered once"
    assert len(streams) == 0
    assert failed == []


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_whatever_is_said_every_call_is_answered_once_and_nothing_is_left(
    seed: int, on_uvloop: bool
) -> None:
    factory = uvloop.new_event_loop if on_uvloop else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(one_life(seed))
