"""The workers as another process reaches them: there, away, or gone in the middle of something."""

import asyncio
from collections.abc import Callable, Iterator
from contextvars import ContextVar, copy_context
from typing import Any

import pytest

from perdure.actors.errors import ActorError
from perdure.actors.events import CallEvent
from perdure.actors.http import Request, Response
from perdure.actors.ids import DurableObjectId
from perdure.actors.rpc import decode_error
from perdure.actors.watch import watch
from perdure.runtime.shards.link.errors import (
    ClassGone,
    LinkBroken,
    LinkEnded,
    LinkOverloaded,
    WorkerLost,
)
from perdure.runtime.shards.peers import Entrypoints, OwnActors, Peers, ShardChannel
from perdure.runtime.shards.placement import Placement
from perdure.runtime.shards.unread import UnreadBody
from tests.runtime.shards.link.ends import until

KEY = "app-Room"
EVENT = CallEvent("add", b"")


class Calls:
    """A ``LinkCalls`` whose other end is the test."""

    def __init__(self) -> None:
        self.delivered: list[DurableObjectId] = []
        self.requests: list[tuple[Request, Callable[..., None]]] = []

    def deliver(self, actor_id: DurableObjectId, event: object, on_reply: object) -> None:
        self.delivered.append(actor_id)

    def fetch(self, request: Request, on_response: Callable[..., None]) -> None:
        self.requests.append((request, on_response))


class Link:
    """A link, as far as its end is concerned."""

    ended: LinkEnded | None = None

    def end(self) -> None:
        self.ended = LinkEnded("killed", is_peer_gone=True)


@pytest.fixture
async def peers() -> Any:
    peers = Peers(Placement.of_count(2), asyncio.get_running_loop())
    yield peers
    peers.close()


def join(peers: Peers, slot: str) -> tuple[Calls, Link]:
    calls, link = Calls(), Link()
    peers[slot].joined(link, calls)  # type: ignore[arg-type]  # as far as they are asked
    return calls, link


def ids_of(peers: Peers, slot: str) -> Iterator[DurableObjectId]:
    """Ids of actors that are the slot's."""
    for number in range(1000):
        actor_id = DurableObjectId(KEY, number.to_bytes(32, "big"), None)
        if peers.placement.slot_of(KEY, actor_id.raw) == slot:
            yield actor_id


async def test_events_go_to_the_worker_whose_actor_it_is(peers: Peers) -> None:
    here, (away, _) = Calls(), join(peers, "1")
    channel = ShardChannel("0", KEY, here, peers)
    own, other = next(ids_of(peers, "0")), next(ids_of(peers, "1"))
    for actor_id in (own, other, own):
        channel.deliver(actor_id, EVENT, lambda *_: None)
    assert (here.delivered, away.delivered) == ([own, own], [other])


async def test_events_for_a_worker_that_is_away_wait_in_order(peers: Peers) -> None:
    channel = ShardChannel("0", KEY, Calls(), peers)
    ids = [actor_id for actor_id, _ in zip(ids_of(peers, "1"), range(3), strict=False)]
    first, link = join(peers, "1")
    channel.deliver(ids[0], EVENT, lambda *_: None)
    link.end()
    channel.deliver(ids[1], EVENT, lambda *_: None)
    channel.deliver(ids[2], EVENT, lambda *_: None)
    assert peers.waiting_count() == 2
    second, _ = join(peers, "1")
    assert peers.waiting_count() == 0
    channel.deliver(ids[0], EVENT, lambda *_: None)
    assert first.delivered == [ids[0]]
    assert second.delivered == [ids[1], ids[2], ids[0]]


async def test_what_waited_is_sent_as_its_caller_would(
    peers: Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = ContextVar("caller", default="nobody")
    sent_by: list[str] = []
    monkeypatch.setattr(watch, "tracer", object())
    monkeypatch.setattr(Calls, "deliver", lambda *_: sent_by.append(caller.get()))
    channel = ShardChannel("0", KEY, Calls(), peers)
    context = copy_context()
    context.run(caller.set, "an actor")
    context.run(channel.deliver, next(ids_of(peers, "1")), EVENT, lambda *_: None)
    join(peers, "1")
    assert (sent_by, caller.get()) == (["an actor"], "nobody")


async def test_nobody_waits_for_ever(peers: Peers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.runtime.shards.peers.WAIT_S", 0.001)
    failures: list[Any] = []
    channel = ShardChannel("0", KEY, Calls(), peers)
    for actor_id, _ in zip(ids_of(peers, "1"), range(2), strict=False):
        channel.deliver(actor_id, EVENT, lambda _, failure: failures.append(failure))
    await until(lambda: len(failures) == 2)
    for failure in failures:
        lost = decode_error(failure)
        assert isinstance(lost, WorkerLost)
        assert (lost.slot, lost.retryable) == ("1", True)


async def test_not_too_many_wait(peers: Peers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.runtime.shards.peers.WAITING_MAX", 1)
    failures: list[Any] = []
    channel = ShardChannel("0", KEY, Calls(), peers)
    for actor_id, _ in zip(ids_of(peers, "1"), range(2), strict=False):
        channel.deliver(actor_id, EVENT, lambda _, failure: failures.append(failure))
    assert [type(decode_error(failure)) for failure in failures] == [LinkOverloaded]


async def test_who_calls_an_actor_that_is_not_here_is_cut_off(peers: Peers) -> None:
    registry = Calls()
    actors = OwnActors("0", peers, {KEY: registry}, is_older=True)
    own, other = next(ids_of(peers, "0")), next(ids_of(peers, "1"))
    actors.deliver(own, EVENT, lambda *_: None)
    assert registry.delivered == [own]
    with pytest.raises(LinkBroken, match="which is worker 1's"):
        actors.deliver(other, EVENT, lambda *_: None)


@pytest.mark.parametrize(("is_older", "error"), [(True, WorkerLost), (False, ClassGone)])
async def test_a_class_may_be_of_newer_code_or_of_older_code(
    peers: Peers, is_older: bool, error: type[ActorError]
) -> None:
    actors = OwnActors("0", peers, {}, is_older=is_older)
    failures: list[Any] = []
    own = next(ids_of(peers, "0"))
    actors.deliver(own, EVENT, lambda _, failure: failures.append(decode_error(failure or b"")))
    [failure] = failures
    assert type(failure) is error
    assert failure.retryable is is_older, "the successor of an older one has it"


async def test_events_of_workers_that_there_are_no_more_go_to_others(peers: Peers) -> None:
    entrypoints = Entrypoints(peers)
    asked = [Asked() for _ in range(4)]
    for one in asked:
        entrypoints.fetch(Request("http://x/"), one)
    assert "1" in peers
    peers.place(Placement.of_count(1))
    assert "1" not in peers
    calls, _ = join(peers, "0")
    assert len(calls.requests) == 4
    assert [one.answers for one in asked] == [[]] * 4
    peers.place(Placement.of_count(3))
    join(peers, "2")
    join(peers, "1")
    assert {peers.next_slot() for _ in range(3)} == {"0", "1", "2"}


class Asked:
    """What became of a request."""

    def __init__(self) -> None:
        self.answers: list[tuple[Response | None, BaseException | None]] = []

    def __call__(self, response: Response | None, error: BaseException | None) -> None:
        self.answers.append((response, error))

    @property
    def response(self) -> Response:
        [(response, error)] = self.answers
        assert response is not None, error
        return response


async def test_requests_take_turns_among_workers_that_are_there(peers: Peers) -> None:
    (one, link), (other, _) = join(peers, "0"), join(peers, "1")
    entrypoints = Entrypoints(peers)
    for _ in range(4):
        entrypoints.fetch(Request("http://x/"), Asked())
    assert (len(one.requests), len(other.requests)) == (2, 2)
    link.end()
    for _ in range(4):
        entrypoints.fetch(Request("http://x/"), Asked())
    assert (len(one.requests), len(other.requests)) == (2, 6)


async def test_a_request_that_had_not_begun_goes_to_another_worker(peers: Peers) -> None:
    (one, _), (other, _) = join(peers, "1"), join(peers, "0")
    asked = Asked()
    Entrypoints(peers).fetch(Request("http://x/", method="POST", body=b"body"), asked)
    [(request, answer)] = one.requests
    assert request.content == b"body"
    answer(None, WorkerLost("1", "killed", may_have_run=False))
    [(request, answer)] = other.requests
    assert (request.method, await request.bytes()) == ("POST", b"body")
    answer(Response("done"), None)
    assert await asked.response.text() == "done"


async def test_a_request_goes_where_the_actor_is_that_has_answered_such_a_one(
    peers: Peers,
) -> None:
    (one, _), (other, _) = join(peers, "1"), join(peers, "0")
    entrypoints = Entrypoints(peers)
    for served_by in ("0", "0", "1", "1"):
        entrypoints.fetch(Request("http://x/room"), Asked())
        asked = one if one.requests else other
        [(_, answer)] = asked.requests
        asked.requests.clear()
        response = Response("done")
        response.served_by = served_by
        answer(response, None)
        entrypoints.fetch(Request("http://x/room"), Asked())
        assert (len(one.requests), len(other.requests)) == (served_by == "1", served_by == "0")
        one.requests.clear()
        other.requests.clear()
    entrypoints.fetch(Request("http://x/room"), Asked())
    assert len(one.requests) == 1
    one.requests[0][1](None, WorkerLost("1", "killed", may_have_run=False))
    assert len(other.requests) == 1, "advice is not followed to where nobody is"


async def test_nobody_knows_how_far_a_request_came_that_had_begun(peers: Peers) -> None:
    calls, _ = join(peers, "1")
    asked = Asked()
    Entrypoints(peers).fetch(Request("http://x/"), asked)
    calls.requests[0][1](None, WorkerLost("1", "killed", may_have_run=True))
    assert asked.response.status == 503
    assert asked.response.headers.get("Retry-After") == "1"
    text = await asked.response.text()
    assert "whether it has done what was asked for is not known" in text
    assert len(calls.requests) == 1


@pytest.mark.parametrize("is_read", [False, True])
async def test_a_body_is_sent_again_if_nobody_has_read_any_of_it(
    peers: Peers, is_read: bool
) -> None:
    async def chunks() -> Any:
        yield b"x"

    (one, _), (other, _) = join(peers, "1"), join(peers, "0")
    asked = Asked()
    request = Request("http://x/", method="POST", body=chunks())
    Entrypoints(peers).fetch(request, asked)
    [(request, answer)] = one.requests
    body = request.take_content()
    assert isinstance(body, UnreadBody)
    if is_read:
        assert await body.read_chunk() == b"x"
    answer(None, WorkerLost("1", "killed", may_have_run=False))
    body.cancel()
    if not is_read:
        [(request, answer)] = other.requests
        assert await request.bytes() == b"x"
        answer(Response("done"), None)
        assert await asked.response.text() == "done"
        return
    assert asked.response.status == 503
    assert "Nothing of it was done" in await asked.response.text()


async def test_a_request_waits_for_a_worker_but_not_for_ever(
    peers: Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure.runtime.shards.peers.WAIT_S", 0.001)
    asked = Asked()
    Entrypoints(peers).fetch(Request("http://x/"), asked)
    assert asked.answers == []
    await until(lambda: asked.answers)
    assert asked.response.status == 503


async def test_errors_of_the_program_are_handed_on(peers: Peers) -> None:
    calls, _ = join(peers, "1")
    asked = Asked()
    Entrypoints(peers).fetch(Request("http://x/"), asked)
    error = ValueError("of the program")
    calls.requests[0][1](None, error)
    assert asked.answers == [(None, error)]
