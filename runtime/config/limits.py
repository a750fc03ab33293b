"""Limits of the HTTP and WebSocket front, each overridable in ``[perdure.limits]``."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EdgeLimits:
    """What one client may send, and how long it may take.

    The sizes of bodies and messages are the documented ones of Workers (100 MB, 32 MiB).
    ``websocket_queue_size_bytes_max`` is what may pile up for a client that never reads
    before its socket is closed with 1013. ``shutdown_timeout_s`` is how long a stopping server
    waits for requests under way, ``websocket_close_timeout_s`` how long for the answer to a
    close frame, ``keepalive_timeout_s`` how long an idle HTTP connection is kept.
    """

    header_size_bytes_max: int = 64 * 1024
    body_size_bytes_max: int = 100_000_000
    websocket_message_size_bytes_max: int = 32 * 2**20
    websocket_queue_size_bytes_max: int = 16 * 2**20
    websocket_close_timeout_s: float = 10.0
    keepalive_timeout_s: float = 75.0
    shutdown_timeout_s: float = 30.0
