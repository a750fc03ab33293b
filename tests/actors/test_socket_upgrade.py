"""``upgrade_websocket``: a response, and a socket that opens when that has left."""

from typing import Any

import pytest

from perdure.actors.errors import NotInHandler, SocketStateError
from perdure.actors.http import Request
from perdure.actors.link import NoPeer
from perdure.actors.session import CloseFrame
from perdure.actors.socket_events import EventName
from perdure.actors.socket_upgrade import WebSocketUpgrade, upgrade_websocket
from perdure.storage.errors import UsageError
from tests.world import FakeLink, Lab, World, turns

UPGRADE = {"Upgrade": "websocket", "Sec-WebSocket-Protocol": "chat, talk"}


def asked(headers: Any = UPGRADE) -> Request:
    return Request("http://here.test/room", headers=headers)


async def upgraded(world: World, **options: Any) -> tuple[WebSocketUpgrade, list[Any]]:
    """What a Lab was given, and what its socket hears."""
    heard: list[Any] = []

    def script(lab: Lab) -> WebSocketUpgrade:
        upgrade = upgrade_websocket(asked(), **options)
        names: tuple[EventName, ...] = ("open", "message", "close", "error")
        for name in names:
            upgrade.socket.add_event_listener(
                name, lambda event: heard.append(getattr(event, "data", event.type))
            )
        return upgrade

    return await world.inside(script), heard


def send_away(upgrade: WebSocketUpgrade, link: FakeLink | NoPeer) -> None:
    client = upgrade.response.web_socket
    assert client is not None
    client.hand_over(link)


async def test_it_unpacks_and_has_names(world: World) -> None:
    upgrade, _ = await upgraded(world)
    response, socket = upgrade
    assert (response, socket) == (upgrade.response, upgrade.socket)
    assert (response.status, socket.ready_state) == (101, 1)
    assert response.web_socket is not socket


async def test_it_opens_when_the_101_has_left_and_hears_messages_then(world: World) -> None:
    upgrade, heard = await upgraded(world)
    await turns()
    assert heard == []
    link = FakeLink()
    send_away(upgrade, link)
    link.says("hello")
    assert heard == ["open", "hello"]
    upgrade.socket.send("pong")
    assert link.sent == ["pong"]


async def test_it_is_a_session_of_its_actor_without_being_accepted(world: World) -> None:
    upgrade, _ = await upgraded(world)

    def script(lab: Lab) -> None:
        assert list(lab.ctx.sessions.values()) == [upgrade.socket]
        upgrade.socket.accept()  # changes nothing

    await world.inside(script)


async def test_what_is_sent_before_it_opens_leaves_behind_the_101(world: World) -> None:
    def script(lab: Lab) -> WebSocketUpgrade:
        upgrade = upgrade_websocket(asked())
        upgrade.socket.send("welcome")
        return upgrade

    upgrade = await world.inside(script)
    link = FakeLink()
    send_away(upgrade, link)
    assert link.sent == ["welcome"]


async def test_a_client_that_is_gone_by_then_is_lost_and_never_opens(world: World) -> None:
    upgrade, heard = await upgraded(world)
    send_away(upgrade, NoPeer())
    await turns()
    assert heard == ["close"]


async def test_the_other_end_may_be_accepted_in_this_process(world: World) -> None:
    upgrade, heard = await upgraded(world)

    def script(lab: Lab) -> None:
        client = upgrade.response.web_socket
        assert client is not None
        client.accept()
        client.send("from inside")

    await world.inside(script)
    await turns()
    assert heard == ["open", "from inside"]
    with pytest.raises(SocketStateError):
        send_away(upgrade, FakeLink())


async def test_a_subprotocol_that_the_client_offers(world: World) -> None:
    upgrade, _ = await upgraded(world, protocol="talk", headers={"X-Own": "yes"})
    assert upgrade.socket.protocol == "talk"
    assert dict(upgrade.response.headers) == {"X-Own": "yes", "Sec-WebSocket-Protocol": "talk"}


async def test_a_subprotocol_that_the_client_does_not_offer(world: World) -> None:
    def script(lab: Lab) -> None:
        with pytest.raises(UsageError, match=r"'other'; it offers: chat, talk"):
            upgrade_websocket(asked(), protocol="other")

    await world.inside(script)


async def test_a_request_for_something_else_is_told_to_be_answered_with_426(world: World) -> None:
    def script(lab: Lab) -> None:
        with pytest.raises(UsageError, match="status=426"):
            upgrade_websocket(asked({}))

    await world.inside(script)


def test_it_needs_a_handler_around_it() -> None:
    with pytest.raises(NotInHandler, match=r"upgrade_websocket\(\) works only while"):
        upgrade_websocket(asked())


async def test_closing_before_it_has_opened_closes_the_client(world: World) -> None:
    upgrade, heard = await upgraded(world)
    upgrade.socket.close(4000, "no room")
    link = FakeLink()
    send_away(upgrade, link)
    assert link.sent == [CloseFrame(4000, "no room")]
    assert heard == []
