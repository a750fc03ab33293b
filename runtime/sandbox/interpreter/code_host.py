"""A worker's way to the code host of a sandbox, which is started when it is first needed.

*Promise*: the host is found again by whoever has its address, in this worker or another one, for as
long as the sandbox runs. Whoever stops reading a request takes it back.
*Assumes*: what comes from inside may be anything; what is no JSON of the known form ends a request.
"""

import asyncio
import json
import secrets
import shlex
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import asdict, dataclass
from typing import Any, Final

from ..asking import Output, SandboxLost, SandboxRefused, SandboxStream
from ..connection import SandboxConnection
from ..keeper.housing import python
from ..streams import Json, Refused
from .bundle import code_host_program
from .packages import package_folders, packages_seen

START_WITHIN_S: Final = 30.0
# What says nothing for so long does not live: it tells so every few seconds.
PATIENCE_S: Final = 40.0
# Of one line that the host sends: above what it sends.
LINE_BYTES_MAX: Final = 32 * 1024 * 1024
# Of all that it sends in one request.
BYTES_MAX: Final = 2 * LINE_BYTES_MAX
_SAID_BYTES_MAX: Final = 64 * 1024
_RUN: Final = "import sys; exec(compile(sys.stdin.buffer.read(), '<perdure code host>', 'exec'))"
# Each of a kernel's dozen threads would take 128 MB of addresses, where only these can be limited.
_ENV: Final = {"MALLOC_ARENA_MAX": "2"}
_MISSING: Final = (
    "Python code in a sandbox needs ipykernel and jupyter_client, and the server's Python has "
    "none: pip install 'perdure[interpreter]', and start the server again"
)


@dataclass(frozen=True, slots=True)
class HostAddress:
    """Where a code host is.

    Attributes:
        boot: Of the sandbox in which it was started.
        port: Inside.
        secret: What it wants to hear first.
    """

    boot: str
    port: int
    secret: str


class CodeHost:
    """The code host of one sandbox, as one actor knows it.

    Args:
        recall: Returns what ``remember`` was given last, by whichever actor of this id.
        remember: Keeps it where the actor's next instance finds it.
    """

    def __init__(self, recall: Callable[[], Json | None], remember: Callable[[Json], None]) -> None:
        self._recall = recall
        self._remember = remember
        self._starting = asyncio.Lock()

    async def ask(self, connection: SandboxConnection, request: Json, *, starts: bool) -> Json:
        """Ask for something without events, and return the answer. See ``messages``.

        Raises:
            SandboxRefused: It cannot be done.
        """
        async with aclosing(self.messages(connection, request, starts=starts)) as messages:
            async for message in messages:
                if (answer := message.get("answer")) is not None:
                    return dict(answer)
        raise _lost()

    async def messages(
        self, connection: SandboxConnection, request: Json, *, starts: bool
    ) -> AsyncGenerator[Json, None]:
        """Ask, and give {"event": ...} for each that comes; the last one is {"answer": ...}.

        Args:
            connection: To the sandbox.
            request: See ``inside/host.py``.
            starts: Whether a host is started if there is none; else nothing is given.

        Raises:
            SandboxRefused: It cannot be done.
        """
        # Nobody lets the sandbox go to sleep meanwhile.
        async with connection.stream("hold"):
            opened = await self._connect(connection, request, starts=starts)
            if opened is None:
                return
            reader, writer = opened
            try:
                async for message in _read(reader):
                    yield message
            except ConnectionError:
                raise _lost() from None
            finally:
                writer.close()

    async def _connect(
        self, connection: SandboxConnection, request: Json, *, starts: bool
    ) -> "tuple[asyncio.StreamReader, asyncio.StreamWriter] | None":
        async with self._starting:
            address = self._known(connection.boot)
            opened = None if address is None else await _open(connection, address, request)
            if opened is None:
                if not starts:
                    return None
                address = await _start(connection)
                self._remember(asdict(address))
                opened = await _open(connection, address, request)
        if opened is None:
            raise _lost()
        return opened

    def _known(self, boot: str) -> HostAddress | None:
        kept = self._recall()
        address = None if kept is None else HostAddress(**kept)
        return address if address is not None and address.boot == boot else None


def check_language(language: Any) -> None:
    """See that code of a language can be run.

    Raises:
        SandboxRefused: It cannot.
    """
    if language == "typescript":
        text = (
            "TypeScript code cannot be run here: compile it to JavaScript, or use language='python'"
        )
        raise SandboxRefused(Refused("JAVASCRIPT_NOT_AVAILABLE", text, language=language))
    if language not in {"python", "javascript"}:
        text = f"There is no language {language!r}; there are 'python' and 'javascript'"
        raise SandboxRefused(Refused("VALIDATION_FAILED", text, field="language"))
    if language == "python" and not package_folders():
        raise SandboxRefused(Refused("PYTHON_NOT_AVAILABLE", _MISSING, language=language))


async def _open(
    connection: SandboxConnection, address: HostAddress, request: Json
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
    """Ask the host; None if there is none any more, which has heard nothing then."""
    try:
        inside = await connection.socket(address.port)
    except SandboxLost:
        raise
    except SandboxRefused as refused:
        if refused.code == "SERVICE_NOT_RESPONDING":  # it has ended
            return None
        raise
    try:
        reader, writer = await asyncio.open_connection(sock=inside, limit=LINE_BYTES_MAX)
    except BaseException:
        inside.close()
        raise
    is_heard = False
    try:
        writer.write(address.secret.encode() + json.dumps(request).encode() + b"\n")
        async with asyncio.timeout(PATIENCE_S):
            is_heard = await reader.readline() == b"{}\n"
    except (ConnectionError, ValueError, TimeoutError):
        pass  # it ends, stands still, or somebody else has its port
    finally:
        if not is_heard:
            writer.close()
    return (reader, writer) if is_heard else None


async def _start(connection: SandboxConnection) -> HostAddress:
    secret = secrets.token_hex(32)
    program = code_host_program(secret, packages_seen(is_walled=connection.is_walled))
    command = shlex.join((python(), "-I", "-S", "-c", _RUN))
    try:
        async with asyncio.timeout(START_WITHIN_S):
            async with connection.stream("exec", command=command, env=_ENV, stdin=True) as stream:
                await stream.write(program)
                stream.end()
                said = await _said_by(stream)
    except TimeoutError:
        raise _not_ready(f"it took longer than {START_WITHIN_S:g} s") from None
    try:
        port = json.loads(said.splitlines()[0])["port"]
    except (ValueError, LookupError, TypeError):
        port = None
    if type(port) is not int:
        raise _not_ready(said.decode(errors="replace").strip()[-2000:])
    return HostAddress(connection.boot, port, secret)


async def _said_by(stream: SandboxStream) -> bytes:
    said = bytearray()
    async for item in stream:
        if isinstance(item, Output):
            said += item.data[: _SAID_BYTES_MAX - len(said)]
    return bytes(said)


async def _read(reader: asyncio.StreamReader) -> AsyncIterator[Json]:
    left = BYTES_MAX
    while True:
        try:
            async with asyncio.timeout(PATIENCE_S):
                line = await reader.readline()
            left -= len(line)
            message = json.loads(line) if left > 0 else None
        except (ValueError, RecursionError, TimeoutError):  # no JSON, or a line that is too long
            message = None
        if not isinstance(message, dict):
            raise _lost()
        if "error" in message:
            raise SandboxRefused(_refused(message["error"]))
        yield message
        if "answer" in message:
            return


def _refused(error: Any) -> Refused:
    table = error if isinstance(error, dict) else {}
    context = table.get("context")
    context = context if isinstance(context, dict) else {}
    return Refused(str(table.get("code")), str(table.get("message")), **context)


def _not_ready(why: str) -> SandboxRefused:
    return SandboxRefused(
        Refused("INTERPRETER_NOT_READY", f"What runs code in the sandbox did not start: {why}")
    )


def _lost() -> SandboxRefused:
    text = "What runs code in the sandbox has ended, and with it all code contexts"
    return SandboxRefused(Refused("INTERPRETER_NOT_READY", text))
