"""One sentence of RFC 6455, what is sent to try it, and what three servers answer."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.wire import CLOSE, PING, PONG, Frame, Wire, close_frame, upgrade_request

SERVERS = ("perdure", "aiohttp", "workerd")
NAMES = {0x0: "continuation", 0x1: "text", 0x2: "binary", PING: "ping", PONG: "pong"}
# Behind what is tried: whoever can still hear answers it, and the conversation has an end.
END = close_frame(1000)


@dataclass(frozen=True)
class Frames:
    """A sentence about an open connection.

    Attributes:
        section: Of RFC 6455.
        says: The sentence, in its words as far as they fit.
        send: What the client sends after the handshake.
        perdure: What our server says, as ``conversation`` writes it.
        ends: Whether ``END`` is sent behind ``send``. Without it, an answer comes before the
            message is whole.
        client: What our client says to a server that sends all of it with the 101; None for the
            same.
    """

    section: str
    says: str
    send: bytes
    perdure: str
    ends: bool = True
    client: str | None = None

    @property
    def title(self) -> str:
        """The name of its tests."""
        return f"{self.section} {self.says}"

    async def try_on(self, wire: Wire) -> str:
        """What the server at the other end of a new connection answers."""
        assert (await wire.upgrade("/")).status == 101
        wire.send(self.send + (END if self.ends else b""))
        return await conversation(wire)


@dataclass(frozen=True)
class Opening:
    """A sentence about the opening handshake.

    Attributes:
        headers: Those of the request that are not as usual: see ``upgrade_request``.
        line: The request line.
        perdure: The status of the answer, and what else of it is looked at.
        shows: Names of headers that are.
    """

    section: str
    says: str
    headers: Sequence[str]
    perdure: str
    line: str = "GET / HTTP/1.1"
    shows: Sequence[str] = ()

    @property
    def title(self) -> str:
        """The name of its tests."""
        return f"{self.section} {self.says}"

    async def try_on(self, wire: Wire) -> str:
        """What the server at the other end of a new connection answers."""
        wire.say(self.line, *upgrade_request("/", *self.headers)[1:])
        answer = await wire.head()
        values = [f"{name}: {v}" for name in self.shows for v in answer.values(name)]
        return ", ".join([str(answer.status), *values])


async def conversation(wire: Wire) -> str:
    """All frames up to the end: ``text "hi", pong "x", close 1000``; "cut" for no close frame."""
    heard: list[str] = []
    while (got := await next_frame(wire)) is not None:
        if got.opcode == CLOSE:
            heard.append(told(got.payload))
            assert await wire.rest() == b"", "nothing follows a close frame"
            return ", ".join(heard)
        payload = got.payload if len(got.payload) <= 20 else b"%d bytes" % len(got.payload)
        heard.append(f'{NAMES[got.opcode]} "{payload.decode("utf-8", "backslashreplace")}"')
    return ", ".join([*heard, "cut"])


def told(payload: bytes) -> str:
    """What a close frame says. Reasons differ from server to server; echoed ones are told."""
    code = int.from_bytes(payload[:2], "big") if payload else 1005
    reason = payload[2:].decode("utf-8", "backslashreplace")
    return f"close {code}" + (f" {reason}" if reason.startswith(("echo", "\\x")) else "")


async def next_frame(wire: Wire) -> Frame | None:
    """The next frame; None at the end of the connection."""
    try:
        return await wire.frame()
    except (EOFError, ConnectionError):
        return None
