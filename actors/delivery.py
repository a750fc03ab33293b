# Pure: no asyncio, clock, randomness, file or socket.
"""What users may say of messages that a slow client has not taken yet."""

from ..storage.errors import UsageError

POLICIES = ("close", "drop_oldest", "latest", "coalesce")


def check_delivery(
    delivery: str | None, queue_bytes_max: int | None
) -> tuple[str, int | None] | None:
    """What ``delivery=`` and ``queue_bytes_max=`` mean; None if neither was given.

    Raises:
        UsageError: There is no such policy, or the number is none of bytes.
    """
    if delivery is None and queue_bytes_max is None:
        return None
    if delivery is not None and delivery not in POLICIES:
        choices = ", ".join(f'"{policy}"' for policy in POLICIES)
        raise UsageError(f"there is no delivery {delivery!r}; choose one of {choices}")
    if queue_bytes_max is not None and (type(queue_bytes_max) is not int or queue_bytes_max < 1):
        raise UsageError(
            f"queue_bytes_max is a whole number of bytes, 1 or more, not {queue_bytes_max!r}; "
            "leave it out for perdure.limits.websocket_queue_size_bytes_max"
        )
    return delivery or POLICIES[0], queue_bytes_max


def check_key(key: str) -> str:
    """A message's key.

    Raises:
        UsageError: It is no text.
    """
    if not isinstance(key, str):
        raise UsageError(f'key is a str such as "cursor:7", not {type(key).__name__}')
    return key
