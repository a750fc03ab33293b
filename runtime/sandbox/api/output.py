"""What a command writes, as it is kept: the newest bytes of it, as text."""

import base64
import codecs
import inspect
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Literal

from ....actors.rpc_stub import RpcStub

# Of each of stdout and stderr: what an answer carries.
KEPT_BYTES_MAX: Final = 8 * 1024 * 1024

Encoding = Literal["utf-8", "base64"]


class Collected:
    """The end of one stream: so many bytes of it at least, and a piece more at most.

    Attributes:
        dropped_bytes: How much of its beginning is gone.
    """

    def __init__(self, dropped_bytes: int = 0, size_bytes_max: int = KEPT_BYTES_MAX) -> None:
        self._size_max = size_bytes_max
        self.dropped_bytes = dropped_bytes
        self._pieces: deque[bytes] = deque()
        self._size = 0

    def add(self, data: bytes) -> None:
        """Take what comes."""
        self._pieces.append(data)
        self._size += len(data)
        while self._size - len(self._pieces[0]) >= self._size_max:
            self.drop(len(self._pieces.popleft()))

    def drop(self, size: int) -> None:
        """Say that so much is missing, besides what ``add`` was given."""
        self.dropped_bytes += size
        self._size = sum(map(len, self._pieces))

    def text(self, encoding: Encoding = "utf-8") -> str:
        """What is there; in text, a line in front says what is missing."""
        whole = b"".join(self._pieces)
        if encoding == "base64":
            return base64.b64encode(whole).decode()
        mark = f"[{self.dropped_bytes:,} bytes dropped]\n" if self.dropped_bytes else ""
        return mark + whole.decode(errors="replace")


class Decoder:
    """Text of the pieces of a stream, in which a character may be cut in two."""

    def __init__(self) -> None:
        self._decoders = {
            name: codecs.getincrementaldecoder("utf-8")(errors="replace")
            for name in ("stdout", "stderr")
        }

    def decode(self, name: str, data: bytes) -> str:
        """The text that is whole by now."""
        return self._decoders[name].decode(data)

    def rest(self) -> dict[str, str]:
        """What is left at the end, by the stream."""
        found = {name: each.decode(b"", final=True) for name, each in self._decoders.items()}
        return {name: text for name, text in found.items() if text}


async def called(callback: Callable[..., Any] | None, *args: Any) -> None:
    """Call back, here or wherever the function came from, and wait for it."""
    if callback is None:
        return
    result = callback(*args)
    if inspect.isawaitable(result):
        await result


def kept(callback: Callable[..., Any] | None) -> Callable[..., Any] | None:
    """A callback that is called after the handler has ended that got it."""
    return callback.dup() if isinstance(callback, RpcStub) else callback
