"""Events, and ``AbortController`` with its ``AbortSignal``."""

import asyncio
import weakref
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from ....actors.abortable_body import AbortableBody
from ....actors.http import Response
from ....actors.response_stream import let_go
from .errors import DOMException
from .options import options_of
from .proxies import JsProxy, is_nullish
from .pyproxies import unwrapped
from .timers import setTimeout

_ABORTED = "The operation was aborted"
_FIELDS = ("detail", "data", "code", "reason", "wasClean", "message", "error")


class Event(JsProxy):
    """``Event.new("change")``; its fields are what it was made with."""

    type: str
    target: Any = None
    defaultPrevented = False

    def __init__(self, type: Any, init: Any = None, **more: Any) -> None:
        self.type = str(type)
        for name, value in options_of(init, more, _FIELDS).items():
            setattr(self, name, value)

    @property
    def currentTarget(self) -> Any:
        """As ``target``: nothing propagates here."""
        return self.target

    def preventDefault(self) -> None:
        self.defaultPrevented = True

    def stopPropagation(self) -> None:
        """Nothing propagates here."""

    stopImmediatePropagation = stopPropagation


class CustomEvent(Event):
    """An Event with a ``detail``."""

    detail: Any = None


class EventTarget(JsProxy):
    """What can be listened to."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[tuple[Any, bool]]] = {}

    def addEventListener(self, type: str, listener: Any, options: Any = None, **more: Any) -> None:
        held = unwrapped(listener)
        is_once = bool(options_of(options, more, ("once",)).get("once"))
        known = self._listeners.setdefault(type, [])
        if not is_nullish(held) and all(entry[0] != held for entry in known):
            known.append((held, is_once))

    def removeEventListener(self, type: str, listener: Any, options: Any = None) -> None:
        del options
        held = unwrapped(listener)
        known = self._listeners.get(type, [])
        self._listeners[type] = [entry for entry in known if entry[0] != held]

    def dispatchEvent(self, event: Event) -> bool:
        """Call its listeners, now; whether none has called ``preventDefault``."""
        event.target = self
        own = unwrapped(getattr(self, f"on{event.type}", None))
        entries = self._listeners.get(event.type, [])
        self._listeners[event.type] = [entry for entry in entries if not entry[1]]
        for listener in [own, *(entry[0] for entry in entries)]:
            if listener is not None:
                result = listener(event)
                if asyncio.iscoroutine(result):
                    asyncio.ensure_future(result)  # noqa: RUF006  # the loop's tasks hold it
        return not event.defaultPrevented


class AbortSignal(EventTarget):
    """Says that somebody no longer wants what was begun."""

    onabort: Any = None

    def __init__(self) -> None:
        super().__init__()
        self.aborted = False
        self.reason: Any = None

    def throwIfAborted(self) -> None:
        if self.aborted:
            raise self.error()

    def error(self) -> BaseException:
        """What is raised for it."""
        if isinstance(self.reason, BaseException):
            return self.reason
        return DOMException(str(self.reason), "AbortError")

    def give_up(self, reason: Any = None) -> None:
        """For its controller: tell the listeners, once."""
        if not self.aborted:
            self.aborted = True
            self.reason = DOMException(_ABORTED, "AbortError") if is_nullish(reason) else reason
            self.dispatchEvent(Event("abort"))

    def when_aborted(self, callback: Callable[[], Any]) -> Callable[[], None]:
        """For who begins something: call back then. What is returned has it not call back."""

        def on_abort(_event: Event) -> None:
            callback()

        self.addEventListener("abort", on_abort, once=True)
        return partial(self.removeEventListener, "abort", on_abort)

    def may_end(self, answer: Response, error: Callable[[], BaseException]) -> None:
        """For ``fetch``: have the body of ``answer`` fail when it is aborted, however late.

        Args:
            answer: What has just come.
            error: Makes what is raised then.

        Raises:
            BaseException: It has been aborted already: that error.
        """
        if self.aborted:
            let_go(answer)
            raise error()
        body = AbortableBody.of(answer)
        if body is None:
            return
        # The signal may live long: a body that nobody has any more must not stay for its sake.
        held = weakref.ref(body)

        def end() -> None:
            if (body := held()) is not None:
                body.abort(error())

        weakref.finalize(body, self.when_aborted(end)).atexit = False

    @staticmethod
    def abort(reason: Any = None) -> "AbortSignal":
        """One that is aborted."""
        signal = AbortSignal()
        signal.give_up(reason)
        return signal

    @staticmethod
    def timeout(ms: float) -> "AbortSignal":
        """One that will be.

        Raises:
            JsException: No handler is running.
        """
        signal = AbortSignal()
        reason = DOMException("The operation was aborted due to timeout", "TimeoutError")
        setTimeout(signal.give_up, ms, reason)  # what listens is the program's code
        return signal

    @staticmethod
    def any(signals: Iterable["AbortSignal"]) -> "AbortSignal":
        """One that is aborted when the first of these is."""
        result = AbortSignal()
        for signal in signals:
            if signal.aborted:
                result.give_up(signal.reason)
            else:
                signal.when_aborted(lambda signal=signal: result.give_up(signal.reason))  # type: ignore[misc]  # mypy cannot see through the default
        return result


class AbortController(JsProxy):
    """``controller.signal`` goes to who works, ``controller.abort()`` calls it off."""

    def __init__(self) -> None:
        self.signal = AbortSignal()

    def abort(self, reason: Any = None) -> None:
        self.signal.give_up(reason)
