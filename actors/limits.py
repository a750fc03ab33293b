"""Limits of one actor, each overridable in ``[perdure.limits]``."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ActorLimits:
    """What one actor may hold and how long it may hold others up.

    ``mailbox_events_max`` counts events that wait to be started. ``block_concurrency_s`` and
    ``critical_section_depth_max`` are workerd's figures, as is the attachment's size. A turn that
    holds up the loop for more than ``slow_turn_ms`` is warned of.
    """

    mailbox_events_max: int = 10_000
    socket_messages_waiting_max: int = 64
    block_concurrency_s: float = 30.0
    critical_section_depth_max: int = 64
    slow_turn_ms: int = 100
    rpc_message_size_bytes_max: int = 32 * 2**20
    websocket_attachment_size_bytes_max: int = 16 * 1024
    websocket_tags_max: int = 10
    websocket_tag_length_max: int = 256
    websockets_per_actor_max: int = 32_768
    alarm_retries_max: int = 6
