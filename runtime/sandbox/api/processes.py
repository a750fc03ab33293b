"""Processes in the background: they go on whoever asked for them, and whatever becomes of it."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from ....actors.http import Request
from ..asking import Output, SandboxRefused, SandboxStream
from ..connection import SandboxConnection
from ..errors import SandboxError, SandboxNotReady, SandboxProcessError
from ..results import ProcessLogs, WaitForExitResult, WaitForLogResult, timestamp_of
from .argument import check_functions, time_limit
from .commands import Commands
from .events import sse
from .log_search import LogSearch
from .output import Collected, Decoder, called, kept
from .part import as_error, told, within
from .process import PortMode, Process, bound, pattern_of
from .wanted_port import WantedPort

# What was killed has ended after that, unless the kernel has something better to do.
_ENDS_WITHIN_S: Final = 5.0


class Processes(Commands):
    """Starts processes in the background, and finds them again."""

    async def start_process(
        self,
        command: str,
        *,
        process_id: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  # the process is ended, nobody waits
        env: Mapping[str, str | None] | None = None,
        cwd: str | None = None,
        auto_cleanup: bool = True,
        on_start: Callable[[Process], Any] | None = None,
        on_output: Callable[[str, str], Any] | None = None,
        on_exit: Callable[[int], Any] | None = None,
        on_error: Callable[[Exception], Any] | None = None,
        session_id: str | None = None,
    ) -> Process:
        """Start a command in the background.

        It goes on when the actor leaves memory and when its worker is replaced; it ends with the
        sandbox, when that sleeps or is destroyed.

        Args:
            command: For ``bash -c``.
            process_id: What it is called; drawn by default.
            timeout: In seconds; then it is ended.
            env: Variables, as in ``exec``.
            cwd: Where it begins.
            auto_cleanup: Forget it some time after its end: only the newest ones that have ended
                are remembered. That is always so.
            on_start: Called with the ``Process``.
            on_output: Called with "stdout" or "stderr" and text, as long as the actor is in memory.
            on_exit: Called with the exit code, likewise.
            on_error: Called with what goes wrong, likewise.
            session_id: In which session.

        Raises:
            SandboxError: It could not be started, or the name is taken (``PROCESS_ERROR``).
        """
        del auto_cleanup
        check_functions(on_start=on_start, on_output=on_output, on_exit=on_exit, on_error=on_error)
        limit_s = time_limit(timeout)
        fields = await self._command(command, session_id, env, cwd)
        if limit_s is not None:
            fields["timeout_s"] = limit_s
        if process_id is not None:
            fields["process_id"] = process_id
        answer = await self._ask("start", **fields)
        process = await self._found(answer["id"])
        await called(on_start, process)
        if any((on_output, on_exit, on_error)):
            following = self._follow(process.id, kept(on_output), kept(on_exit), kept(on_error))
            self.ctx.wait_until(following)
        return process

    async def list_processes(self) -> list[Process]:
        """All that run, and those that have ended last. None if the sandbox does not run."""
        connection = await self._running()
        if connection is None:
            return []
        with told():
            answer = await connection.ask("processes")
        return [bound(_process(record), self) for record in answer["processes"]]

    async def get_process(self, process_id: str) -> Process | None:
        """One of them; None if there is no such one, or the sandbox does not run."""
        if await self._running() is None:
            return None
        try:
            return await self._found(process_id)
        except SandboxProcessError as error:
            if error.code != "PROCESS_NOT_FOUND":
                raise
            return None

    async def kill_process(self, process_id: str, signal: str | int = "SIGTERM") -> None:
        """Send one, and all that belongs to its group, a signal.

        Raises:
            SandboxProcessError: There is no such process.
        """
        await self._ask("kill", id=process_id, signal=signal)

    async def kill_all_processes(self) -> int:
        """End all at once, also what commands have left in the background.

        They have ended when this returns.

        Returns:
            How many of ``start_process`` there were.
        """
        connection = await self._running()
        if connection is None:
            return 0
        with told():
            processes = (await connection.ask("processes"))["processes"]
            killed = int((await connection.ask("kill_all"))["killed"])
            ends = [
                _until_ended(connection, process["id"])
                for process in processes
                if process["ended_at"] is None
            ]
            with suppress(TimeoutError):  # the kernel ends them when it gets to it
                async with asyncio.timeout(_ENDS_WITHIN_S):
                    await asyncio.gather(*ends)
        return killed

    async def cleanup_completed_processes(self) -> int:
        """Forget those that have ended.

        Returns:
            How many.
        """
        connection = await self._running()
        if connection is None:
            return 0
        with told():
            return int((await connection.ask("forget_ended"))["forgotten"])

    async def get_process_logs(self, process_id: str) -> ProcessLogs:
        """What one has written, as far as it is kept: the newest megabyte, by default.

        Raises:
            SandboxProcessError: There is no such process.
        """
        outputs = {"stdout": Collected(), "stderr": Collected()}
        dropped = 0
        async with self._stream("logs", id=process_id) as stream:
            async for item in stream:
                if isinstance(item, Output):
                    outputs[item.name].add(item.data)
            dropped += int((await stream.answer()).get("dropped_bytes", 0))
        return ProcessLogs(
            stdout=outputs["stdout"].text(),
            stderr=outputs["stderr"].text(),
            process_id=process_id,
            timestamp=timestamp_of(),
            dropped_bytes=dropped + sum(each.dropped_bytes for each in outputs.values()),
        )

    async def stream_process_logs(self, process_id: str) -> AsyncIterator[bytes]:
        """What one has written and goes on to write, as server-sent events.

        ``parse_sse_stream`` reads them: dicts with ``type`` (stdout, stderr, exit or error),
        ``timestamp``, ``process_id``, ``data``, ``exit_code``. Whoever reads too slowly misses the
        oldest: an event of type "dropped" says how many ``bytes``. The process never waits.

        Raises:
            SandboxProcessError: There is no such process.
        """
        await self._found(process_id)
        return self._log_events(process_id)

    async def wait_for_log(
        self,
        process_id: str,
        pattern: str | re.Pattern[str],
        *,
        timeout: float | None = None,  # noqa: ASYNC109  # the error says what was waited for
        flags: int | None = None,
    ) -> WaitForLogResult:
        """Wait for a line in what a process writes, or has written.

        Args:
            process_id: Which one.
            pattern: A text that is in the line, or a compiled pattern that is found in it.
            timeout: In seconds; None: as long as it takes.
            flags: The pattern is given as text, and these are its flags; for callers elsewhere.

        Raises:
            SandboxNotReady: It has not come in time, or the process ended without it.
            SandboxProcessError: There is no such process.
        """
        given, own_flags = pattern_of(pattern)
        search = LogSearch(given, own_flags if flags is None else flags)
        try:
            found, ended = await within(timeout, lambda: self._search(process_id, search))
        except TimeoutError:
            text = f"{process_id} has not written {given!r} within {timeout:g} s"
            raise SandboxNotReady(
                "PROCESS_READY_TIMEOUT", text, {"process_id": process_id, "condition": given}
            ) from None
        if found is None:
            text = f"{process_id} has ended without writing {given!r}"
            context = {"process_id": process_id, "condition": given, **ended}
            raise SandboxNotReady("PROCESS_EXITED_BEFORE_READY", text, context)
        return found

    async def wait_for_port(
        self,
        port: int,
        *,
        mode: PortMode = "http",
        path: str = "/",
        status: int | list[int] | tuple[int, int] = (200, 399),
        timeout: float | None = None,  # noqa: ASYNC109  # likewise
        interval: float = 0.5,
        process_id: str | None = None,
    ) -> None:
        """Wait until a server inside is there.

        Args:
            port: Where it listens.
            mode: "http": until it answers a GET; "tcp": until it takes connections.
            path: What is asked for.
            status: Which answer counts: one status, or the first and the last of a range.
            timeout: In seconds; None: as long as it takes.
            interval: How long to wait between two questions, in seconds.
            process_id: Whose port that is: when it ends, waiting ends.

        Raises:
            SandboxNotReady: It was not there in time, or the process has ended.
        """
        wanted = WantedPort(port, mode, path, status, interval)
        try:
            await within(timeout, lambda: self._unless_it_ends(process_id, wanted))
        except TimeoutError:
            text = f"{wanted.found()} within {timeout:g} s"
            context = {"port": port, "process_id": process_id}
            raise SandboxNotReady("PROCESS_READY_TIMEOUT", text, context) from None

    async def wait_for_exit(
        self,
        process_id: str,
        *,
        timeout: float | None = None,  # noqa: ASYNC109  # likewise
    ) -> WaitForExitResult:
        """Wait for the end of a process.

        Raises:
            SandboxNotReady: It has not ended in time.
            SandboxProcessError: There is no such process.
        """
        try:
            answer = await within(timeout, lambda: self._ask("wait", id=process_id))
        except TimeoutError:
            text = f"{process_id} has not ended within {timeout:g} s"
            raise SandboxNotReady(
                "PROCESS_READY_TIMEOUT", text, {"process_id": process_id}
            ) from None
        return WaitForExitResult(exit_code=answer["exit_code"])

    async def _found(self, process_id: str) -> Process:
        process: Process = bound(_process(await self._ask("process", id=process_id)), self)
        return process

    async def _log_events(self, process_id: str) -> AsyncIterator[bytes]:
        def event(kind: str, **more: Any) -> bytes:
            named = {"type": kind, "timestamp": timestamp_of(), "process_id": process_id}
            return sse({**named, **more})

        decoder = Decoder()
        try:
            async with self._stream("follow", id=process_id) as stream:
                async for item in stream:
                    if not isinstance(item, Output):
                        yield event("dropped", bytes=item.get("dropped_bytes"))
                    elif text := decoder.decode(item.name, item.data):
                        yield event(item.name, data=text)
                answer = await stream.answer()
        except SandboxError as error:
            yield event("error", error=str(error), code=error.code)
            return
        for name, text in decoder.rest().items():
            yield event(name, data=text)
        yield event("exit", exit_code=answer.get("exit_code"))

    async def _follow(
        self,
        process_id: str,
        on_output: Callable[[str, str], Any] | None,
        on_exit: Callable[[int], Any] | None,
        on_error: Callable[[Exception], Any] | None,
    ) -> None:
        decoder = Decoder()
        try:
            async with self._stream("follow", id=process_id) as stream:
                async for item in stream:
                    if isinstance(item, Output):
                        await called(on_output, item.name, decoder.decode(item.name, item.data))
                answer = await stream.answer()
        except SandboxError as error:
            await called(on_error, error)
            return
        await called(on_exit, answer["exit_code"])

    async def _search(
        self, process_id: str, search: LogSearch
    ) -> tuple[WaitForLogResult | None, dict[str, Any]]:
        async with self._stream("follow", id=process_id) as stream:
            async for item in stream:
                if isinstance(item, Output):
                    found = search.add(item.name, item.data)
                    if found is not None:
                        return found, {}
            return None, {"exit_code": (await stream.answer()).get("exit_code")}

    async def _until_it_answers(self, wanted: WantedPort) -> None:
        connection = await self._reach()
        while True:
            with told():
                await connection.ask("listening", port=wanted.port)
            if wanted.mode == "tcp":
                return
            try:
                response = await self._home.fetch(self._id, wanted.port, Request(wanted.url))
            except SandboxRefused:
                pass  # it has closed the port again, or the connection
            else:
                if response.body is not None:
                    response.body.cancel()
                if wanted.answered(response.status):
                    return
            await asyncio.sleep(wanted.interval_s)

    async def _unless_it_ends(self, process_id: str | None, wanted: WantedPort) -> None:
        """Wait for a port, unless a process ends before."""
        if process_id is None:
            await self._until_it_answers(wanted)
            return
        async with self._stream("wait", id=process_id) as ends:
            waiting = asyncio.ensure_future(self._until_it_answers(wanted))
            ending = asyncio.ensure_future(_ended(ends))
            for task in (waiting, ending):
                task.add_done_callback(_look_at)
            try:
                await asyncio.wait([waiting, ending], return_when=asyncio.FIRST_COMPLETED)
                if waiting.done():
                    waiting.result()
                    return
                answer = ending.result()
            finally:
                waiting.cancel()
                ending.cancel()
        text = f"{process_id} has ended before port {wanted.port} answered"
        context = {"process_id": process_id, "exit_code": answer.get("exit_code")}
        raise SandboxNotReady("PROCESS_EXITED_BEFORE_READY", text, context)


def _look_at(task: "asyncio.Future[Any]") -> None:
    """Where the sandbox ends, both fail, of which one is raised; the other is no news."""
    if not task.cancelled():
        task.exception()


async def _ended(stream: SandboxStream) -> dict[str, Any]:
    try:
        return await stream.answer()
    except SandboxRefused as refused:
        raise as_error(refused) from None


async def _until_ended(connection: SandboxConnection, process_id: str) -> None:
    try:
        await connection.ask("wait", id=process_id)
    except SandboxRefused as refused:
        if refused.code != "PROCESS_NOT_FOUND":  # then it has ended, and is forgotten already
            raise


def _process(record: Mapping[str, Any]) -> Process:
    """A process as the keeper tells of it."""
    ended_s = record["ended_at"]
    return Process(
        id=record["id"],
        pid=record["pid"],
        command=record["command"],
        status=record["status"],
        start_time=timestamp_of(record["started_at"]),
        end_time=None if ended_s is None else timestamp_of(ended_s),
        exit_code=record["exit_code"],
        session_id=record["session"],
    )
