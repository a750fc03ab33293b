"""The contexts of a sandbox: each is a kernel, and what is run in it, one after the other.

*Promise*: a run ends: at its end, when its time is over, or when who asked is gone. Code that does
not end when it is interrupted loses its context.
"""

import asyncio
import os
import secrets
import time
from collections.abc import Callable

from .kernel import Json, Kernel, KernelDied, Refused, Surroundings
from .outputs import Outputs

CONTEXTS_MAX = 10
# Code is interrupted so often before its process is ended: it may have caught the first one.
INTERRUPTS = 2
# After each. One that comes too soon interrupts what writes the traceback of the one before.
GRACE_S = 2.5
_GONE = (
    "There is no code context {}: it was deleted, its process has ended, or the sandbox was "
    "started anew since. Its variables are gone; create another one"
)
MakeKernel = Callable[[str, Surroundings], Kernel]


class Context:
    """One context.

    Attributes:
        id: What it is called.
        language: Of its code.
        cwd: Where its process started, as requests call it.
        last_used: When something was run in it, in seconds since 1970.
        has_ended: Whether its process is gone.
    """

    def __init__(self, language: str, cwd: str, kernel: Kernel) -> None:
        self.id = secrets.token_hex(8)
        self.language = language
        self.cwd = cwd
        self.created_at = self.last_used = time.time()
        self.has_ended = False
        self.kernel = kernel
        self._turn = asyncio.Lock()
        self._running: asyncio.Future[int | None] | None = None

    def record(self) -> Json:
        """Return what is told of it."""
        names = ("id", "language", "cwd", "created_at", "last_used")
        return {name: getattr(self, name) for name in names}

    async def run(self, code: str, timeout_s: float | None, outputs: Outputs) -> Json:
        """Run code when all that was asked for before has ended; return what is told of it.

        Raises:
            Refused: The context has ended meanwhile.
        """
        async with self._turn:
            if self.has_ended:
                raise gone(self.id)
            self.last_used = time.time()
            count = await self._run(code, timeout_s, outputs)
            self.last_used = time.time()
        event = {"execution_count": count, "dropped_bytes": outputs.dropped_bytes}
        outputs.emit({"type": "execution_complete", **event})
        return {"context": self.record(), "has_ended": self.has_ended, **event}

    async def _run(self, code: str, timeout_s: float | None, outputs: Outputs) -> int | None:
        last_words: list[str] = []
        is_over = False

        def emit(event: Json) -> None:
            if is_over and event["type"] == "error":
                last_words[:] = event["traceback"]
            else:
                outputs.emit(event)

        task = self._running = asyncio.ensure_future(self.kernel.execute(code, emit))
        try:
            await asyncio.wait({task}, timeout=timeout_s)
            if not task.done():
                is_over = True
                await self._stop(task)
        except asyncio.CancelledError:  # who asked is gone
            is_over = True
            await self._stop(task)
            if not task.cancelled() and task.exception() is not None:
                await self.end()
            raise
        finally:
            self._running = None
        count, why = None, "The context was deleted while the code ran" if task.cancelled() else ""
        if not task.cancelled():
            try:
                count = task.result()
            except KernelDied as died:
                why = str(died)
                await self.end()
            except Exception:  # a bug of ours: nobody knows what state it is in
                await self.end()
                raise
        if is_over:
            text = f"The code ran longer than {timeout_s:g} s and was interrupted"
            if self.has_ended:
                text += "; it went on, so its process was ended, and the variables are gone"
            outputs.emit(_error("TimeoutError", text, last_words))
        elif why:
            outputs.emit(_error("ContextEnded", f"{why}. Its variables are gone", []))
        return count

    async def _stop(self, task: "asyncio.Future[int | None]") -> None:
        """Have the code end, or the process."""
        for _ in range(INTERRUPTS):
            await self.kernel.interrupt()
            await asyncio.wait({task}, timeout=GRACE_S)
            if task.done():
                return
        await self.end()

    async def end(self) -> None:
        """End its process, in the middle of what it runs."""
        self.has_ended = True
        if self._running is not None and not self._running.done():
            self._running.cancel()
            await asyncio.wait({self._running})
        await self.kernel.kill()


class Contexts:
    """All contexts of the sandbox.

    Args:
        workspace: What requests call ``/workspace``.
        folder: For what contexts need, each in its own folder.
        packages: See ``Surroundings``.
        make_kernel: Makes one for a language.
    """

    def __init__(
        self, workspace: str, folder: str, packages: list[str], make_kernel: MakeKernel
    ) -> None:
        self._workspace = workspace
        self._folder = folder
        self._packages = packages
        self._make_kernel = make_kernel
        self._contexts: dict[str, Context] = {}
        self._defaults: dict[str, asyncio.Task[Context]] = {}
        self._starting = 0

    def all(self) -> list[Context]:
        """Return those that live, oldest first."""
        for ended in [each for each in self._contexts.values() if each.has_ended]:
            del self._contexts[ended.id]
        return list(self._contexts.values())

    def find(self, context_id: str) -> Context:
        """Return one.

        Raises:
            Refused: There is none of that name.
        """
        context = self._contexts.get(context_id)
        if context is None or context.has_ended:
            raise gone(context_id)
        return context

    async def default(self, language: str, request: Json) -> Context:
        """Return the one for code that names none; it is made when it is first needed."""
        making = self._defaults.get(language)
        if (
            making is not None
            and making.done()
            and (_has_failed(making) or making.result().has_ended)
        ):
            making = None
        if making is None:
            making = asyncio.ensure_future(self.create(language, request))
            self._defaults[language] = making
        return await asyncio.shield(making)

    async def create(self, language: str, request: Json) -> Context:
        """Start one.

        Raises:
            Refused: It does not start, or there are enough.
        """
        if len(self.all()) + self._starting >= CONTEXTS_MAX:
            text = (
                f"A sandbox has at most {CONTEXTS_MAX} code contexts; delete one that is not needed"
            )
            raise Refused("TOO_MANY_REQUESTS", text)
        cwd = str(request.get("cwd") or "/workspace")
        real = self._real(cwd)
        if not os.path.isdir(real):  # noqa: PTH112, ASYNC240  # pathlib takes 10 ms to import
            raise Refused("FILE_NOT_FOUND", f"There is no folder {cwd} to start in", path=cwd)
        name = f"{self._folder}/{secrets.token_hex(4)}"
        os.mkdir(name, 0o700)  # noqa: PTH102  # as above
        surroundings = Surroundings(
            packages=self._packages,
            folder=name,
            is_short=self._workspace == "/workspace",
            cwd=real,
            environment=_environment(request.get("env") or {}),
        )
        self._starting += 1
        try:
            kernel = self._make_kernel(language, surroundings)
            await kernel.start(float(request.get("start_timeout_s") or 30.0))
        finally:
            self._starting -= 1
        context = Context(language, cwd, kernel)
        self._contexts[context.id] = context
        return context

    async def delete(self, context_id: str) -> None:
        """End one, in the middle of what it runs.

        Raises:
            Refused: There is none of that name.
        """
        await self.find(context_id).end()

    def _real(self, path: str) -> str:
        if path == "/workspace" or path.startswith("/workspace/"):
            return self._workspace + path[len("/workspace") :]
        return path if path.startswith("/") else f"{self._workspace}/{path}"


def gone(context_id: str) -> Refused:
    """Return why nothing can be run in a context."""
    return Refused("CONTEXT_NOT_FOUND", _GONE.format(context_id), context_id=context_id)


def _environment(changes: Json) -> dict[str, str]:
    """Return this process's variables with changes; None as a value removes one."""
    changed = {**os.environ, **changes}
    return {name: str(value) for name, value in changed.items() if value is not None}


def _has_failed(task: "asyncio.Task[Context]") -> bool:
    return task.cancelled() or task.exception() is not None


def _error(name: str, message: str, traceback: list[str]) -> Json:
    return {"type": "error", "ename": name, "evalue": message, "traceback": traceback}
