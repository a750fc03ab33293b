"""Limits of the HTTP front, each overridable in ``[perdure.limits]``."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EdgeLimits:
    """What one client may send, and how long it may take.

    The size of bodies is the documented one of Workers (100 MB). ``shutdown_timeout_s`` is how
    long a stopping server waits for requests under way, ``keepalive_timeout_s`` how long an idle
    HTTP connection is kept.
    """

    header_size_bytes_max: int = 64 * 1024
    body_size_bytes_max: int = 100_000_000
    keepalive_timeout_s: float = 75.0
    shutdown_timeout_s: float = 30.0
