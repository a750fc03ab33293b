"""Two ends that are joined."""

from typing import Any

import pytest

from perdure.actors.errors import SocketStateError
from perdure.actors.socket_pair import WebSocketPair
from tests.world import Lab, World, turns


def test_both_ends_can_be_had_in_every_way() -> None:
    pair = WebSocketPair()
    client, server = pair
    assert (pair[0], pair[1]) == (client, server)
    assert len(pair) == 2
    assert client is not server
    assert (client.ready_state, server.ready_state) == (1, 1)
    with pytest.raises(IndexError):
        pair[2]


async def test_what_is_said_at_one_end_is_heard_at_the_other(world: World) -> None:
    heard: list[Any] = []

    async def script(lab: Lab) -> None:
        del lab
        one, other = WebSocketPair()
        with pytest.raises(SocketStateError):
            one.send("too early")
        one.accept()
        one.send("kept until the other end is accepted")
        await turns(2)
        other.on_message = lambda event: heard.append(event.data)
        other.on_close = lambda event: heard.append((event.code, event.reason))
        other.accept()
        one.send(b"and more")
        one.close(4000, "bye")
        await turns(4)

    await world.inside(script)
    assert heard == ["kept until the other end is accepted", b"and more", (4000, "bye")]
