# Pure: no asyncio, clock, randomness, file or socket.
"""What users may send, and say of messages that a slow client has not taken yet."""

from ..storage.errors import UsageError
from .link import Sent

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


def sendable(message: str | bytes | bytearray | memoryview, key: str | None) -> Sent:
    """What ``send(message, key=key)`` sends; a copy of what may still change.

    Raises:
        UsageError: The one is no message, or the other is no text.
    """
    if isinstance(message, bytearray | memoryview):
        message = bytes(message)
    elif not isinstance(message, str | bytes):
        raise UsageError(
            f"WebSocket.send() takes str or bytes, not {type(message).__name__}; "
            "use json.dumps() for other values"
        )
    if key is None:
        return message
    if not isinstance(key, str):
        raise UsageError(f'key is a str such as "cursor:7", not {type(key).__name__}')
    return key, message
