"""What a sandbox has before its first command: files of the developer's, and a script that ran."""

import asyncio
from pathlib import Path
from typing import Any, Final, Protocol

from ..config.sandbox import SandboxConfig
from .asking import SandboxRefused
from .connection import SandboxConnection
from .copying import archive_of, state_of
from .streams import Refused

COPIED: Final = "sandbox:copied"
STARTUP: Final = "startup"  # what the process is called
# It is handed to bash as one argument, of which Linux takes 128 KiB.
STARTUP_BYTES_MAX: Final = 100_000
_TOLD_MAX = 2_000


class Kept(Protocol):
    """Where it stands what has been copied: ``ctx.storage.kv``."""

    def get(self, key: str) -> Any: ...
    def put(self, key: str, value: Any) -> None: ...


async def prepare(connection: SandboxConnection, config: SandboxConfig, kept: Kept) -> None:
    """Have a sandbox that has just been started as the configuration says.

    Files are copied when they are others than those that were copied last: what programs inside
    have made of them stays until then.

    Raises:
        SandboxRefused: A file cannot be copied, or the script has failed.
    """
    if config.copy:
        try:
            state = await asyncio.to_thread(state_of, config.copy)
            if kept.get(COPIED) != state:
                await _copy(connection, config)
                kept.put(COPIED, state)
        except OSError as error:
            text = f"[perdure.sandbox] copy: {error.filename}: {error.strerror}"
            raise SandboxRefused(Refused("CONTAINER_UNAVAILABLE", text)) from None
    if config.startup is not None:
        await _start_up(connection, config.startup, config.startup_timeout_s)


async def _copy(connection: SandboxConnection, config: SandboxConfig) -> None:
    pieces = archive_of(config.copy)
    async with connection.stream("unarchive", path="/workspace") as stream:
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            await stream.write(piece)
        stream.end()
        await stream.answer()


async def _start_up(connection: SandboxConnection, script: Path, timeout_s: float) -> None:
    text = await asyncio.to_thread(_text_of, script)
    try:
        await connection.ask("process", id=STARTUP)
    except SandboxRefused as refused:
        if refused.code != "PROCESS_NOT_FOUND":
            raise
        await connection.ask("start", command=text, process_id=STARTUP)
    try:
        async with asyncio.timeout(timeout_s):
            ended = await connection.ask("wait", id=STARTUP)
    except TimeoutError:
        raise _failed(
            f"{script} has not ended within {timeout_s:g} s: start what goes on in the background, "
            "with & at the end of its line, or set [perdure.sandbox] startup_timeout_s"
        ) from None
    if ended["exit_code"] != 0:
        said = await _said(connection)
        raise _failed(f"{script} ended with exit code {ended['exit_code']}: {said}")


def _text_of(script: Path) -> str:
    try:
        data = script.read_bytes()
    except OSError as error:
        raise _failed(f"{script}: {error.strerror}") from None
    if len(data) > STARTUP_BYTES_MAX:
        raise _failed(f"{script} is larger than {STARTUP_BYTES_MAX:,} bytes: have it call another")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise _failed(f"{script} is no text") from None


async def _said(connection: SandboxConnection) -> str:
    """The end of what the script has written."""
    lines = await connection.lines("logs", id=STARTUP)
    return b"\n".join(lines).decode(errors="replace")[-_TOLD_MAX:].strip() or "it said nothing"


def _failed(text: str) -> SandboxRefused:
    return SandboxRefused(Refused("CONTAINER_UNAVAILABLE", f"[perdure.sandbox] startup: {text}"))
