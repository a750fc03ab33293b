"""The one map of an actor's WebSocket sessions."""

from collections.abc import Callable, Sequence
from functools import partial

import pytest

from perdure.actors.hibernated_socket import HibernatedSocket
from perdure.actors.link import Sent
from perdure.actors.session import CloseFrame, Heard
from perdure.actors.sessions import Sessions
from tests.world import FakeLink


class FakeSocket:
    def __init__(self, name: str, *tags: str) -> None:
        self.id = name
        self.tags = tags
        self.heard: list[Heard] = []
        self.unsent: list[Sent | CloseFrame] = []
        self.writes: list[Sequence[Sent | CloseFrame]] = []
        self.severed: list[CloseFrame] = []
        self.dismissed: list[CloseFrame] = []

    is_classes = True
    can_hibernate = True
    auto_response: tuple[str, str] | None = None

    def set_auto_response(self, pair: tuple[str, str] | None) -> None:
        self.auto_response = pair

    def hibernate(self, wake: Callable[[HibernatedSocket], None]) -> HibernatedSocket:
        return HibernatedSocket(self.id, self.tags, None, FakeLink(), wake, is_closing=False)

    def hear_early(self, kept: HibernatedSocket) -> None:
        self.heard = list(kept.early)

    def transmit(self, frames: Sequence[Sent | CloseFrame]) -> None:
        self.writes.append(frames)

    def dismiss(self, code: int, reason: str) -> bool:
        self.dismissed.append(CloseFrame(code, reason))
        return len(self.dismissed) == 1

    def sever(self, code: int, reason: str) -> None:
        self.severed.append(CloseFrame(code, reason))
        self.unsent.clear()


def sessions_of(*sockets: FakeSocket) -> Sessions[FakeSocket]:
    sessions: Sessions[FakeSocket] = Sessions()
    for socket in sockets:
        sessions.add(socket)
    return sessions


def at_once(action: Callable[..., None], *arguments: object) -> None:
    action(*arguments)


def test_it_counts_lists_and_addresses() -> None:
    one, other = FakeSocket("one"), FakeSocket("other")
    sessions = sessions_of(one, other)
    assert len(sessions) == 2
    assert list(sessions.values()) == [one, other], "oldest first"
    assert sessions["other"] is other
    assert "one" in sessions
    assert sessions.get("nobody") is None
    with pytest.raises(KeyError):
        sessions["nobody"]


def test_who_has_left_is_not_in_it() -> None:
    one, other = FakeSocket("one", "red", "blue"), FakeSocket("other", "red")
    sessions = sessions_of(one, other)
    sessions.remove(one)
    sessions.remove(one)  # it has left already
    assert dict(sessions) == {"other": other}
    assert sessions.with_tag("red") == [other]
    sessions.remove(other)
    assert sessions.with_tag("red") == sessions.with_any(["red", "blue"]) == []


def test_users_cannot_put_anything_into_it() -> None:
    with pytest.raises(TypeError):
        sessions_of()["x"] = FakeSocket("x")  # type: ignore[index]  # that is what is tested


def test_sockets_are_found_by_their_tags() -> None:
    red, both, none = FakeSocket("1", "red"), FakeSocket("2", "red", "blue"), FakeSocket("3")
    sessions = sessions_of(red, both, none)
    assert sessions.with_tag("red") == [red, both]
    assert sessions.with_tag("blue") == [both]
    assert sessions.with_tag("re") == []


def test_what_a_turn_sent_is_one_write_for_each_socket() -> None:
    one, other = FakeSocket("one"), FakeSocket("other")
    sessions = sessions_of(one, other)
    one.unsent, other.unsent = ["a", b"b"], ["c"]
    sessions.unsent = [one, other]
    sessions.flush(at_once)
    assert (one.writes, other.writes) == ([["a", b"b"]], [["c"]])
    sessions.flush(at_once)
    assert (one.writes, other.writes) == ([["a", b"b"]], [["c"]]), "once"
    assert one.unsent == []


def test_a_write_that_is_held_back_is_what_was_sent_until_then() -> None:
    one = FakeSocket("one")
    sessions = sessions_of(one)
    held: list[Callable[[], None]] = []

    def hold(action: Callable[..., None], *arguments: object) -> None:
        held.append(partial(action, *arguments))

    one.unsent, sessions.unsent = ["first"], [one]
    sessions.flush(hold)
    one.unsent, sessions.unsent = ["second"], [one]
    sessions.flush(hold)
    assert one.writes == []
    for write in held:
        write()
    assert one.writes == [["first"], ["second"]]


def test_a_socket_severed_after_it_had_sent_writes_nothing_more() -> None:
    one = FakeSocket("one")
    sessions = sessions_of(one)
    one.unsent, sessions.unsent = ["a"], [one]
    one.sever(1011, "")
    sessions.flush(at_once)
    assert one.writes == []


def test_severing_ends_every_session_and_drops_what_was_not_sent() -> None:
    one, other = FakeSocket("one"), FakeSocket("other")
    sessions = sessions_of(one, other)
    one.unsent, sessions.unsent = ["a"], [one]
    sessions.sever("going away", 1001)
    assert one.severed == other.severed == [CloseFrame(1001, "going away")]
    assert len(sessions) == 0
    sessions.flush(at_once)
    assert one.writes == []


def test_a_session_is_severed_with_1011_unless_said_otherwise() -> None:
    one = FakeSocket("one")
    sessions_of(one).sever("broken")
    assert one.severed == [CloseFrame(1011, "broken")]


# Hibernation.


def test_with_something_to_send_or_a_socket_that_cannot_it_does_not_sleep() -> None:
    one, other = FakeSocket("one"), FakeSocket("other")
    sessions = sessions_of(one, other)
    assert sessions.can_hibernate
    sessions.unsent = [one]
    assert not sessions.can_hibernate
    sessions.unsent = []
    other.can_hibernate = False
    assert not sessions.can_hibernate
    sessions.remove(other)
    sessions.hibernate(lambda _: None)
    assert sessions.can_hibernate, "all of it sleeps already"


def test_who_was_asked_for_or_has_left_is_not_woken() -> None:
    sessions = sessions_of(FakeSocket("one"), FakeSocket("other"))
    sessions.hibernate(lambda _: None)
    revived: list[FakeSocket] = []

    def revive(kept: HibernatedSocket) -> FakeSocket:
        revived.append(FakeSocket(kept.id, *kept.tags))
        return revived[-1]

    sessions.revive = revive
    one = sessions["one"]
    assert sessions["one"] is one
    for session_id in ("one", "nobody"):
        sessions.wake_if_asleep(session_id)
    assert revived == [one]
    sessions.wake_if_asleep("other")
    assert revived == list(sessions.values())


def test_clients_are_sent_away_once_all_or_those_with_a_tag() -> None:
    one, other = FakeSocket("one", "red"), FakeSocket("other", "blue")
    sessions = sessions_of(one, other)
    woken: list[HibernatedSocket] = []
    asleep = HibernatedSocket("asleep", ("red",), None, FakeLink(), woken.append, is_closing=False)
    sessions.add(asleep)
    frame = CloseFrame(4000, "enough")
    assert sessions.dismiss(4000, "enough", "red") == 2
    assert (one.dismissed, other.dismissed) == ([frame], [])
    assert (asleep.early, woken) == ([frame], [asleep])
    assert sessions.dismiss(4000, "enough", None) == 1, "those that were do not count again"
    assert len(sessions) == 3, "they end when their actor has heard of it"
