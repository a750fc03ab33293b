# Pure: values.
"""What the front counts: connections and requests, those that were refused among them."""

from dataclasses import dataclass

from .admission import AdmissionStatistics
from .tls_listener import TlsStatistics


@dataclass(frozen=True, slots=True)
class EdgeStatistics:
    """Counts since the start, but for what is said to be open or under way.

    Attributes:
        connections: How many there are, and were too many.
        tls: Handshakes; None when TLS is not spoken.
        requests: That were taken up; refused ones count.
        heads_too_large: Answered with 431 for ``header_size_bytes_max``.
        heads_late: Answered with 408 for ``header_timeout_s``.
        answers_unread: Cut off for ``answer_idle_timeout_s``.
        bodies_too_large: Answered with 413 for ``body_size_bytes_max``, or cut off.
        bodies_stalled: Waited for in vain for ``body_idle_timeout_s``.
        answered: How many requests by the first digit of their status: ``answered[2]`` are 2xx.
    """

    connections: AdmissionStatistics
    tls: TlsStatistics | None
    requests: int
    heads_too_large: int
    heads_late: int
    answers_unread: int
    bodies_too_large: int
    bodies_stalled: int
    answered: tuple[int, ...]
