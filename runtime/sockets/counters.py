"""What has happened to the connections of this process, as plain integers."""

from dataclasses import dataclass


@dataclass(slots=True)
class SocketCounters:
    """Counts since the process began; whoever collects them reads them when asked.

    ``messages_dropped`` counts what delivery policies let go of, ``queues_overflowed`` the
    connections closed with 1013. ``pings_sent`` and ``peers_found_dead`` are the keep-alive's.
    """

    messages_dropped: int = 0
    queues_overflowed: int = 0
    pings_sent: int = 0
    peers_found_dead: int = 0


counters = SocketCounters()
