"""Clients whose actor's process has gone, and how they come to its successor."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from perdure.actors.http import Request, Response
from perdure.runtime.shards.link.errors import WorkerLost
from perdure.runtime.shards.link.kinds import FACTS, MESSAGE, RESUME, SAID_CLOSE, TAKE
from perdure.runtime.shards.link.messages import SocketRef
from perdure.runtime.shards.placement import Placement
from perdure.runtime.shards.sockets.facts import FactsTeller
from perdure.runtime.shards.sockets.held_sockets import HeldLimits, HeldSocket
from perdure.runtime.shards.sockets.orphans import ANOTHER_ANSWER, ENDED, Orphans
from perdure.runtime.shards.sockets.passing import BorrowedSockets
from perdure.runtime.shards.sockets.states import HeldState
from tests.runtime.shards.link.ends import until
from tests.runtime.shards.sockets.test_held_sockets import Client

ACTOR = bytes(31) + b"\x07"
KEPT = ["app-Room", ACTOR, "name", "session", ["tag"], b"attached"]
PLACEMENT = Placement.of_count(2)
SLOT = PLACEMENT.slot_of("app-Room", ACTOR)
OTHER = "1" if SLOT == "0" else "0"


class Home:
    """A ``HeldSockets`` whose link leads to the test."""

    ended: object = None
    is_writing_paused = False

    def __init__(self) -> None:
        self.frames: list[Any] = []
        self.held: list[HeldSocket] = []
        self.link = self
        self.facts = FactsTeller(self)  # type: ignore[arg-type]  # as far as asked
        self.on_end: list[Callable[[Any], None]] = []

    def send(self, frame: Any) -> None:
        self.frames.append(frame)

    def add(self, held: HeldSocket) -> None:
        self.held.append(held)

    def discard(self, held: HeldSocket) -> None:
        self.held.remove(held)

    def when_ended(self, callback: Callable[[Any], None]) -> None:
        self.on_end.append(callback)

    def end(self) -> None:
        self.ended = "it is gone"
        for callback in self.on_end:
            callback(None)
        for held in list(self.held):
            held.orphan()


class Entrypoints:
    """Answers as the test says."""

    def __init__(self) -> None:
        self.asked: list[tuple[Request, Callable[..., None]]] = []

    def ask(self, request: Request, on_response: Callable[..., None]) -> None:
        self.asked.append((request, on_response))


class Router:
    """A router with one client, whose actor is in the first process of ``SLOT``."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.entrypoints = Entrypoints()
        self.orphans = Orphans(PLACEMENT, self.entrypoints, loop)
        self.borrowed = BorrowedSockets(loop, HeldLimits(), self.orphans)
        self.home = self.joins(SLOT, 1)
        self.client = Client()
        self.held = self.upgrade(SocketRef(SLOT, 1, 5), self.client)

    def joins(self, slot: str, generation: int) -> Home:
        home = Home()
        self.borrowed.add_worker(slot, generation, home)  # type: ignore[arg-type]  # as far as asked
        self.orphans.joined(slot, generation, home)  # type: ignore[arg-type]  # likewise
        return home

    def upgrade(self, ref: SocketRef, client: Client) -> HeldSocket:
        socket: Any = self.borrowed.borrow(ref)
        socket.request = Request("http://x/room", headers={"Upgrade": "websocket", "A": "b"})
        socket.protocol = "chat"
        socket.hand_over(client)
        held = client.receiver
        assert isinstance(held, HeldSocket)
        return held

    def answer(self, ref: SocketRef, *, protocol: str = "chat") -> Response:
        fields = {"Sec-WebSocket-Protocol": protocol}
        return Response(None, 101, headers=fields, web_socket=self.borrowed.borrow(ref))

    def close(self) -> None:
        if self.held.state is not HeldState.OVER:
            self.held.sever(1000, "the test is over")


@pytest.fixture
async def router() -> AsyncIterator[Router]:
    router = Router()
    yield router
    router.close()


def severed(router: Router) -> list[object]:
    return [said for said in router.client.said if isinstance(said, tuple)]


async def test_one_that_hibernates_is_made_again_before_it_hears_anything(router: Router) -> None:
    router.held.kept = KEPT
    router.held.set_auto_response(("ping", "pong"))
    router.held.receive("a")
    router.home.end()
    router.held.receive("b")
    router.joins(OTHER, 2)
    assert router.held.state is HeldState.ORPHANED, "another's process is of no use"
    home = router.joins(SLOT, 3)
    session = router.held.session
    assert home.frames == [
        [RESUME, session, *KEPT, ["ping", "pong"], []],
        [MESSAGE, session, 1, "a", True],
        [MESSAGE, session, 2, "b", False],
    ]
    assert router.entrypoints.asked == []


async def test_a_successor_may_be_there_before_it_is_noticed_that_the_old_one_has_gone(
    router: Router,
) -> None:
    router.held.kept = KEPT
    successor = router.joins(SLOT, 2)
    assert successor.frames == []
    router.home.end()
    assert router.held.state is HeldState.ATTACHED
    assert [frame[0] for frame in successor.frames][:1] == [RESUME]
    assert successor.held == [router.held]


async def test_all_are_made_again_before_any_of_them_hears(router: Router) -> None:
    second = router.upgrade(SocketRef(SLOT, 1, 6), Client())
    for held in (router.held, second):
        held.kept = KEPT
        held.receive("x")
    router.home.end()
    home = router.joins(SLOT, 2)
    assert [frame[0] for frame in home.frames] == [RESUME, RESUME, MESSAGE, MESSAGE]
    second.sever(1000, "")


async def test_how_all_connections_are_is_told_before_any_of_them_is_heard(router: Router) -> None:
    other = Client()
    held = router.upgrade(SocketRef(SLOT, 1, 6), other)
    router.held.kept, held.kept = KEPT, KEPT
    router.held.receive("a")
    router.home.end()
    router.client.auto_response_time_ms, other.auto_response_time_ms = 12, 34
    home = router.joins(SLOT, 2)
    told = [
        [held.session, 0, 0, None, time_ms] for held, time_ms in ((router.held, 12), (held, 34))
    ]
    assert [frame[0] for frame in home.frames] == [RESUME, RESUME, FACTS, MESSAGE]
    assert [list(facts) for facts in home.frames[2][2]] == told
    held.sever(1000, "the test is over")


async def test_any_other_is_asked_for_again_as_its_client_did(router: Router) -> None:
    router.held.receive("a")
    router.home.end()
    [(request, answer)] = router.entrypoints.asked
    assert (request.url, request.resumed) == ("http://x/room", True)
    assert request.headers.get("A") == "b"
    home = router.joins(SLOT, 2)
    answer(router.answer(SocketRef(SLOT, 2, 9)), None)
    session = router.held.session
    assert home.frames == [[TAKE, 9, session], [MESSAGE, session, 1, "a", True]]
    assert severed(router) == []


@pytest.mark.parametrize("way", ["error", "other status", "other protocol"])
async def test_another_answer_ends_the_connection(router: Router, way: str) -> None:
    router.home.end()
    [(_, answer)] = router.entrypoints.asked
    home = router.joins(SLOT, 2)
    if way == "error":
        answer(None, ValueError("of the program"))
    elif way == "other status":
        answer(Response("no", 403), None)
    else:
        answer(router.answer(SocketRef(SLOT, 2, 9), protocol="other"), None)
        assert [frame[0] for frame in home.frames] == [25], "DROP"
    assert severed(router) == [("severed", 1012, ANOTHER_ANSWER)]


async def test_a_worker_that_dies_over_the_question_is_followed_by_another(router: Router) -> None:
    router.home.end()
    for _ in range(3):
        router.entrypoints.asked.pop()[1](None, WorkerLost(SLOT, "killed", may_have_run=True))
    assert len(router.entrypoints.asked) == 1
    assert severed(router) == []


async def test_an_answer_may_come_before_the_link_to_its_process(router: Router) -> None:
    router.home.end()
    [(_, answer)] = router.entrypoints.asked
    answer(router.answer(SocketRef(SLOT, 2, 9)), None)
    assert router.held.state is HeldState.ORPHANED
    home = router.joins(SLOT, 2)
    assert home.frames == [[TAKE, 9, router.held.session]]


async def test_an_answer_of_a_process_that_has_gone_is_asked_for_again(
    router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure.runtime.shards.sockets.orphans.AGAIN_S", 0)
    router.home.end()
    answer = router.entrypoints.asked.pop()[1]
    router.joins(SLOT, 2).end()
    answer(router.answer(SocketRef(SLOT, 2, 9)), None)
    await until(lambda: router.entrypoints.asked)
    assert severed(router) == []


async def test_the_first_answer_may_come_early_as_well(router: Router) -> None:
    client = Client()
    held = router.upgrade(SocketRef(SLOT, 2, 9), client)
    held.receive("at once")
    assert (held.state, client.is_read) == (HeldState.ORPHANED, False)
    home = router.joins(SLOT, 2)
    assert home.frames == [[TAKE, 9, held.session], [MESSAGE, held.session, 1, "at once", False]]
    assert not client.is_read, "its actor may want an automatic answer"
    held.taken()
    assert client.is_read
    held.sever(1000, "")


async def test_a_class_may_want_its_connections_closed(router: Router) -> None:
    router.held.on_restart = "close"
    router.home.end()
    assert severed(router) == [("severed", 1012, ENDED)]


@pytest.mark.parametrize("is_acknowledged", [True, False])
async def test_a_class_may_want_to_hear_the_first_message_again(
    router: Router, is_acknowledged: bool
) -> None:
    router.held.on_restart = "replay_first"
    router.held.receive("hello")
    router.held.receive("more")
    if is_acknowledged:
        router.held.acknowledge(1)
    router.home.end()
    home = router.joins(SLOT, 2)
    router.entrypoints.asked[0][1](router.answer(SocketRef(SLOT, 2, 9)), None)
    messages = [frame[2:] for frame in home.frames if frame[0] == MESSAGE]
    first = [0, "hello", True] if is_acknowledged else [1, "hello", True]
    assert messages == [first, [2, "more", True]]
    router.held.acknowledge(0)
    assert len(router.held.unacknowledged) == 2 - is_acknowledged


async def test_a_client_that_says_goodbye_meanwhile_is_not_asked_for(router: Router) -> None:
    router.held.receive_close(1000, "")
    router.home.end()
    assert router.entrypoints.asked == []
    assert severed(router) == [("severed", 1012, ENDED)]


async def test_one_that_hibernates_hears_that_its_client_has_said_goodbye(router: Router) -> None:
    router.held.kept = KEPT
    router.home.end()
    router.held.receive_close(4000, "bye")
    home = router.joins(SLOT, 2)
    assert home.frames[-1] == [SAID_CLOSE, router.held.session, 4000, "bye"]


async def test_one_that_is_over_waits_for_nobody(router: Router) -> None:
    router.held.kept = KEPT
    router.home.end()
    router.held.sever(1000, "")
    assert router.joins(SLOT, 2).frames == []
    answered = Router()
    answered.home.end()
    answered.held.sever(1000, "")
    home = answered.joins(SLOT, 2)
    answered.entrypoints.asked[0][1](answered.answer(SocketRef(SLOT, 2, 9)), None)
    assert [frame[0] for frame in home.frames] == [25], "DROP"


async def test_other_workers_than_before_get_the_sockets_of_their_actors(router: Router) -> None:
    router.held.kept = KEPT
    router.home.end()
    early = Client()
    waits = router.upgrade(SocketRef(SLOT, 2, 9), early)
    router.orphans.place(Placement.of_count(7))
    assert SLOT == "1"
    router.orphans.place(Placement.of_count(1))
    home = router.joins("0", 4)
    assert [frame[:3] for frame in home.frames] == [[RESUME, router.held.session, "app-Room"]]
    assert router.held.state is HeldState.ATTACHED
    await until(lambda: router.entrypoints.asked)  # for the one whose process never came
    assert waits.state is HeldState.ORPHANED
    waits.sever(1000, "")
