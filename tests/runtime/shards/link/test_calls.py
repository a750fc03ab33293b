"""Calls over a link: what only a link does. What both ways have in common: test_calls_alike.py."""

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from perdure.actors.base import DurableObject
from perdure.actors.events import CallEvent, Delivered, FetchEvent, OnReply
from perdure.actors.http import Request, Response
from perdure.actors.ids import DurableObjectId
from perdure.actors.packing import pack_call
from perdure.actors.rpc import decode_error, encode_error
from perdure.actors.rpc_stub import unpack
from perdure.actors.socket_pair import WebSocketPair
from perdure.runtime.shards.link import calls as module
from perdure.runtime.shards.link import opening
from perdure.runtime.shards.link.begun import Begun
from perdure.runtime.shards.link.calls import LinkCalls
from perdure.runtime.shards.link.descriptors import Descriptors
from perdure.runtime.shards.link.errors import LinkBroken, LinkOverloaded, WorkerLost
from perdure.runtime.shards.link.framing import Frame
from perdure.runtime.shards.link.kinds import CALL, FAILURE, FETCH, REPLY, RESPONSE
from perdure.runtime.shards.link.link import Link
from perdure.runtime.shards.link.opening import open_link
from perdure.runtime.shards.link.streams import Streams
from perdure.storage.errors import LimitExceeded
from perdure.storage.values import encode, encode_lifting
from tests.runtime.shards.link.ends import (
    A_WORKER,
    ANOTHER_WORKER,
    Ends,
    Peer,
    a_link,
    joined,
    until,
)
from tests.runtime.shards.link.surface import Sockets, Surface, surface
from tests.world import turns

ID = DurableObjectId("key", bytes(32), "name")
NO_ARGUMENTS = pack_call((), {}, "m", 1000)
Given = tuple[Any, bytes | None]


class Actors:
    """An ``ActorChannel`` that does what the test says."""

    def __init__(self) -> None:
        self.events: list[tuple[DurableObjectId, Delivered]] = []
        self.replies: list[OnReply] = []
        self.action: Callable[[], None] = lambda: None

    def deliver(self, actor_id: DurableObjectId, event: Delivered, on_reply: OnReply) -> None:
        self.events.append((actor_id, event))
        self.replies.append(on_reply)
        self.action()


class Ways:
    def __init__(self, one: Link, other: Link) -> None:
        self.one, self.other = one, other
        self.actors = Actors()
        self.sockets = Sockets()
        self.streams = Streams(one), Streams(other)
        self.here = LinkCalls(one, self.streams[0], self.sockets)
        self.there = LinkCalls(other, self.streams[1], self.sockets, actors=self.actors)
        self.answers: list[Given] = []

    def call(self, event: Delivered | None = None) -> None:
        event = event or CallEvent("m", NO_ARGUMENTS)
        self.here.deliver(ID, event, lambda *answer: self.answers.append(answer))

    async def called(self, count: int = 1) -> None:
        await until(lambda: len(self.actors.replies) == count)

    def lost(self, index: int = 0) -> WorkerLost:
        value, failure = self.answers[index]
        assert value is None
        assert failure is not None
        error = decode_error(failure)
        assert isinstance(error, WorkerLost)
        return error


@pytest.fixture
async def ways() -> AsyncIterator[Ways]:
    async with joined() as links:
        found = Ways(*links)
        yield found
        for streams in found.streams:
            await streams.close()


async def test_an_event_and_its_answer(ways: Ways) -> None:
    ways.call()
    await ways.called()
    assert ways.actors.events == [(ID, CallEvent("m", NO_ARGUMENTS))]
    assert ways.actors.events[0][0].name == "name"
    assert ways.here.statistics() == module.CallStatistics(1, 1, 0, 0)
    assert ways.there.statistics() == module.CallStatistics(0, 0, 1, 1)
    ways.actors.replies[0](encode(5), None)
    await until(lambda: ways.answers)
    assert ways.answers == [(encode(5), None)]
    assert ways.here.statistics() == module.CallStatistics(1, 0, 0, 0)
    assert ways.there.statistics() == module.CallStatistics(0, 0, 1, 0)


async def test_answers_come_in_any_order(ways: Ways) -> None:
    for _ in range(3):
        ways.call()
    await ways.called(3)
    for number in (2, 0, 1):
        ways.actors.replies[number](encode(number), None)
    await until(lambda: len(ways.answers) == 3)
    assert ways.answers == [(encode(number), None) for number in (2, 0, 1)]


async def test_when_a_process_is_gone_the_calls_it_had_not_begun_can_be_made_again(
    ways: Ways,
) -> None:
    """The second call ends the process, as it were, when it begins: the third never does."""

    def end() -> None:
        if len(ways.actors.replies) == 2:
            ways.other.close("killed")

    ways.actors.action = end
    for _ in range(3):
        ways.call()
    await until(lambda: len(ways.answers) == 3)
    assert [ways.lost(n).may_have_run for n in range(3)] == [True, True, False]
    assert [ways.lost(n).retryable for n in range(3)] == [False, False, True]
    assert ways.lost().slot == "0"
    assert "killed" in str(ways.lost())
    await turns()
    assert len(ways.actors.replies) == 2
    for on_reply in ways.actors.replies:
        on_reply(encode(None), None)  # too late, and harmless


async def test_who_fails_at_a_lost_answer_keeps_the_others_from_none(
    ways: Ways, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(value: Any, failure: bytes | None) -> None:
        raise ZeroDivisionError

    ways.here.deliver(ID, CallEvent("m", NO_ARGUMENTS), fail)
    ways.call()
    ways.one.close("gone")
    assert ways.lost().may_have_run
    assert "link.reply_failed" in caplog.messages


async def test_of_a_process_that_was_cut_off_nothing_is_known(ways: Ways) -> None:
    ways.call()
    ways.call()
    ways.one.close("we have had enough")
    assert [ways.lost(n).may_have_run for n in range(2)] == [True, True]
    await turns()
    assert len(ways.answers) == 2


async def test_a_call_after_the_end_fails_at_once_and_can_be_made_again(ways: Ways) -> None:
    ways.one.close("gone")
    ways.call()
    assert not ways.lost().may_have_run


async def test_a_process_that_takes_no_more_says_so(ways: Ways) -> None:
    ways.call()
    await ways.called()
    ways.there.stop_taking("draining")
    body = Request("http://x", method="POST", body=chunks(b"a"))
    ways.call()
    ways.call(FetchEvent(body))
    await until(lambda: len(ways.answers) == 2)
    assert [ways.lost(n).may_have_run for n in range(2)] == [False, False]
    assert "draining" in str(ways.lost())
    ways.actors.replies[0](encode(1), None)
    await until(lambda: len(ways.answers) == 3)
    assert ways.answers[2] == (encode(1), None)
    await turns()
    assert all(len(streams) == 0 for streams in ways.streams)


async def chunks(*given: bytes) -> AsyncIterator[bytes]:
    for chunk in given:
        yield chunk


async def test_arguments_too_large_for_the_link_are_the_callers_error() -> None:
    async with joined(message_size_bytes_max=1000) as links:
        ways = Ways(*links)
        ways.call(CallEvent("m", bytes(1000)))
        [(_, failure)] = ways.answers
        assert isinstance(decode_error(failure or b""), LimitExceeded)
        ways.call()
        await ways.called()


async def test_an_answer_too_large_for_the_link_is_an_error() -> None:
    async with joined(message_size_bytes_max=20_000) as links:
        ways = Ways(*links)
        ways.call()
        ways.call()
        await ways.called(2)
        ways.actors.replies[0](bytes(30_000), None)
        ways.actors.replies[1](None, encode_error(ValueError("x" * 30_000)))
        await until(lambda: len(ways.answers) == 2)
        for _, failure in ways.answers:
            assert isinstance(decode_error(failure or b""), LimitExceeded)


async def test_a_channel_that_fails_is_an_error_of_the_call(ways: Ways) -> None:
    def fail() -> None:
        raise KeyError("no such namespace")

    ways.actors.action = fail
    ways.call()
    await until(lambda: ways.answers)
    assert isinstance(decode_error(ways.answers[0][1] or b""), KeyError)


async def test_a_channel_that_sees_a_lie_ends_the_link(ways: Ways) -> None:
    def fail() -> None:
        raise LinkBroken("not an actor of ours")

    ends = Ends(ways.other)
    ways.actors.action = fail
    ways.call()
    await until(lambda: ends.all)
    assert str(ends.one) == "not an actor of ours"
    await until(lambda: ways.answers)
    assert ways.lost().may_have_run


async def test_a_process_that_does_not_read_gets_no_more_calls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "UNSENT_SIZE_BYTES_MAX", 100_000)
    peer, link = Peer(), a_link()
    calls = LinkCalls(link, Streams(link), Sockets())
    await peer.meet(link)
    answers: list[Given] = []
    event = CallEvent("m", bytes(900_000))
    calls.deliver(ID, event, lambda *answer: answers.append(answer))
    await turns()
    assert answers == []
    calls.deliver(ID, event, lambda *answer: answers.append(answer))
    [(_, failure)] = answers
    error = decode_error(failure or b"")
    assert isinstance(error, LinkOverloaded)
    assert error.overloaded
    await peer.hear(2)
    await turns()
    calls.deliver(ID, event, lambda *answer: answers.append(answer))
    assert len(answers) == 1
    link.close("done")
    peer.close()
    await turns()


async def test_an_answer_that_nobody_can_hear_any_more_is_let_go(ways: Ways) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"never read"

    ways.call(FetchEvent(Request("http://x")))
    await ways.called()
    ways.one.close("gone")
    await until(lambda: ways.other.ended)
    response = Response(body())
    ways.actors.replies[0](response, None)
    assert response.body_used


async def test_a_websocket_that_nobody_can_take_any_more_has_no_peer(ways: Ways) -> None:
    client, _ = WebSocketPair()
    ways.call(FetchEvent(Request("http://x")))
    await ways.called()
    ways.one.close("gone")
    await until(lambda: ways.other.ended)
    ways.actors.replies[0](Response(None, 101, web_socket=client), None)
    assert not client.can_be_handed_over


REQUEST: list[Any] = ["GET", "http://x/", [], None, "manual", None, False, True]
OK: list[Any] = [200, "", [], None, "", False, None, True]


def lifted(payload: bytes) -> bytes:
    """A value in which something stands in a form of its own."""
    return encode_lifting([len], "it", lambda part: payload if part is len else None)


@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        ([REPLY, 3, encode(1)], "call 3, which waits for none"),
        ([REPLY, 2, encode(1)], "call 2 cannot be answered so"),
        ([RESPONSE, 1, OK, None], "call 1 cannot be answered so"),
        ([REPLY, 1, b"no value"], "its value is none"),
        ([REPLY, 1, [lifted(b"e" + encode({})), []]], "its value is none"),
        ([REPLY, 1, [lifted(b"b" + encode([])), []]], "its value is none"),
        ([REPLY, 1, [lifted(b"w\0\0\0\0"), [[3, 1]]]], "its value is none"),
        ([REPLY, 1, [lifted(b"i\0\0\0\0"), []]], "its value is none"),
        ([FAILURE, 1, b"no failure"], "a failure that is none"),
        ([FAILURE, 1, encode({"module": 5})], "a failure that is none"),
        ([RESPONSE, 2, [*OK[:6], ["0", 2, 77], True], None], "there is no socket"),
        ([CALL, 1, "key", bytes(32), None, "m", b""], "nobody here takes CALL"),
        ([FETCH, 1, None, None, None, REQUEST], "nobody here takes FETCH"),
    ],
)
async def test_a_process_that_answers_with_lies_is_cut_off_and_its_calls_fail_once(
    lie: Frame, reason: str
) -> None:
    peer, link = Peer(), a_link()
    calls = LinkCalls(link, Streams(link), Sockets())
    await peer.meet(link)
    answers: dict[str, list[Given]] = {"call": [], "fetch": []}

    def on_reply(name: str, value: Any, failure: bytes | None) -> None:
        if name == "call" and failure is None:
            unpack(value, None)  # as a stub reads it: raises ValueCorrupt
        answers[name].append((value, failure))

    calls.deliver(ID, CallEvent("m", NO_ARGUMENTS), partial(on_reply, "call"))
    calls.deliver(ID, FetchEvent(Request("http://x")), partial(on_reply, "fetch"))
    peer.say(lie)
    await until(lambda: link.ended)
    assert reason in str(link.ended)
    assert [len(given) for given in answers.values()] == [1, 1]
    assert all(value is None for [(value, _)] in answers.values())
    peer.close()
    await turns()


@pytest.mark.parametrize(
    ("lies", "reason"),
    [
        ([[CALL, 1, "k", bytes(32), None, "m", b""]] * 2, "call 1 comes after call 1"),
        ([[FETCH, 1, "k", None, None, REQUEST]], "half of an actor"),
        ([[FETCH, 1, None, bytes(32), None, REQUEST]], "half of an actor"),
        ([[FETCH, 1, None, None, "name", REQUEST]], "half of an actor"),
        ([[FETCH, 1, None, None, None, REQUEST]], "nobody here takes such requests"),
        (
            [[FETCH, n, "k", bytes(32), None, [*REQUEST[:5], 1, False, True]] for n in (1, 2)],
            "stream 1 is announced after stream 1",
        ),
    ],
)
async def test_a_process_that_asks_with_lies_is_cut_off(lies: list[Frame], reason: str) -> None:
    peer, link = Peer(), a_link()
    LinkCalls(link, Streams(link), Sockets(), actors=Actors())
    await peer.meet(link)
    peer.say(*lies)
    await until(lambda: link.ended)
    assert reason in str(link.ended)
    peer.close()
    await turns()


class Slow(DurableObject):
    begun: list[str] = []

    async def wait(self) -> None:
        self.begun.append("wait")
        await asyncio.Event().wait()

    async def fetch(self, request: Request) -> Response:
        async def body() -> AsyncIterator[bytes]:
            yield b"one"
            await asyncio.Event().wait()

        return Response(body())


@pytest.fixture
async def split(tmp_path: Path) -> AsyncIterator[Surface]:
    async with surface(tmp_path, over_link=True) as found:
        yield found


async def test_a_stub_says_what_became_of_a_call_whose_worker_died(split: Surface) -> None:
    stub = split.stub(Slow)
    Slow.begun.clear()
    call = stub.wait()
    await until(lambda: Slow.begun)
    assert split.links is not None
    split.links[1].close("killed")
    with pytest.raises(WorkerLost, match="killed") as caught:
        await call
    assert caught.value.may_have_run
    with pytest.raises(WorkerLost) as again:  # the same error: what it built on is gone
        await stub.wait()
    assert again.value.may_have_run
    with pytest.raises(WorkerLost) as fresh:
        await split.stub(Slow).wait()
    assert fresh.value.retryable


async def test_a_response_is_cut_off_by_the_death_of_its_worker(split: Surface) -> None:
    response = await split.stub(Slow).fetch("http://x/")
    assert await response.body.read_chunk() == b"one"
    assert split.links is not None
    split.links[1].close("killed")
    with pytest.raises(ConnectionError, match="killed"):
        await response.body.read_chunk()


@pytest.mark.slow  # another process has to import us
async def test_a_killed_process_has_left_word_of_what_it_had_begun() -> None:
    """It dies in the second of four calls that it had been sent at once."""
    ours, theirs = socket.socketpair()
    command = [sys.executable, str(Path(__file__).with_name("callee.py")), str(theirs.fileno())]
    child = await asyncio.create_subprocess_exec(*command, pass_fds=[theirs.fileno()])
    theirs.close()
    link = Link(ANOTHER_WORKER, A_WORKER)
    calls = LinkCalls(link, Streams(link), Sockets())
    answers: list[Given] = []
    await open_link(link, ours)
    for method in ("echo", "die", "echo", "echo"):
        calls.deliver(ID, CallEvent(method, encode(7)), lambda *answer: answers.append(answer))
    assert await child.wait() == -signal.SIGKILL
    await until(lambda: len(answers) == 4)
    lost = [decode_error(failure) for _, failure in answers if failure is not None]
    assert [getattr(error, "may_have_run", None) for error in lost[-3:]] == [True, False, False]
    # The first was answered; but the answer dies with the process if it had not left yet.
    first = answers[0]
    assert first == (encode(7), None) or getattr(lost[0], "may_have_run", None)
    await turns()


async def test_a_process_that_is_gone_before_its_hello_is_told_by_its_slot() -> None:
    """It was stopped while it started: whoever called it has its successor do what it has not."""
    ours, theirs = socket.socketpair()
    link = Link(ANOTHER_WORKER, A_WORKER)
    calls = LinkCalls(link, Streams(link), Sockets())
    answers: list[Given] = []
    begun = Begun()
    descriptors = Descriptors()
    both = [begun.descriptor, descriptors.other_end]
    socket.send_fds(theirs, [opening._PREAMBLE], both)
    await open_link(link, ours)
    calls.deliver(ID, CallEvent("echo", encode(7)), lambda *answer: answers.append(answer))
    theirs.close()
    begun.close()
    descriptors.close()
    await until(lambda: len(answers) == 1)
    ((_, failure),) = answers
    assert failure is not None
    lost = decode_error(failure)
    assert isinstance(lost, WorkerLost)
    assert (lost.slot, lost.may_have_run, lost.retryable) == (A_WORKER.slot, False, True)
