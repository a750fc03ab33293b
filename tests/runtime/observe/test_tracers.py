"""One who follows is asked directly, several one by one."""

import contextvars
from collections.abc import Mapping

import pytest

from perdure.actors.http import Request
from perdure.actors.ids import DurableObjectId
from perdure.actors.watch import EventTrace, Traced, TracedTurn, watch
from perdure.runtime.observe.tracers import Tracers


class Turn:
    handler = "fetch"


class Nobody:
    actor_id: DurableObjectId | None = None

    def describe(self) -> dict[str, str]:
        return {}


class Follower:
    """Follows all events, or none."""

    def __init__(self, name: str = "one", *, follows: bool = True) -> None:
        self.name = name
        self.follows = follows
        self.heard: list[str] = []

    def event(self, owner: Traced, turn: TracedTurn, request: Request | None) -> EventTrace | None:
        self.heard.append(turn.handler)
        return self if self.follows else None

    def outgoing(self) -> dict[str, str]:
        return {self.name: "outgoing"}

    def begin(self, context: contextvars.Context) -> None:
        self.heard.append("begin")

    def end(self, error: BaseException | None, answer: object) -> None:
        self.heard.append("end")

    def hold(self) -> None:
        self.heard.append("hold")

    def left(self, commit_s: float) -> None:
        self.heard.append("left")


class Joining(Follower):
    """Whose traces go on in other processes."""

    def carried(self) -> dict[str, str]:
        return {self.name: "carried"}

    def join(self, context: contextvars.Context, fields: Mapping[str, str]) -> None:
        self.heard.append(fields[self.name])


@pytest.fixture
def tracers() -> Tracers:
    return Tracers()


def test_those_whose_traces_go_on_elsewhere_say_so(tracers: Tracers) -> None:
    plain, one, two = Follower("plain"), Joining("one"), Joining("two")
    for follower in (plain, one, two):
        tracers.add(follower)
    assert tracers.carried() == {"one": "carried", "two": "carried"}
    done: list[bool] = []
    tracers.within({"one": "1", "two": "2"}, lambda: done.append(True))
    assert (plain.heard, one.heard, two.heard, done) == ([], ["1"], ["2"], [True])
    for follower in (plain, one, two):
        tracers.remove(follower)


def test_one_is_asked_directly_and_none_not_at_all(tracers: Tracers) -> None:
    one, two = Follower(), Follower()
    tracers.add(one)
    tracers.add(one)
    assert watch.tracer is one
    tracers.add(two)
    assert isinstance(watch.tracer, Tracers)
    tracers.remove(one)
    assert watch.tracer is two
    tracers.remove(two)
    tracers.remove(two)
    assert watch.tracer is None


def test_several_hear_the_same_unless_they_do_not_follow(tracers: Tracers) -> None:
    one, two, idle = Follower(), Follower("two"), Follower("idle", follows=False)
    for follower in (one, two, idle):
        tracers.add(follower)
    trace = tracers.event(Nobody(), Turn(), None)
    assert trace is not None
    trace.begin(contextvars.Context())
    trace.end(None, None)
    trace.hold()
    trace.left(0.0)
    assert set(tracers.outgoing()) == {"one", "two", "idle"}
    assert one.heard == two.heard == ["fetch", "begin", "end", "hold", "left"]
    assert idle.heard == ["fetch"]
    for follower in (one, two, idle):
        tracers.remove(follower)


def test_when_nobody_follows_an_event_there_is_nothing_to_tell(tracers: Tracers) -> None:
    followers = Follower(follows=False), Follower(follows=False)
    for follower in followers:
        tracers.add(follower)
    assert tracers.event(Nobody(), Turn(), None) is None
    for follower in followers:
        tracers.remove(follower)
