"""What a terminal is asked for with, and how a Worker passes that on to the sandbox's actor.

The client's own upgrade request goes to the actor, for this purpose.
"""

import json
import shlex
from dataclasses import asdict, dataclass
from typing import Final, Protocol

from ...actors.http import Request, Response
from .errors import SandboxInvalid
from .purpose import request_for
from .wire import SIDE_MAX

PURPOSE: Final = "terminal"

_SHELL_BYTES_MAX: Final = 4096


class FetchStub(Protocol):
    """Whatever leads to a sandbox's actor."""

    async def fetch(self, request: Request, /) -> Response:
        """Have the actor answer a request."""
        ...


@dataclass(frozen=True, slots=True)
class TerminalRequest:
    """What somebody wants to look at, and through which window.

    Attributes:
        cols: Columns.
        rows: Lines.
        shell: The program, by its path or name; None for the one there is.
        session_id: Whose folder and variables it starts with; None for the default session.
        terminal_id: What it is called within its session, if it is to stay when its client goes.
    """

    cols: int = 80
    rows: int = 24
    shell: str | None = None
    session_id: str | None = None
    terminal_id: str | None = None

    def __post_init__(self) -> None:
        for name in ("cols", "rows"):
            if (size := getattr(self, name)) is None or not is_size(size):
                raise _invalid(name, f"a number from 1 to {SIDE_MAX:,}, not {size!r}")
        for name in ("shell", "session_id", "terminal_id"):
            text = getattr(self, name)
            if text is not None and (type(text) is not str or not text or "\0" in text):
                raise _invalid(name, f"text, and not {text!r}")
        if self.shell is not None and len(self.shell.encode(errors="replace")) > _SHELL_BYTES_MAX:
            raise _invalid("shell", f"at most {_SHELL_BYTES_MAX:,} bytes long")

    @property
    def kept_as(self) -> str | None:
        """What it is called in its sandbox; None if it ends with its client."""
        if self.terminal_id is None:
            return None
        return json.dumps([self.session_id, self.terminal_id])

    def as_text(self) -> str:
        """What the request says of its purpose."""
        return json.dumps(asdict(self))

    @classmethod
    def of_text(cls, text: str) -> "TerminalRequest":
        """What ``as_text`` has made."""
        return cls(**json.loads(text))


def is_size(value: object) -> bool:
    """Whether a terminal can have so many columns, or lines."""
    return type(value) is int and 1 <= value <= SIDE_MAX


async def open_terminal(stub: FetchStub, request: Request, wanted: TerminalRequest) -> Response:
    """Give a client's WebSocket a terminal.

    Args:
        stub: Leads to the sandbox.
        request: The client's, which asks for a WebSocket.
        wanted: What it is to get.

    Returns:
        What the client is to be answered: 101, or 426 if it asks for no WebSocket.
    """
    if not request.is_upgrade:
        return needs_upgrade()
    return await stub.fetch(request_for(request, PURPOSE, wanted.as_text()))


def shell_command(shell: str | None) -> str | None:
    """What the agent is to run, which is given text for a shell; None for what it has itself."""
    return None if shell is None else f"exec {shlex.quote(shell)}"


def needs_upgrade() -> Response:
    """The answer to a request that asks for no WebSocket."""
    text = "A terminal is a WebSocket: expected Upgrade: websocket\n"
    return Response(text, status=426, headers={"Upgrade": "websocket"})


def _invalid(name: str, text: str) -> SandboxInvalid:
    return SandboxInvalid("VALIDATION_FAILED", f"{name} is {text}", {"field": name})
