"""Code contexts: code that is run in a process which remembers the code before."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import Any, Final

from ..connection import SandboxConnection
from ..errors import SandboxError, SandboxInvalid, error_of
from ..interpreter.code_host import CodeHost, check_language
from .argument import SECONDS_MAX, check_functions, time_limit
from .code_events import Execution, context_of, event_of_original
from .code_results import CodeContext, CodeResult, ExecutionError, ExecutionResult, OutputMessage
from .commands import environment_of
from .output import called
from .part import ENVIRONMENT, KEYS, Part, Scope, told

# Where the code host of the sandbox is.
CODE_HOST: Final = KEYS + "code_host"
TIMEOUT_S: Final = 60.0
START_TIMEOUT_S: Final = 30.0
_GONE: Final = (
    "There is no code context {}: it was deleted, its process has ended, or the sandbox was "
    "started anew since. Its variables are gone; create another one"
)


class Interpreter(Part):
    """Runs code, and keeps what it leaves behind for the code that comes next."""

    _code_host: CodeHost | None = None

    async def create_code_context(
        self,
        language: str = "python",
        *,
        cwd: str | None = None,
        env_vars: Mapping[str, str | None] | None = None,
        timeout: float = START_TIMEOUT_S,  # noqa: ASYNC109  # it travels
    ) -> CodeContext:
        """Start a process that runs code, and remembers variables and imports.

        It lives until it is deleted or the sandbox ends: also when this actor leaves memory, and
        when its worker is replaced.

        Args:
            language: "python", which needs the extra ``perdure[interpreter]`` where the server is
                installed; or "javascript", if there is Node.js.
            cwd: Where it starts; ``/workspace`` by default.
            env_vars: Its variables, on top of the sandbox's.
            timeout: In how many seconds it has to be ready.

        Raises:
            SandboxLanguageUnavailable: Nothing here runs that language.
            SandboxInterpreterError: It did not start.
            SandboxUnavailable: There are too many contexts, or the sandbox could not be started.
        """
        with told():
            check_language(language)
        limit_s = time_limit(timeout) or SECONDS_MAX
        request = self._new_context(language, env_vars, cwd, limit_s)
        connection = await self._reach()
        with told():
            answer = await self._hosted.ask(connection, {"op": "create", **request}, starts=True)
        return context_of(answer)

    async def run_code(
        self,
        code: str,
        *,
        context: CodeContext | str | None = None,
        language: str = "python",
        on_stdout: Callable[[OutputMessage], Any] | None = None,
        on_stderr: Callable[[OutputMessage], Any] | None = None,
        on_result: Callable[[CodeResult], Any] | None = None,
        on_error: Callable[[ExecutionError], Any] | None = None,
        timeout: float | None = TIMEOUT_S,  # noqa: ASYNC109  # the code is ended, not only the wait
    ) -> ExecutionResult:
        """Run code, and wait until it has ended.

        What goes wrong in the code is in the result's ``error``. Code of one context runs in the
        order in which it was sent, one after the other.

        Args:
            code: What to run.
            context: Where, or its id; by default in a context that all such calls share, which is
                made when it is first needed.
            language: Of that one, if no context is given.
            on_stdout: Called with what is written, as it is written; waited for if it is async.
            on_stderr: Likewise.
            on_result: Called with what is shown.
            on_error: Called with what went wrong.
            timeout: In seconds, from when its turn has come; then it is interrupted, and if it
                does not end, its process is: the context is gone. None: as long as it likes.

        Raises:
            SandboxContextNotFound: The context is gone: deleted, ended, or of an earlier start of
                the sandbox.
            SandboxLanguageUnavailable: Nothing here runs that language.
            SandboxInterpreterError: What runs it did not start, or has ended.
        """
        check_functions(
            on_stdout=on_stdout, on_stderr=on_stderr, on_result=on_result, on_error=on_error
        )
        execution = Execution(code)
        callbacks: dict[str, Callable[[Any], Any] | None] = {
            "stdout": on_stdout,
            "stderr": on_stderr,
            "result": on_result,
            "error": on_error,
        }
        async with aclosing(self._run_in(code, context, language, timeout)) as messages:
            async for message in messages:
                kind, value = execution.take(message)
                if value is not None:
                    await called(callbacks[kind], value)
        return execution.result()

    async def run_code_stream(
        self,
        code: str,
        *,
        context: CodeContext | str | None = None,
        language: str = "python",
        timeout: float | None = TIMEOUT_S,  # noqa: ASYNC109  # as in run_code
    ) -> AsyncIterator[bytes]:
        """Run code, and give what comes of it as server-sent events, as it comes.

        ``parse_sse_stream`` reads them: dicts with ``type`` (stdout, stderr, result, error or
        execution_complete) and ``timestamp``; ``text`` of what is written; the fields of
        ``CodeResult``; ``ename``, ``evalue`` and ``traceback``; ``execution_count``. Whoever stops
        reading interrupts the code. Arguments and errors as ``run_code``: what is wrong before the
        code runs is an event of type error, too.
        """
        return self._code_events(self._run_in(code, context, language, timeout))

    async def list_code_contexts(self) -> list[CodeContext]:
        """All code contexts that live, oldest first; the sandbox is not started for that."""
        connection = await self._running()
        if connection is None:
            return []
        with told():
            async with aclosing(
                self._hosted.messages(connection, {"op": "list"}, starts=False)
            ) as messages:
                async for message in messages:
                    contexts = (message.get("answer") or {}).get("contexts")
                    if isinstance(contexts, list):
                        return [context_of(each) for each in contexts]
        return []

    async def delete_code_context(self, context_id: str) -> None:
        """End a code context, in the middle of what it runs.

        Raises:
            SandboxContextNotFound: It is gone already.
        """
        connection = await self._running()
        if connection is None:
            raise _gone(context_id)
        request = {"op": "delete", "id": context_id}
        async with aclosing(self._host_says(connection, request, context_id)) as messages:
            async for _ in messages:
                pass

    @property
    def _hosted(self) -> CodeHost:
        if self._code_host is None:
            kv = self.ctx.storage.kv
            self._code_host = CodeHost(
                recall=lambda: kv.get(CODE_HOST),
                remember=lambda address: kv.put(CODE_HOST, address),
            )
        return self._code_host

    def _new_context(
        self,
        language: str,
        env_vars: Mapping[str, str | None] | None,
        cwd: str | None,
        timeout_s: float,
    ) -> dict[str, Any]:
        own = self.ctx.storage.kv.get(ENVIRONMENT) or {}
        fields = environment_of(Scope(), env_vars, cwd)
        fields["env"] = {**own, **fields["env"]}
        return {"language": language, "start_timeout_s": timeout_s, **fields}

    async def _run_in(
        self,
        code: str,
        context: CodeContext | str | None,
        language: str,
        timeout_s: float | None,
    ) -> AsyncGenerator[dict[str, Any], None]:
        """What the code host says while it runs code."""
        if not isinstance(code, str):
            raise SandboxInvalid("VALIDATION_FAILED", f"The code is text, not {code!r}")
        limit_s = time_limit(timeout_s)
        request: dict[str, Any] = {"op": "run", "code": code, "timeout_s": limit_s}
        if context is None:
            with told():
                check_language(language)
            request |= self._new_context(language, None, None, START_TIMEOUT_S)
            connection = await self._reach()
            messages = self._host_says(connection, request, None)
        else:
            context_id = context.id if isinstance(context, CodeContext) else str(context)
            running = await self._running()
            if running is None:
                raise _gone(context_id)
            messages = self._host_says(running, {**request, "id": context_id}, context_id)
        async with aclosing(messages):
            async for message in messages:
                yield message

    async def _host_says(
        self, connection: SandboxConnection, request: dict[str, Any], context_id: str | None
    ) -> AsyncGenerator[dict[str, Any], None]:
        """What the code host says; if there is none, the context is gone with it."""
        is_empty = True
        with told():
            async with aclosing(
                self._hosted.messages(connection, request, starts=context_id is None)
            ) as messages:
                async for message in messages:
                    is_empty = False
                    yield message
        if is_empty and context_id is not None:
            raise _gone(context_id)

    async def _code_events(
        self, messages: AsyncGenerator[dict[str, Any], None]
    ) -> AsyncIterator[bytes]:
        try:
            async for message in messages:
                if isinstance(event := message.get("event"), dict):
                    yield _sse(event_of_original(event))
        except SandboxError as error:
            yield _sse({"type": "error", "ename": error.code, "evalue": str(error)})
        finally:
            await messages.aclose()


def _sse(event: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(event).encode() + b"\n\n"


def _gone(context_id: str) -> SandboxError:
    return error_of("CONTEXT_NOT_FOUND", _GONE.format(context_id), {"context_id": context_id})
