"""Keys and values of one actor: the key-value half of its storage.

A key is a str, and keys are ordered by their UTF-8 bytes, which is the order of their code
points, so Python's own order of str. A value is anything that storage/values.py encodes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .engine import ActorDatabase
from .errors import InvalidArgument, LimitExceeded, UsageError
from .values import decode, encode

_GET = "SELECT value FROM _cf_KV WHERE key = ?"
_PUT = (
    "INSERT INTO _cf_KV (key, value) VALUES (?, ?)"
    " ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)
_DELETE = "DELETE FROM _cf_KV WHERE key = ?"
# By (has an end, is reversed). A start of "" is before every key, so it needs no form of its own.
_LIST = {
    (False, False): "SELECT key, value FROM _cf_KV WHERE key >= ? ORDER BY key LIMIT ?",
    (False, True): "SELECT key, value FROM _cf_KV WHERE key >= ? ORDER BY key DESC LIMIT ?",
    (True, False): "SELECT key, value FROM _cf_KV WHERE key >= ? AND key < ? ORDER BY key LIMIT ?",
    (True, True): (
        "SELECT key, value FROM _cf_KV WHERE key >= ? AND key < ? ORDER BY key DESC LIMIT ?"
    ),
}
_NO_LIMIT = -1
_SCAN_PAGE_ROWS = 64


@dataclass(frozen=True, slots=True)
class KeyRange:
    """Which keys are wanted, and from which end.

    Attributes:
        start: The first one wanted.
        end: The first one not wanted any more; None for no such key.
        reverse: The last one first.
    """

    start: str
    end: str | None
    reverse: bool

    def after(self, key: str) -> "KeyRange":
        """Return the range without ``key`` and what came before it."""
        return replace(self, end=key) if self.reverse else replace(self, start=_next_key(key))


class KeyValue:
    """The keys of one actor.

    A value that cannot be stored, a key that is no key and a limit exceeded are found before
    anything is written, so that a call does all it was asked for or nothing.
    """

    __slots__ = ("_db", "_limits", "_scans")

    def __init__(self, db: ActorDatabase) -> None:
        self._db = db
        self._limits = db.limits
        self._scans = 0

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of ``key``, or ``default`` if there is none.

        Raises:
            InvalidArgument: ``key`` is not a str.
            ValueCorrupt: What is stored under it was damaged.
        """
        self._check_key(key)
        data = self._db.value(_GET, (key,))
        return default if data is None else decode(data)

    def get_many(self, keys: Iterable[str]) -> dict[str, Any]:
        """Return those of ``keys`` that exist, with their values, in the order of the keys.

        Raises:
            LimitExceeded: There are more than ``keys_per_batch_max``.
        """
        found = {}
        for key in sorted(self._batch(keys)):
            data = self._db.value(_GET, (key,))
            if data is not None:
                found[key] = decode(data)
        return found

    def put(self, key: str, value: Any) -> None:
        """Store ``value`` under ``key``, in place of what was there.

        Raises:
            ValueNotSerializable: ``value`` cannot be stored.
            LimitExceeded: ``key`` or ``value`` is too large.
        """
        self._check_key(key)
        data = encode(value)
        if len(data) > self._limits.value_size_bytes_max:
            raise self._too_large(key, data)
        self._db.write(_PUT, (key, data))

    def put_many(self, entries: Mapping[str, Any]) -> None:
        """Store all of ``entries``, or nothing if one of them cannot be stored."""
        encoded = []
        for key in self._batch(entries):
            data = encode(entries[key], what=f"the value of {key!r}")
            if len(data) > self._limits.value_size_bytes_max:
                raise self._too_large(key, data)
            encoded.append((key, data))
        for entry in encoded:
            self._db.write(_PUT, entry)

    def delete(self, key: str) -> bool:
        """Delete ``key``; return whether it was there."""
        self._check_key(key)
        # Without a file there is nothing to delete, and nothing to make one for.
        return self._db.value(_GET, (key,)) is not None and self._db.write(_DELETE, (key,)) > 0

    def delete_many(self, keys: Iterable[str]) -> int:
        """Delete ``keys``; return how many of them were there."""
        return sum(map(self.delete, self._batch(keys)))

    def delete_all(self) -> None:
        """Delete everything the actor has stored, SQL tables and alarm included."""
        self._db.delete_all()

    def list(
        self,
        *,
        start: str | None = None,
        start_after: str | None = None,
        end: str | None = None,
        prefix: str | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> dict[str, Any]:
        """Return keys with their values, in the order of the keys.

        Args:
            start: The first key wanted, itself included.
            start_after: The same, itself excluded; not together with ``start``.
            end: Where to stop, itself excluded.
            prefix: Only keys that begin with it.
            reverse: The last key first; ``start`` and ``end`` keep their meaning.
            limit: No more than so many; None for no limit.

        Raises:
            InvalidArgument: The arguments exclude each other, or are of a wrong type.
        """
        wanted = _key_range(start, start_after, end, prefix, reverse=reverse)
        _check_limit(limit)
        rows = self._page(wanted, _NO_LIMIT if limit is None else limit)
        return {key: decode(data) for key, data in rows}

    def scan(
        self,
        *,
        start: str | None = None,
        start_after: str | None = None,
        end: str | None = None,
        prefix: str | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> Iterator[tuple[str, Any]]:
        """Return an iterator over keys with their values; arguments as those of ``list``.

        It reads as it goes, and so sees what is written ahead of it meanwhile. A new call ends
        the one before, as in workerd: its next step raises UsageError.
        """
        wanted = _key_range(start, start_after, end, prefix, reverse=reverse)
        _check_limit(limit)
        self._scans += 1
        return self._scan(self._scans, wanted, limit)

    def _scan(self, number: int, wanted: KeyRange, limit: int | None) -> Iterator[tuple[str, Any]]:
        page: Iterator[tuple[str, bytes]] = iter(())
        seen = None
        given = 0
        while given != limit:
            self._check_scan(number)
            if self._db.change_count() != seen:  # what was read ahead may not be true any more
                seen = self._db.change_count()
                page = iter(())
            row = next(page, None)
            if row is None:
                page = iter(self._page(wanted, _SCAN_PAGE_ROWS))
                row = next(page, None)
            if row is None:
                return
            key, data = row
            wanted = wanted.after(key)
            given += 1
            yield key, decode(data)

    def _page(self, wanted: KeyRange, limit: int) -> Sequence[tuple[str, bytes]]:
        sql = _LIST[wanted.end is not None, wanted.reverse]
        if wanted.end is None:
            return self._db.rows(sql, (wanted.start, limit))
        return self._db.rows(sql, (wanted.start, wanted.end, limit))

    def _check_scan(self, number: int) -> None:
        if number != self._scans:
            raise UsageError(
                "kv.list() iterator was invalidated because a new call to kv.list() was started. "
                "Only one kv.list() iterator can exist at a time."
            )

    def _batch(self, keys: Iterable[str]) -> Sequence[str]:
        if isinstance(keys, str):
            raise InvalidArgument(f"a list of keys is wanted here, not the str {keys!r}")
        batch = tuple(keys)
        allowed = self._limits.keys_per_batch_max
        if len(batch) > allowed:
            raise LimitExceeded("keys in one call", "keys_per_batch_max", allowed, len(batch))
        for key in batch:
            self._check_key(key)
        return batch

    def _check_key(self, key: str) -> None:
        allowed = self._limits.key_size_bytes_max
        if type(key) is str and key.isascii() and len(key) <= allowed:
            return
        size = len(_utf8(key))
        if size > allowed:
            what = f"bytes in the key {key[:20]!r}..."
            raise LimitExceeded(what, "key_size_bytes_max", allowed, size)

    def _too_large(self, key: str, data: bytes) -> LimitExceeded:
        allowed = self._limits.value_size_bytes_max
        what = f"bytes in the value of the key {key!r}"
        return LimitExceeded(what, "value_size_bytes_max", allowed, len(data))


def _utf8(key: object) -> bytes:
    if not isinstance(key, str):
        raise InvalidArgument(f"a key is a str, not {key!r} of type {type(key).__name__}")
    try:
        return key.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgument(f"the key {key!r} is not valid Unicode: {error.reason}") from error


def _check_limit(limit: int | None) -> None:
    if limit is None:
        return
    if not isinstance(limit, int) or isinstance(limit, bool):
        raise InvalidArgument(f"List limit must be an int, not {limit!r}.")
    if limit <= 0:
        raise InvalidArgument("List limit must be positive.")


def _key_range(
    start: str | None,
    start_after: str | None,
    end: str | None,
    prefix: str | None,
    *,
    reverse: bool,
) -> KeyRange:
    for bound in (start, start_after, end, prefix):
        if bound is not None:
            _utf8(bound)
    if start is not None and start_after is not None:
        raise InvalidArgument("list() cannot be called with both start and start_after values.")
    first = start or ""
    if start_after is not None:
        first = _next_key(start_after)
    if prefix:
        first = max(first, prefix)
        after_prefix = _after_prefix(prefix)
        if end is None or (after_prefix is not None and after_prefix < end):
            end = after_prefix
    return KeyRange(first, end, bool(reverse))


def _next_key(key: str) -> str:
    """Return the key that comes right after ``key``: there is none between the two."""
    return key + "\0"


def _after_prefix(prefix: str) -> str | None:
    """Return the first key after all that begin with ``prefix``; None if there is no such key."""
    stem = prefix.rstrip("\U0010ffff")
    if not stem:
        return None
    following = ord(stem[-1]) + 1
    # Surrogates are no characters; U+E000 is the first one after them.
    return stem[:-1] + chr(0xE000 if following == 0xD800 else following)
