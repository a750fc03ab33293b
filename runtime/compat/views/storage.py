"""``ctx.storage`` as programs in Workers style see it, and the transaction's part of it."""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

from ....actors.done import Done
from ....actors.durable_storage import DurableStorage, Transaction
from ....actors.storage_calls import StorageCalls
from ....actors.sync_storage import SyncKv
from ....storage.errors import UsageError
from ..js.proxies import JsProxy
from ..js.values import JsDict, JsIterator, JsList
from ..sdk.transfer import incoming, outgoing
from .names import as_key, flags, list_range, spelled
from .sql import SqlStorageView

# What is the same in both spellings: most values are one of these.
_PLAIN = frozenset({str, int, float, bool, type(None)})


def _given(value: Any) -> Any:
    return value if type(value) in _PLAIN else outgoing(value)


def _had(value: Any) -> Any:
    return value if type(value) in _PLAIN else incoming(value)


class StorageCallsView(JsProxy, js_name="DurableObjectTransaction"):
    """Keys, values and the alarm: of the storage, and of a transaction."""

    native: StorageCalls

    @spelled
    def get(self, key: Any, options: Mapping[str, Any] | None = None, **more: Any) -> Done[Any]:
        """The value of ``key``, or None; for a list of keys, those that exist."""
        if type(key) is str:
            return Done(_had(self.native.get(key, **flags(options, more)).value))
        said = flags(options, more)
        if isinstance(key, list | tuple):
            return Done(incoming(self.native.get([as_key(one) for one in key], **said).value))
        return Done(_had(self.native.get(as_key(key), **said).value))

    @spelled
    def put(self, key: Any, value: Any = ..., options: Any = None, **more: Any) -> Done[None]:
        """Store ``value`` under ``key``; or several, given as a dict."""
        if type(key) is not str and isinstance(key, Mapping):
            said = flags(None if value is ... else value, more)
            entries = {as_key(name): _given(one) for name, one in key.items()}
            return self.native.put(entries, **said)
        if value is ...:
            raise UsageError("put() called with undefined value.")
        if options is not None and not isinstance(options, Mapping):
            raise TypeError(
                "Failed to execute 'put' on 'DurableObjectStorage': parameter 3 is not of type "
                "'PutOptions'."
            )
        return self.native.put(as_key(key), _given(value), **flags(options, more))

    @spelled
    def delete(self, key: Any, options: Mapping[str, Any] | None = None, **more: Any) -> Done[Any]:
        """Whether ``key`` was there; for a list of keys, how many were."""
        said = flags(options, more)
        if isinstance(key, list | tuple):
            return self.native.delete([as_key(one) for one in key], **said)
        return self.native.delete(as_key(key), **said)

    @spelled
    def list(self, options: Mapping[str, Any] | None = None, **more: Any) -> Done[JsDict]:
        """Keys with their values, in order of the keys."""
        said = {**list_range(options, more), **flags(options, more)}
        return Done(JsDict({k: _had(v) for k, v in self.native.list(**said).value.items()}))

    @spelled
    def getAlarm(self, options: Mapping[str, Any] | None = None, **more: Any) -> Done[int | None]:
        """When the alarm is due, in Unix milliseconds, or None."""
        return self.native.get_alarm(**flags(options, more))

    @spelled
    def setAlarm(
        self, scheduledTime: Any, options: Mapping[str, Any] | None = None, **more: Any
    ) -> Done[None]:
        """Have ``alarm()`` called then: Unix milliseconds, a datetime or a Date."""
        return self.native.set_alarm(as_time(scheduledTime), **flags(options, more))

    @spelled
    def deleteAlarm(self, options: Mapping[str, Any] | None = None, **more: Any) -> Done[None]:
        """Forget the alarm."""
        return self.native.delete_alarm(**flags(options, more))


def as_time(time: Any) -> Any:
    """A time as the native calls take it; a Date counts milliseconds."""
    milliseconds = getattr(time, "getTime", None)
    return time if milliseconds is None else milliseconds()


class TransactionView(StorageCallsView, js_name="DurableObjectTransaction"):
    """What the callback of ``storage.transaction`` works on."""

    native: Transaction

    def __init__(self, native: Transaction) -> None:
        self.native = native

    @spelled
    def rollback(self) -> None:
        """Undo what was written so far."""
        self.native.rollback()


class StorageView(StorageCallsView, js_name="DurableObjectStorage"):
    """``ctx.storage``."""

    native: DurableStorage

    def __init__(self, native: DurableStorage) -> None:
        self.native = native

    @cached_property
    def sql(self) -> SqlStorageView:
        """The SQLite database."""
        return SqlStorageView(self.native.sql)

    @cached_property
    def kv(self) -> "KvView":
        """Keys and values, synchronously."""
        return KvView(self.native.kv)

    @spelled
    def deleteAll(self, options: Mapping[str, Any] | None = None, **more: Any) -> Done[None]:
        """Forget everything: keys, tables, and the alarm."""
        return self.native.delete_all(**flags(options, more))

    @spelled
    def sync(self) -> Any:
        """Awaiting it ends when everything written so far is durable."""
        return self.native.sync()

    @spelled
    def transaction(self, closure: Callable[[TransactionView], Any]) -> Any:
        """Run ``closure(txn)``: all it writes, or nothing if it raises."""
        return self.native.transaction(lambda txn: closure(TransactionView(txn)))

    @spelled
    def transactionSync(self, closure: Callable[[], Any]) -> Any:
        """Run ``closure()``: all it writes, or nothing if it raises."""
        return self.native.transaction_sync(closure)

    @spelled
    def getCurrentBookmark(self) -> Any:
        """The bookmark of the state as it is now."""
        return self.native.get_current_bookmark()

    @spelled
    def getBookmarkForTime(self, timestamp: Any) -> Any:
        """The bookmark of the state at a time."""
        return self.native.get_bookmark_for_time(as_time(timestamp))

    @spelled
    def onNextSessionRestoreBookmark(self, bookmark: str) -> Any:
        """Have the object start from that state when it starts next."""
        return self.native.on_next_session_restore_bookmark(bookmark)


class KvView(JsProxy, js_name="SyncKvStorage"):
    """``storage.kv``."""

    def __init__(self, native: SyncKv) -> None:
        self.native = native

    @spelled
    def get(self, key: Any) -> Any:
        """The value of ``key``, or None."""
        return _had(self.native.get(as_key(key)))

    @spelled
    def put(self, key: Any, value: Any) -> None:
        """Store ``value`` under ``key``."""
        self.native.put(as_key(key), _given(value))

    @spelled
    def delete(self, key: Any) -> bool:
        """Whether ``key`` was there."""
        return self.native.delete(as_key(key))

    @spelled
    def list(self, options: Mapping[str, Any] | None = None, **more: Any) -> JsIterator:
        """Pairs of a key and its value, read as they are asked for."""
        return JsIterator(_pairs(self.native.list(**list_range(options, more))))


def _pairs(rows: Iterator[tuple[str, Any]]) -> Iterator[JsList]:
    for key, value in rows:
        yield JsList((key, _had(value)))
