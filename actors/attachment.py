"""What user code keeps with a connection."""

from typing import Any

from ..storage.values import encode
from .errors import SocketLimitExceeded

# workerd's figure, as is the text of the error. Once a socket is accepted, its actor's limit holds.
SIZE_BYTES_MAX = 16 * 1024


def encode_attachment(value: Any, size_bytes_max: int) -> bytes:
    """The attachment as it is kept.

    Raises:
        SocketLimitExceeded: It is larger than that.
    """
    data = encode(value, what="the attachment")
    if len(data) > size_bytes_max:
        raise SocketLimitExceeded(
            f"A WebSocket 'attachment' cannot be larger than {size_bytes_max} bytes."
            f"'attachment' was {len(data)} bytes.",
            "websocket_attachment_size_bytes_max",
            size_bytes_max,
            len(data),
        )
    return data
