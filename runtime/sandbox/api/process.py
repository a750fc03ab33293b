"""A process in the background, as programs have it."""

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from ....actors.records import Record
from ..errors import SandboxInvalid
from ..results import ProcessLogs, ProcessStatus, WaitForExitResult, WaitForLogResult

PortMode = Literal["http", "tcp"]


@dataclass(frozen=True, kw_only=True)
class Process(Record):
    """What ``start_process`` has started: how it was when it was asked for, and calls about it.

    Attributes:
        id: What it is called.
        pid: Its number inside.
        command: What was started.
        status: starting, running, completed (exit code 0), failed, killed (by a signal), or error.
        start_time: When.
        end_time: When it ended.
        exit_code: How; None while it runs.
        session_id: In which session; None for the default one.
    """

    id: str
    command: str
    status: ProcessStatus
    start_time: str
    pid: int | None = None
    end_time: str | None = None
    exit_code: int | None = None
    session_id: str | None = None
    _sandbox: Any = field(default=None, init=False, repr=False, compare=False)

    async def kill(self, signal: str | int = "SIGTERM") -> None:
        """Send it and its children a signal; nothing happens if it has ended."""
        await self._calls.kill_process(self.id, signal)

    async def get_status(self) -> ProcessStatus:
        """How it is now.

        Raises:
            SandboxProcessError: It is not known any more.
        """
        found = await self._calls.get_process(self.id)
        return "error" if found is None else found.status

    async def get_logs(self) -> ProcessLogs:
        """What it has written, as far as it is kept."""
        return await self._calls.get_process_logs(self.id)  # type: ignore[no-any-return]  # of whom it is asked

    async def wait_for_log(
        self,
        pattern: str | re.Pattern[str],
        timeout: float | None = None,  # noqa: ASYNC109  # it travels
    ) -> WaitForLogResult:
        """Wait for a line with a text in it, or that a pattern matches; see ``Sandbox``."""
        text, flags = pattern_of(pattern)
        return await self._calls.wait_for_log(self.id, text, timeout=timeout, flags=flags)  # type: ignore[no-any-return]  # likewise

    async def wait_for_port(
        self,
        port: int,
        *,
        mode: PortMode = "http",
        path: str = "/",
        status: int | tuple[int, int] = (200, 399),
        timeout: float | None = None,  # noqa: ASYNC109  # it travels
        interval: float = 0.5,
    ) -> None:
        """Wait until a server answers at a port; see ``Sandbox``."""
        await self._calls.wait_for_port(
            port,
            mode=mode,
            path=path,
            status=list(status) if isinstance(status, tuple) else status,
            timeout=timeout,
            interval=interval,
            process_id=self.id,
        )

    async def wait_for_exit(
        self,
        timeout: float | None = None,  # noqa: ASYNC109  # it travels
    ) -> WaitForExitResult:
        """Wait for its end."""
        return await self._calls.wait_for_exit(self.id, timeout=timeout)  # type: ignore[no-any-return]  # likewise

    @property
    def _calls(self) -> Any:
        if self._sandbox is None:
            text = "This process came over a plain stub: get it through get_sandbox(), or call the"
            raise SandboxInvalid("VALIDATION_FAILED", f"{text} sandbox with its id")
        return self._sandbox


def bound(value: Any, sandbox: Any) -> Any:
    """``value``, where processes in it ask ``sandbox`` from now on."""
    if isinstance(value, Process):
        object.__setattr__(value, "_sandbox", sandbox)
    elif isinstance(value, list):
        for each in value:
            bound(each, sandbox)
    return value


def pattern_of(pattern: str | re.Pattern[str]) -> tuple[str, int | None]:
    """A pattern as it travels: its text, and its flags; None for a plain text.

    Raises:
        SandboxInvalid: It is neither a text nor a pattern of text.
    """
    flags = None
    text: object = pattern
    if isinstance(pattern, re.Pattern):
        text, flags = pattern.pattern, pattern.flags
    if not isinstance(text, str):
        what = f"pattern is text, or a compiled pattern of text; it was given {pattern!r:.80}"
        raise SandboxInvalid("VALIDATION_FAILED", what, {"field": "pattern"})
    return text, flags
