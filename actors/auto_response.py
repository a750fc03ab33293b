"""What a socket answers by itself, without its actor."""

from ..storage.errors import UsageError
from .errors import SocketLimitExceeded

# workerd's figure, as are the texts of the errors.
SIZE_BYTES_MAX = 2048


class WebSocketRequestResponsePair:
    """A text, and what is answered to whoever sends exactly that.

    Attributes:
        request: The text that is asked.
        response: The text that is answered.
    """

    __slots__ = ("request", "response")

    def __init__(self, request: str, response: str) -> None:
        """Each may have 2048 bytes of UTF-8.

        Raises:
            SocketLimitExceeded: One is longer.
        """
        for what, text in (("Request", request), ("Response", response)):
            if not isinstance(text, str):
                raise UsageError(f"{what.lower()} is a string, not {type(text).__name__}")
            size = len(text.encode())
            if size > SIZE_BYTES_MAX:
                raise SocketLimitExceeded(
                    f"{what} cannot be larger than {SIZE_BYTES_MAX} bytes. "
                    f"A {what.lower()} of size {size} was provided.",
                    "auto_response_size_bytes_max",
                    SIZE_BYTES_MAX,
                    size,
                )
        self.request = request
        self.response = response

    def __repr__(self) -> str:
        return f"WebSocketRequestResponsePair({self.request!r}, {self.response!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, WebSocketRequestResponsePair):
            return NotImplemented
        return (self.request, self.response) == (other.request, other.response)

    def __hash__(self) -> int:
        return hash((self.request, self.response))
