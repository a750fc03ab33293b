"""Limits of one WebSocket connection, each overridable in ``[perdure.limits]``."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """What a client may send, what may pile up for it, and how long it may take.

    A message's size is the documented one of Workers (32 MiB).
    ``websocket_queue_size_bytes_max`` is what may pile up for a client that never reads
    before its socket is closed with 1013. ``websocket_close_timeout_s`` is how long is waited
    for the answer to a close frame.
    """

    websocket_message_size_bytes_max: int = 32 * 2**20
    websocket_queue_size_bytes_max: int = 16 * 2**20
    websocket_close_timeout_s: float = 10.0
