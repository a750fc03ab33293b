"""Promises: awaitables with ``then``, and what runs an awaitable at once.

A promise of a coroutine runs it where it is first awaited, without a task of its own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterable
from inspect import isawaitable
from typing import Any

from .errors import js_error
from .proxies import JsException, JsProxy
from .pyproxies import unwrapped
from .values import JsDict, JsList


class Promise(JsProxy):
    """A value that comes later; it may be awaited any number of times."""

    def __init__(self, executor: Callable[..., Any] | None = None) -> None:
        self._source: Awaitable[Any] | None = None
        self._is_begun = False
        self._outcome: tuple[Any, BaseException | None] | None = None
        self._waiting: list[asyncio.Future[Any]] = []
        if executor is not None:
            future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            self._source = _followed(future)

            def resolve(value: Any = None) -> None:
                if not future.done():
                    future.set_result(value)

            def reject(reason: Any = None) -> None:
                if not future.done():
                    future.set_exception(as_error(reason))

            executor(resolve, reject)

    @classmethod
    def of(cls, source: Awaitable[Any]) -> "Promise":
        """A promise of what ``source`` comes to; native errors turn into JavaScript's."""
        self = cls()
        self._source = source
        return self

    @classmethod
    def begun(cls, source: Awaitable[Any]) -> "Promise":
        """Likewise, and it runs at once whether or not somebody awaits it."""
        return cls.of(asyncio.ensure_future(source))

    @classmethod
    def resolve(cls, value: Any = None) -> "Promise":
        """One that is fulfilled; a promise is itself."""
        if isinstance(value, Promise):
            return value
        self = cls()
        held = unwrapped(value)  # to_js makes proxies of coroutines
        if isawaitable(held):
            self._source = held
        else:
            self._outcome = (value, None)
        return self

    @classmethod
    def reject(cls, reason: Any = None) -> "Promise":
        """One that is rejected."""
        self = cls()
        self._outcome = (None, as_error(reason))
        return self

    def __del__(self) -> None:
        if not self._is_begun and asyncio.iscoroutine(self._source):
            self._source.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        if self._outcome is None and not self._is_begun:
            yield from self._run()
        elif self._outcome is None:
            waiting = asyncio.get_running_loop().create_future()
            self._waiting.append(waiting)
            yield from waiting
        assert self._outcome is not None, "it has run"
        value, error = self._outcome
        if error is not None:
            raise error
        return value

    def _run(self) -> Generator[Any, Any, None]:
        self._is_begun = True
        assert self._source is not None, "there is something to run"
        try:
            value = yield from self._source.__await__()
        except Exception as error:
            self._settle(None, js_error(error))
        except BaseException as error:
            self._settle(None, error)
            raise
        else:
            self._settle(value, None)

    def _settle(self, value: Any, error: BaseException | None) -> None:
        self._outcome = (value, error)
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def then(
        self,
        onFulfilled: Callable[[Any], Any] | None = None,
        onRejected: Callable[[Any], Any] | None = None,
    ) -> "Promise":
        """Call back with the value or the error, and promise what that comes to."""
        return Promise.begun(self._then(onFulfilled, onRejected))

    async def _then(
        self, on_fulfilled: Callable[[Any], Any] | None, on_rejected: Callable[[Any], Any] | None
    ) -> Any:
        try:
            value = await self
        except Exception as error:
            if on_rejected is None:
                raise
            return await _called(on_rejected, js_error(error))
        return value if on_fulfilled is None else await _called(on_fulfilled, value)

    def catch(self, onRejected: Callable[[Any], Any]) -> "Promise":
        """Call back with the error, and promise what that comes to."""
        return self.then(None, onRejected)

    def finally_(self, onFinally: Callable[[], Any]) -> "Promise":
        """Call back at the end, and promise the same as this one."""

        async def run() -> Any:
            try:
                return await self
            finally:
                await _called(onFinally)

        return Promise.begun(run())

    @classmethod
    def all(cls, promises: Iterable[Any]) -> "Promise":
        """All values in order, or the first error."""

        async def run() -> JsList:
            return JsList(await asyncio.gather(*map(cls.resolve, promises)))

        return cls.begun(run())

    @classmethod
    def allSettled(cls, promises: Iterable[Any]) -> "Promise":
        """What became of each: ``status``, and ``value`` or ``reason``."""

        async def run() -> JsList:
            ends = await asyncio.gather(*map(cls.resolve, promises), return_exceptions=True)
            return JsList(map(_settled, ends))

        return cls.begun(run())

    @classmethod
    def race(cls, promises: Iterable[Any]) -> "Promise":
        """What the first comes to."""

        async def run() -> Any:
            tasks = [asyncio.ensure_future(cls.resolve(promise)) for promise in promises]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return done.pop().result()

        return cls.begun(run())


def _settled(end: Any) -> JsDict:
    if isinstance(end, BaseException):
        return JsDict({"status": "rejected", "reason": end})
    return JsDict({"status": "fulfilled", "value": end})


async def _called(callback: Callable[..., Any], *arguments: Any) -> Any:
    result = unwrapped(callback)(*arguments)
    return await result if isawaitable(result) else result


async def _followed(future: "asyncio.Future[Any]") -> Any:
    """What a promise comes to that was resolved, maybe with another promise."""
    value = await future
    held = unwrapped(value)
    return await held if isawaitable(held) else value


def as_error(reason: Any) -> BaseException:
    """What is raised for a reason to reject."""
    if isinstance(reason, BaseException):
        return js_error(reason)
    return JsException(reason)
