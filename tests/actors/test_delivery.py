"""What users may send, and say of messages that wait for a slow client."""

from typing import Any

import pytest

from perdure.actors.delivery import POLICIES, check_delivery, sendable
from perdure.actors.socket_pair import WebSocketPair
from perdure.actors.websocket import WebSocket
from perdure.runtime.sockets.delivery import QUEUES, RELAY
from perdure.storage.errors import UsageError
from tests.world import FakeLink, Lab, World


def test_what_users_may_choose_is_what_connections_know() -> None:
    assert {*POLICIES, RELAY} == set(QUEUES)
    assert POLICIES[0] == "close", "the default"


@pytest.mark.parametrize("policy", POLICIES)
def test_each_policy_may_be_said_with_and_without_a_size(policy: str) -> None:
    assert check_delivery(policy, None) == (policy, None)
    assert check_delivery(policy, 1) == (policy, 1)


def test_a_size_alone_is_one_for_the_default_and_nothing_at_all_says_nothing() -> None:
    assert check_delivery(None, 65_536) == ("close", 65_536)
    assert check_delivery(None, None) is None


@pytest.mark.parametrize("policy", ["relay", "newest", "", "CLOSE", 7])
def test_another_policy_is_refused_with_the_choices(policy: Any) -> None:
    with pytest.raises(UsageError) as refused:
        check_delivery(policy, None)
    assert f"there is no delivery {policy!r}" in str(refused.value)
    assert all(f'"{choice}"' in str(refused.value) for choice in POLICIES)


@pytest.mark.parametrize("size", [0, -1, 1.5, True, "64k"])
def test_a_size_that_is_no_number_of_bytes_is_refused(size: Any) -> None:
    with pytest.raises(UsageError, match="queue_bytes_max is a whole number of bytes"):
        check_delivery("close", size)


def test_what_can_be_sent() -> None:
    assert sendable("text", None) == "text"
    assert sendable(b"bytes", None) == b"bytes"
    changing = bytearray(b"as it is now")
    copy = sendable(changing, None)
    changing[:] = b"later"
    assert copy == b"as it is now"
    assert sendable(memoryview(b"view"), "a key") == ("a key", b"view")


def test_what_cannot_be_sent() -> None:
    with pytest.raises(UsageError, match=r"takes str or bytes, not dict; use json.dumps\(\)"):
        sendable({}, None)  # type: ignore[arg-type]  # as a user may
    with pytest.raises(UsageError, match=r"key is a str such as .* not int"):
        sendable("text", 7)  # type: ignore[arg-type]  # as a user may


# As user code says it.


async def accepted(world: World, **options: Any) -> tuple[WebSocket, WebSocket]:
    def script(lab: Lab) -> tuple[WebSocket, WebSocket]:
        client, server = WebSocketPair()
        server.accept(**options)
        return client, server

    client, server = await world.inside(script)
    return client, server


async def test_the_connection_learns_of_it_when_it_is_there(world: World) -> None:
    client, _ = await accepted(world, delivery="latest", queue_bytes_max=1000)
    link = FakeLink()
    client.hand_over(link)
    assert link.delivery == ("latest", 1000)


async def test_a_connection_that_nothing_was_said_of_is_left_alone(world: World) -> None:
    client, server = await accepted(world)
    assert server.dropped_messages == 0, "nothing can have been"
    link = FakeLink()
    client.hand_over(link)
    assert link.delivery is None
    assert server.dropped_messages == link.dropped_messages == 3


async def test_an_outgoing_connection_learns_of_it_at_once(world: World) -> None:
    socket, link = WebSocket.unaccepted(url="ws://elsewhere"), FakeLink()
    socket.connect(link)
    await world.inside(lambda lab: socket.accept(delivery="drop_oldest"))
    assert link.delivery == ("drop_oldest", None)


async def test_a_socket_that_hibernates_can_have_a_policy(world: World) -> None:
    def script(lab: Lab) -> WebSocket:
        client, server = WebSocketPair()
        lab.ctx.accept_web_socket(server, ["tag"], delivery="coalesce")
        return client

    client, link = await world.inside(script), FakeLink()
    client.hand_over(link)
    assert link.delivery == ("coalesce", None)


async def test_what_is_wrong_is_said_before_anything_is_accepted(world: World) -> None:
    def script(lab: Lab) -> None:
        _, server = WebSocketPair()
        with pytest.raises(UsageError):
            server.accept(delivery="newest")
        with pytest.raises(UsageError):
            lab.ctx.accept_web_socket(server, queue_bytes_max=0)
        assert not server.is_taken
        assert len(lab.ctx.sessions) == 0

    await world.inside(script)


async def test_keys_travel_with_their_messages(world: World) -> None:
    client, server = await accepted(world)
    link = FakeLink()
    client.hand_over(link)

    def script(lab: Lab) -> None:
        server.send("for one", key="a")
        server.send("for none")
        lab.ctx.broadcast("for all", key="b")

    await world.inside(script)
    assert link.sent == [("a", "for one"), "for none", ("b", "for all")]


async def test_the_other_end_of_a_pair_hears_a_message_without_its_key(world: World) -> None:
    heard: list[Any] = []

    def script(lab: Lab) -> None:
        client, server = WebSocketPair()
        client.accept()
        client.on_message = lambda event: heard.append(event.data)
        server.accept(delivery="latest")
        server.send("older", key="a")
        server.send("newer", key="a")
        assert server.buffered_amount == server.dropped_messages == 0

    await world.inside(script)
    assert heard == ["older", "newer"]
