"""The limits of one WebSocket connection."""

from perdure.runtime.sockets.limits import SocketLimits


def test_a_message_may_be_as_large_as_documented() -> None:
    assert SocketLimits().websocket_message_size_bytes_max == 32 * 1024 * 1024
