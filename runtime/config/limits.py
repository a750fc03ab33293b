"""Limits of the HTTP front, each overridable in ``[perdure.limits]``."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EdgeLimits:
    """What one client may send, and how long it may take.

    The size of bodies is the documented one of Workers (100 MB).

    Attributes:
        header_size_bytes_max: Of a request's line and headers; more is a 431.
        body_size_bytes_max: Of a request's body; more is a 413.
        connections_max: Open at the same time, WebSockets too; more get a 503. It is less where
            the system allows the process fewer descriptors.
        connections_per_address_max: The same from one address, which is not that of a trusted
            proxy; more get a 429.
        keepalive_requests_max: Answered on one connection before it is closed.
        keepalive_timeout_s: How long a connection without a request is kept.
        header_timeout_s: From the first byte of a request to the end of its headers; then a 408.
        body_idle_timeout_s: For the next piece of a body that is waited for; then a 408.
        answer_idle_timeout_s: For a client that has stopped reading to take more of an answer; then
            its connection is cut.
        tls_handshake_timeout_s: From the accept to the end of the handshake.
        relay_max_s: How long a router that was replaced serves clients that its successor
            cannot have.
        shutdown_timeout_s: For requests under way when the server stops.
    """

    header_size_bytes_max: int = 64 * 1024
    body_size_bytes_max: int = 100_000_000
    connections_max: int = 65_536
    # As many: behind a proxy that nobody has named, all clients have one address.
    connections_per_address_max: int = 65_536
    keepalive_requests_max: int = 100_000
    keepalive_timeout_s: float = 75.0
    header_timeout_s: float = 30.0
    body_idle_timeout_s: float = 60.0
    answer_idle_timeout_s: float = 60.0
    tls_handshake_timeout_s: float = 10.0
    relay_max_s: float = 3600.0
    shutdown_timeout_s: float = 30.0
