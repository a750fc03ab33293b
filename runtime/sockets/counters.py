"""What has happened to the connections of this process, as plain integers."""

from dataclasses import dataclass


@dataclass(slots=True)
class SocketCounters:
    """Counts since the process began; whoever collects them reads them when asked.

    ``messages_dropped`` counts what delivery policies let go of, ``queues_overflowed`` the
    connections closed with 1013. ``pings_sent`` and ``peers_found_dead`` are the keep-alive's.
    ``connections_accepted`` and ``connections_closed`` count clients' connections alone; messages
    and protocol errors are those of connections that go out, too. What ``coalesce`` joins into
    one frame is one message sent.
    """

    connections_accepted: int = 0
    connections_closed: int = 0
    protocol_errors: int = 0
    messages_received: int = 0
    messages_sent: int = 0
    messages_dropped: int = 0
    queues_overflowed: int = 0
    pings_sent: int = 0
    peers_found_dead: int = 0


counters = SocketCounters()
