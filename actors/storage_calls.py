"""The asynchronous key-value and alarm calls, shared by ``ctx.storage`` and transactions."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar, overload

from ..storage.errors import UsageError
from ..storage.kv import KeyValue
from ..storage.metadata import Metadata
from .done import Done

T = TypeVar("T")


class AlarmRow:
    """The actor's alarm, as its own code sees it.

    Attributes:
        has_handler: The class has an ``alarm`` method.
        is_running: The handler runs; the alarm it runs for is not shown to it.
        is_replaced: The handler has set or deleted the alarm itself.
        changed: Called at each change, before it is written.
    """

    __slots__ = ("_metadata", "has_handler", "is_replaced", "is_running")

    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata
        self.has_handler = False
        self.is_running = False
        self.is_replaced = False

    def get(self) -> int | None:
        if self.is_running and not self.is_replaced:
            return None
        return self._metadata.get_alarm_ms()

    def set(self, time_ms: int) -> None:
        self.is_replaced = True
        self._metadata.set_alarm_ms(time_ms)

    def delete(self) -> None:
        # While the handler runs, the alarm it runs for is not cancelled by this.
        self.is_replaced = True
        self._metadata.delete_alarm()


class StorageCalls(ABC):
    """Storage of one actor. Calls are done when made; awaiting them lets nothing else in.

    ``allow_unconfirmed`` on a call that writes says that nothing has to wait for this write: what
    is sent after it, or after it was read, leaves before it is durable, and may tell of what a
    crash then undoes. A turn that has written otherwise too waits for all it has written.

    The options ``allow_concurrency`` and ``no_cache`` are accepted for code that was written for
    Cloudflare. Nothing has to be awaited here, so they change nothing.
    """

    __slots__ = ()

    @abstractmethod
    def _use(self) -> tuple[KeyValue, AlarmRow]:
        """What to work on, after a check that this is the moment and the place for it."""

    @abstractmethod
    def _unconfirmed(self, call: Callable[[], T]) -> T:
        """What ``call`` gives; nothing that is sent has to wait for what it writes."""

    @abstractmethod
    def _alarm_changes(self) -> None:
        """The alarm's row is about to change."""

    @abstractmethod
    def _time_ms(self) -> int:
        """The time by the actor's clock, in Unix milliseconds."""

    @overload
    def get(self, key: str, **options: bool) -> Done[Any]: ...

    @overload
    def get(self, key: list[str] | tuple[str, ...], **options: bool) -> Done[dict[str, Any]]: ...

    def get(self, key: Any, **options: bool) -> Done[Any]:
        """The value of ``key``, or None; for a list of keys a dict of those that exist."""
        if options:
            _check_options("get", options)
        kv, _ = self._use()
        if isinstance(key, list | tuple):
            return Done(kv.get_many(key))
        return Done(kv.get(key))

    @overload
    def put(self, key: str, value: Any, **options: bool) -> Done[None]: ...

    @overload
    def put(self, key: Mapping[str, Any], **options: bool) -> Done[None]: ...

    def put(self, key: Any, value: Any = ..., **options: bool) -> Done[None]:
        """Store ``value`` under ``key``; or a mapping of several, all or none.

        Raises:
            ValueNotSerializable: A value cannot be stored; the message says which and why.
            LimitExceeded: A key or value is too large, or there are too many.
        """
        if options and opts_out("put", options):
            return self._unconfirmed(lambda: self.put(key, value))
        kv, _ = self._use()
        if isinstance(key, Mapping):
            if value is not ...:
                raise UsageError("put() takes either a key and a value, or one mapping of both")
            kv.put_many(key)
        elif value is ...:
            raise UsageError("put() called with undefined value.")
        else:
            kv.put(key, value)
        return Done(None)

    @overload
    def delete(self, key: str, **options: bool) -> Done[bool]: ...

    @overload
    def delete(self, key: Iterable[str], **options: bool) -> Done[int]: ...

    def delete(self, key: Any, **options: bool) -> Done[Any]:
        """Whether ``key`` was there to be deleted; for a list of keys, how many were."""
        if options and opts_out("delete", options):
            return self._unconfirmed(lambda: self.delete(key))
        kv, _ = self._use()
        if isinstance(key, str):
            return Done(kv.delete(key))
        return Done(kv.delete_many(list(key)))

    def list(
        self,
        *,
        start: str | None = None,
        start_after: str | None = None,
        end: str | None = None,
        prefix: str | None = None,
        reverse: bool = False,
        limit: int | None = None,
        **options: bool,
    ) -> Done[dict[str, Any]]:
        """Keys and values in the order of the keys' UTF-8 bytes.

        Args:
            start: The first key wanted, itself included.
            start_after: As ``start``, itself excluded; not together with it.
            end: Where to stop, itself excluded.
            prefix: Only keys that begin so.
            reverse: Last key first; ``start`` and ``end`` keep their meaning.
            limit: At most so many.
        """
        _check_options("list", options)
        kv, _ = self._use()
        return Done(
            kv.list(
                start=start,
                start_after=start_after,
                end=end,
                prefix=prefix,
                reverse=reverse,
                limit=limit,
            )
        )

    def get_alarm(self, **options: bool) -> Done[int | None]:
        """When the alarm is due, in Unix milliseconds, or None.

        None too inside ``alarm()``, unless that has set a new one.
        """
        _check_options("get_alarm", options)
        _, alarm = self._use()
        return Done(alarm.get())

    def set_alarm(self, time: float | datetime, **options: bool) -> Done[None]:
        """Have ``alarm()`` called at ``time``, at least once; replaces an alarm set before.

        ``time`` is Unix milliseconds or a datetime (a naive one is local time); the past means
        at once.

        Raises:
            UsageError: No time, or the class has no ``alarm`` handler.
        """
        if options and opts_out("set_alarm", options):
            return self._unconfirmed(lambda: self.set_alarm(time))
        _, alarm = self._use()
        time_ms = to_ms(time, "set_alarm()")
        if time_ms <= 0:
            raise UsageError("setAlarm() cannot be called with an alarm time <= 0")
        if not alarm.has_handler:
            raise UsageError(
                "Your Durable Object class must have an alarm() handler in order to call "
                "set_alarm()"
            )
        self._alarm_changes()
        alarm.set(max(time_ms, self._time_ms()))
        return Done(None)

    def delete_alarm(self, **options: bool) -> Done[None]:
        """Forget the alarm; one whose handler runs already is not stopped."""
        if options and opts_out("delete_alarm", options):
            return self._unconfirmed(self.delete_alarm)
        _, alarm = self._use()
        self._alarm_changes()
        alarm.delete()
        return Done(None)


def to_ms(time: Any, call: str) -> int:
    """Return a time that a user gave to ``call`` as Unix milliseconds."""
    if isinstance(time, datetime):
        time_ms = int(time.timestamp() * 1000)
    elif isinstance(time, int | float) and not isinstance(time, bool) and time == time:  # noqa: PLR0124  # not NaN
        time_ms = int(max(min(time, 2.0**62), 0.0))
    else:
        raise UsageError(
            f"{call} takes Unix milliseconds or a datetime, not {time!r}: "
            "The value cannot be converted because it is not a valid Date."
        )
    return time_ms


_OPTIONS = {"allow_concurrency", "allow_unconfirmed", "no_cache"}


def _check_options(call: str, options: Mapping[str, Any]) -> None:
    if not options.keys() <= _OPTIONS:
        unknown = ", ".join(sorted(options.keys() - _OPTIONS))
        raise TypeError(f"{call}() got an unexpected option {unknown}; see its documentation")


def opts_out(call: str, options: Mapping[str, Any]) -> bool:
    """Whether the write need not be confirmed."""
    _check_options(call, options)
    return bool(options.get("allow_unconfirmed"))
