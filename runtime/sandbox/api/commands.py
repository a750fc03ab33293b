"""``exec``: commands that are waited for."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from ....actors.abort_signal import AbortSignal
from ..asking import Output, SandboxStream
from ..errors import SandboxCommandError, SandboxError, SandboxInvalid
from ..results import ExecResult, timestamp_of
from .argument import check_functions, time_limit
from .events import sse
from .output import Collected, Decoder, Encoding, called
from .part import Part, Scope

OnOutput = Callable[[str, str], Any]

# Of one argument of a program, of which Linux takes 128 KiB with the zero byte at its end.
COMMAND_BYTES_MAX: Final = 128 * 1024 - 1


class Commands(Part):
    """Runs commands and waits for their end."""

    async def exec(
        self,
        command: str,
        *,
        timeout: float | None = None,  # noqa: ASYNC109  # the command is ended, not only the wait
        env: Mapping[str, str | None] | None = None,
        cwd: str | None = None,
        stdin: str | bytes | None = None,
        encoding: Encoding = "utf-8",
        stream: bool = False,
        on_output: OnOutput | None = None,
        on_complete: Callable[[ExecResult], Any] | None = None,
        on_error: Callable[[Exception], Any] | None = None,
        signal: AbortSignal | None = None,
        session_id: str | None = None,
    ) -> ExecResult:
        """Run a command with bash, and wait until it has ended.

        What it leaves in the background goes on. The folder that it was in last, and the variables
        that it has exported, are those of the next one in its session. An exit code other than 0
        is a result, not an error.

        Args:
            command: For ``bash -c``.
            timeout: In seconds, the session's ``command_timeout`` by default; then it is ended,
                with all that it has started, but for what has left its process group (``setsid``):
                that goes on, as what is in the background.
            env: Variables on top of those of the session and the sandbox; None as a value leaves
                one of those out.
            cwd: Where it begins; where the session is by default, which begins in ``/workspace``.
            stdin: What it reads; nothing by default.
            encoding: Of stdout and stderr in the result: "base64" keeps what is no text.
            stream: Call ``on_output(name, text)`` as it writes; that it is given is enough.
            on_output: Called with "stdout" or "stderr" and text; waited for if it is async.
            on_complete: Called with the result.
            on_error: Called with the error, which is raised as well.
            signal: Ends the command when it is called off.
            session_id: In which session.

        Raises:
            SandboxCommandError: It could not be started, or its time was over: what it had written
                is in ``error.context``.
            SandboxUnavailable: The sandbox could not be started, or stopped meanwhile.
        """
        del stream
        check_functions(on_output=on_output, on_complete=on_complete, on_error=on_error)
        try:
            result = await self._execute(
                await self._wanted(command, session_id, env, cwd, timeout, signal),
                input_of(stdin),
                encoding,
                on_output,
            )
        except SandboxError as error:
            await called(on_error, error)
            raise
        await called(on_complete, result)
        return result

    async def exec_stream(
        self,
        command: str,
        *,
        timeout: float | None = None,  # noqa: ASYNC109  # as in exec
        env: Mapping[str, str | None] | None = None,
        cwd: str | None = None,
        stdin: str | bytes | None = None,
        signal: AbortSignal | None = None,
        session_id: str | None = None,
    ) -> AsyncIterator[bytes]:
        """Run a command, and give what it writes as server-sent events, as it writes it.

        ``parse_sse_stream`` reads them: dicts with ``type`` (start, stdout, stderr, complete or
        error), ``timestamp``, ``command``, ``data``, ``exit_code``. Whoever stops reading ends the
        command. Arguments as ``exec``.
        """
        wanted = await self._wanted(command, session_id, env, cwd, timeout, signal)
        return self._events(wanted, input_of(stdin))

    async def _wanted(
        self,
        command: str,
        session_id: str | None,
        env: Mapping[str, str | None] | None,
        cwd: str | None,
        timeout: float | None,  # noqa: ASYNC109  # as in exec
        signal: AbortSignal | None,
    ) -> "_Wanted":
        limit_s = time_limit(timeout)
        fields = await self._command(command, session_id, env, cwd)
        if limit_s is None:
            limit_s = self._scope(session_id).timeout_s
        return _Wanted(command, fields, limit_s, signal)

    async def _command(
        self,
        command: str,
        session_id: str | None,
        env: Mapping[str, str | None] | None,
        cwd: str | None,
    ) -> dict[str, Any]:
        """What the keeper is told of a command, as far as it is the same for all ways to run it."""
        if not isinstance(command, str) or not command.strip():
            raise SandboxCommandError("INVALID_COMMAND", "The command is text that is not empty")
        if len(command.encode(errors="replace")) > COMMAND_BYTES_MAX:
            text = f"The command is longer than {COMMAND_BYTES_MAX:,} bytes, which is more than the"
            text += " system hands to a program: write it to a file and run that, or use stdin"
            raise SandboxCommandError("INVALID_COMMAND", text)
        return {"command": command, **environment_of(await self._scope_now(session_id), env, cwd)}

    async def _execute(
        self,
        wanted: "_Wanted",
        stdin: bytes | None,
        encoding: Encoding,
        on_output: OnOutput | None,
    ) -> ExecResult:
        if encoding not in {"utf-8", "base64"}:
            raise SandboxInvalid("VALIDATION_FAILED", 'encoding is "utf-8" or "base64"')
        started, decoder = time.perf_counter(), Decoder()
        timestamp = timestamp_of()
        outputs = {"stdout": Collected(), "stderr": Collected()}
        async with self._run(wanted, stdin) as running:
            async for item in running:
                if not isinstance(item, Output):
                    continue
                outputs[item.name].add(item.data)
                if on_output is not None and (text := decoder.decode(item.name, item.data)):
                    await called(on_output, item.name, text)
            answer = await running.answer()
        self._leave(wanted.fields.get("session"), answer.get("left"))
        if on_output is not None:
            for name, text in decoder.rest().items():
                await called(on_output, name, text)
        stdout, stderr = outputs["stdout"], outputs["stderr"]
        if answer["timed_out"]:
            raise wanted.too_late(stdout.text(encoding), stderr.text(encoding))
        return ExecResult(
            success=answer["exit_code"] == 0,
            exit_code=answer["exit_code"],
            stdout=stdout.text(encoding),
            stderr=stderr.text(encoding),
            command=wanted.command,
            duration=round((time.perf_counter() - started) * 1000, 3),
            timestamp=timestamp,
            session_id=wanted.fields.get("session"),
            dropped_bytes=stdout.dropped_bytes + stderr.dropped_bytes,
        )

    async def _events(self, wanted: "_Wanted", stdin: bytes | None) -> AsyncIterator[bytes]:
        def event(kind: str, **more: Any) -> bytes:
            return sse({"type": kind, "timestamp": timestamp_of(), **more})

        decoder = Decoder()
        yield event("start", command=wanted.command, session_id=wanted.fields.get("session"))
        try:
            async with self._run(wanted, stdin) as running:
                async for item in running:
                    if isinstance(item, Output) and (text := decoder.decode(item.name, item.data)):
                        yield event(item.name, data=text, command=wanted.command)
                answer = await running.answer()
            self._leave(wanted.fields.get("session"), answer.get("left"))
            for name, text in decoder.rest().items():
                yield event(name, data=text, command=wanted.command)
            if answer["timed_out"]:
                raise wanted.too_late("", "")
        except SandboxError as error:
            yield event("error", error=str(error), code=error.code, command=wanted.command)
            return
        yield event("complete", exit_code=answer["exit_code"], command=wanted.command)

    @asynccontextmanager
    async def _run(self, wanted: "_Wanted", stdin: bytes | None) -> AsyncIterator[SandboxStream]:
        """The command while it runs; what it is to read is written beside what it writes."""
        limits = {} if wanted.timeout_s is None else {"timeout_s": wanted.timeout_s}
        more = {} if stdin is None else {"stdin": True}
        more["leaves"] = self._leaves(wanted.fields.get("session"))
        async with self._stream("exec", **wanted.fields, **limits, **more) as running:
            tasks = []
            if stdin is not None:
                tasks.append(asyncio.ensure_future(_feed(running, stdin)))
            else:
                running.end()
            if wanted.signal is not None:
                tasks.append(asyncio.ensure_future(_stop(running, wanted.signal)))
            try:
                yield running
            finally:
                for task in tasks:
                    task.cancel()


class _Wanted:
    """A command, and what ends it before its time.

    Attributes:
        command: As it was given.
        fields: What the keeper is told.
        timeout_s: How long it may take; None: as long as it likes.
        signal: Calls it off.
    """

    def __init__(
        self,
        command: str,
        fields: dict[str, Any],
        timeout_s: float | None,
        signal: AbortSignal | None,
    ) -> None:
        self.command, self.fields = command, fields
        self.timeout_s, self.signal = timeout_s, signal
        if not isinstance(signal, AbortSignal | None):
            raise SandboxInvalid("VALIDATION_FAILED", f"signal is an AbortSignal, not {signal!r}")

    def too_late(self, stdout: str, stderr: str) -> SandboxCommandError:
        """The error of a command whose time was over."""
        text = f"The command did not end within {self.timeout_s:g} s: {self.command}"
        context = {"command": self.command, "timed_out": True, "stdout": stdout, "stderr": stderr}
        return SandboxCommandError("COMMAND_EXECUTION_ERROR", text, context)


def environment_of(
    scope: Scope, env: Mapping[str, str | None] | None, cwd: str | None
) -> dict[str, Any]:
    """Where a command runs, as the keeper is told.

    Raises:
        SandboxInvalid: A variable, or the folder, is no text.
    """
    fields: dict[str, Any] = {"env": {**scope.env, **variables_of(env)}}
    if (place := cwd or scope.cwd) is not None:
        if not isinstance(place, str):
            raise SandboxInvalid("VALIDATION_FAILED", f"cwd is text, not {place!r}")
        fields["cwd"] = place
    if cwd is None and scope.or_cwd is not None:
        fields["or_cwd"] = scope.or_cwd
    if scope.session_id is not None:
        fields["session"] = scope.session_id
    return fields


def variables_of(env: Mapping[str, str | None] | None) -> dict[str, str | None]:
    """Variables as a caller gives them, checked; None as a value removes one.

    Raises:
        SandboxInvalid: One is no text.
    """
    if not isinstance(env, Mapping | None):
        raise SandboxInvalid("VALIDATION_FAILED", f"env is a dict of text, not {env!r}")
    found = dict(env or {})
    for name, value in found.items():
        if not isinstance(name, str) or not name or set("=\0") & set(name):
            text = f"env: a variable cannot be called {name!r}: a name is text without = and zero"
            raise SandboxInvalid("VALIDATION_FAILED", f"{text} bytes", {"field": "env"})
        if not (value is None or (isinstance(value, str) and "\0" not in value)):
            text = f"env: the value of {name!r} is text without zero bytes, or None to leave the"
            text = f"{text} variable out, not {value!r:.80}"
            raise SandboxInvalid("VALIDATION_FAILED", text, {"field": "env"})
    return found


def input_of(stdin: str | bytes | bytearray | memoryview | None) -> bytes | None:
    """What a command is to read.

    Raises:
        SandboxInvalid: It is neither text nor bytes.
    """
    if isinstance(stdin, str):
        return stdin.encode()
    if stdin is None or isinstance(stdin, bytes | bytearray | memoryview):
        return None if stdin is None else bytes(stdin)
    text = f"stdin is text or bytes, not {type(stdin).__name__}: write what is longer to a file, "
    raise SandboxInvalid("VALIDATION_FAILED", f"{text}and read that with <")


async def _feed(running: SandboxStream, data: bytes) -> None:
    await running.write(data)
    running.end()


async def _stop(running: SandboxStream, signal: AbortSignal) -> None:
    await signal.wait()
    running.cancel()
