"""What is known of a request when it is over."""

from dataclasses import dataclass

# What the log says of requests whose clients did not wait for the answer; nginx's number.
CLIENT_GONE = 499


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request that was answered, for logs and metrics."""

    method: str
    path: str
    status: int
    duration_s: float
