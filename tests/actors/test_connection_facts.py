"""What a WebSocket tells of its connection. Attachments are in test_attachment as well."""

from typing import Any

import pytest

from perdure.actors.socket_pair import WebSocketPair
from perdure.actors.websocket import WebSocket
from tests.world import World


def test_the_states_have_names_on_the_class_and_on_each_socket() -> None:
    for where in (WebSocket, WebSocketPair()[0]):
        states = (where.CONNECTING, where.OPEN, where.CLOSING, where.CLOSED)
        assert states == (0, 1, 2, 3)
        assert states == (
            where.READY_STATE_CONNECTING,
            where.READY_STATE_OPEN,
            where.READY_STATE_CLOSING,
            where.READY_STATE_CLOSED,
        )


def test_the_binary_type_is_blob_until_it_is_set_and_nothing_else_is_taken() -> None:
    one, other = WebSocketPair()
    assert one.binary_type == "blob"
    one.binary_type = "arraybuffer"
    one.binary_type = "zzz"
    assert (one.binary_type, other.binary_type) == ("arraybuffer", "blob")


@pytest.mark.parametrize("binary_type", ["blob", "arraybuffer"])
async def test_binary_messages_are_bytes_whatever_it_is(world: World, binary_type: str) -> None:
    server, link = await world.accepted()
    server.binary_type = binary_type
    heard: list[Any] = []
    server.on_message = lambda event: heard.append(event.data)
    link.says(b"\x00\xff")
    assert heard == [b"\x00\xff"]


async def test_what_the_connection_says_is_said_by_the_socket(world: World) -> None:
    server, link = await world.accepted()
    link.round_trip_s = 0.5
    assert (server.buffered_amount, server.dropped_messages, server.round_trip_s) == (7, 3, 0.5)


def test_without_a_connection_there_is_nothing_to_say() -> None:
    lone = WebSocket.unaccepted()
    assert (lone.buffered_amount, lone.dropped_messages) == (0, 0)
    assert (lone.round_trip_s, lone.auto_response_time_ms) == (None, None)


async def test_an_attachment_is_a_copy(world: World) -> None:
    server, _ = await world.accepted()
    assert server.deserialize_attachment() is None
    value = {"seen": [1]}
    server.serialize_attachment(value)
    value["seen"].append(2)
    first = server.deserialize_attachment()
    assert first == {"seen": [1]}
    assert server.deserialize_attachment() is not first
