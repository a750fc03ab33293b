"""Limits of one WebSocket connection, each overridable in ``[perdure.limits]``."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """What a client may send, what may pile up for it, and how long it may take.

    A message's size is the documented one of Workers (32 MiB).
    ``websocket_queue_size_bytes_max`` is what may wait for a client that reads slowly, before
    its delivery policy says what becomes of it. ``websocket_close_timeout_s`` is how long is
    waited for the answer to a close frame.

    Where messages are compressed at all, those shorter than
    ``websocket_compression_size_bytes_min`` are not. Each is compressed by itself, so a short one
    hardly gets shorter: measured were a tenth off at 80 bytes of JSON, a fifth at 128 of prose, a
    third to a half at 256, where it takes about 12 microseconds.

    A client that is silent for ``websocket_ping_interval_s`` is pinged, 0 for never: 30 s is half
    of what common proxies let a silent connection live. One that says nothing for
    ``websocket_dead_after_s`` after that is lost.
    """

    websocket_message_size_bytes_max: int = 32 * 2**20
    websocket_queue_size_bytes_max: int = 16 * 2**20
    websocket_close_timeout_s: float = 10.0
    websocket_compression_size_bytes_min: int = field(default=256, metadata={"zero_is_fine": True})
    websocket_ping_interval_s: float = field(default=30.0, metadata={"zero_is_fine": True})
    websocket_dead_after_s: float = 20.0
