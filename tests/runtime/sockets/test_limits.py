"""The limits of one WebSocket connection."""

from perdure.runtime.sockets.limits import SocketLimits


def test_a_message_may_be_as_large_as_documented() -> None:
    assert SocketLimits().websocket_message_size_bytes_max == 32 * 1024 * 1024


def test_a_dead_peer_is_found_within_a_minute_and_pings_come_twice_in_one() -> None:
    """nginx, and the balancers of the large clouds, forget what is silent for a minute."""
    limits = SocketLimits()
    assert limits.websocket_ping_interval_s == 30
    assert limits.websocket_ping_interval_s + limits.websocket_dead_after_s < 60
