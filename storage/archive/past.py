"""The past of an actor: its records in the archive and in the logs, and the states they make.

*Promise*: ``build`` makes exactly the file that the actor had after the commit it is asked for,
or says that this cannot be had. Nothing is guessed across a part of the history that is missing.
*Assumes*: it may run in any thread; the archive and the logs go on meanwhile. Nobody deletes
what is read: an ``OSError`` then, and asking again helps.
*Rules for editing*: first the logs, then the index: a segment is used again only when its records
are in the archive, so in this order nothing is missed; what is in both counts once.
"""

import shutil
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path

from ..errors import HistoryUnavailable
from ..log_tail import read_tail
from ..logformat import BEGINNINGS, MOVES, Record, RecordKind, replacement_name
from ..replay import replay
from .index import Actor, ArchiveIndex, Order, Snapshot, SpanPlace
from .spans import read_records

# Where copies wait until the index knows them.
PENDING = "pending"
# Before and behind all commits.
FIRST: Order = (0, 0)
LAST: Order = (2**32, 0)
_ORDER = attrgetter("order")


@dataclass(frozen=True, slots=True)
class Known:
    """What is kept of one actor.

    Attributes:
        spans: In the archive.
        tail: Records that are in the logs, in order.
        snapshots: Files.
        gaps: (last commit before, first after) of each part of the history that is missing.
    """

    spans: list[SpanPlace] = field(default_factory=list)
    tail: list[Record] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    gaps: list[tuple[Order, Order]] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Nothing is kept."""
        return not (self.spans or self.tail or self.snapshots)


class Past:
    """The states that actors of a data directory have been in.

    Attributes:
        archive_dir: Where the archive is; it may not exist.
    """

    __slots__ = ("_last_lsns", "_logs_dir", "archive_dir")

    def __init__(
        self, archive_dir: Path, logs_dir: Path, last_lsns: Callable[[], dict[str, int]]
    ) -> None:
        """Prepare.

        Args:
            archive_dir: The archive.
            logs_dir: Where all logs of the directory are.
            last_lsns: Gives by slot up to which record a log counts; others count as far as they
                can be read.
        """
        self.archive_dir = archive_dir
        self._logs_dir = logs_dir
        self._last_lsns = last_lsns

    def known(self, actor: Actor) -> Known:
        """Return all that is kept of an actor."""
        known = self._known(actor)
        replaced = [each for each in known.tail if each.change.kind is RecordKind.REPLACED]
        orders = {snapshot.order for snapshot in known.snapshots}
        if all(each.order in orders or self._pending(each) for each in replaced):
            return known
        return self._known(actor)  # its copy has become known in this moment

    def _known(self, actor: Actor) -> Known:
        archived = self.ends()
        last_lsns = self._last_lsns()
        tail: dict[Order, Record] = {}
        gaps: list[tuple[Order, Order]] = []
        for directory in sorted(path for path in self._logs_dir.glob("*") if path.is_dir()):
            slot = directory.name
            last_lsn, last_order = archived.get(slot, (0, (0, 0)))
            found = read_tail(directory, actor, after_lsn=last_lsn, last_lsn=last_lsns.get(slot))
            if found.first_lsn > last_lsn + 1:
                gaps.append((last_order, found.first_order))
            tail.update((record.order, record) for record in found.records)
        records = [record for _, record in sorted(tail.items())]
        if not self._index_path.exists():
            return Known([], records, [], gaps)
        with closing(ArchiveIndex(self._index_path, read_only=True)) as index:
            gaps += index.gaps()
            return Known(index.spans(actor), records, index.snapshots(actor), gaps)

    def records(self, known: Known, after: Order, last: Order) -> Iterator[list[Record]]:
        """Yield an actor's records in order, some at a time.

        Args:
            known: What is kept of the actor.
            after: The commit before the first.
            last: The last.
        """
        done = after
        for group in _overlapping(known.spans, after, last):
            found = [record for place in group for record in self._read(place)]
            # Of the same time there may be some that another log has and the archive has not.
            end = min(last, max(place.last for place in group))
            batch = _between(found + _up_to(known.tail, end), done, end)
            if batch:
                yield batch
                done = batch[-1].order
        batch = _between(known.tail, done, last)
        if batch:
            yield batch

    def order_at(self, actor: Actor, time_ms: int) -> Order:
        """Return the last commit that an actor had made at a time, in Unix milliseconds.

        Raises:
            HistoryUnavailable: The state of that time is not kept.
            ArchiveDamaged: What would tell cannot be read.
        """
        known = self.known(actor)
        found = self._record_at(known, time_ms)
        if found is None:
            first = self._first(known)
            if first is not None:
                return first.order[0], first.order[1] - 1
        elif self._base(known, found.order) is not None:
            return found.order
        raise _unavailable(self.archive_dir, known)

    def _record_at(self, known: Known, time_ms: int) -> Record | None:
        return self._last(
            known,
            lambda place: place.first_ms <= time_ms,
            lambda record: record.time_ms <= time_ms,
        )

    def _last(
        self,
        known: Known,
        may_have: Callable[[SpanPlace], bool],
        is_wanted: Callable[[Record], bool],
    ) -> Record | None:
        """Return an actor's last record of those wanted, whatever log each of them is from."""
        found = next((record for record in reversed(known.tail) if is_wanted(record)), None)
        for group in reversed(list(_overlapping(known.spans, FIRST, LAST))):
            if found is not None and max(place.last for place in group) < found.order:
                break
            places = [place for place in group if may_have(place)]
            records = [each for place in places for each in self._read(place) if is_wanted(each)]
            if records:
                archived = max(records, key=_ORDER)
                return archived if found is None else max(archived, found, key=_ORDER)
        return found

    def newest(self, actor: Actor, limit: int) -> list[Record]:
        """Return an actor's last records, the newest first; at most ``limit``."""
        known = self.known(actor)
        found = {record.order: record for record in known.tail}
        for place in reversed(known.spans):
            if len(found) >= limit and place.last < sorted(found)[-limit]:
                continue  # one that began before this may still have ended after it
            found.update((record.order, record) for record in self._read(place))
        return [found[order] for order in sorted(found, reverse=True)[:limit]]

    def check(self, actor: Actor, last: Order) -> None:
        """Raise unless ``build`` could make this state.

        Raises:
            HistoryUnavailable: It is not kept.
        """
        known, base = self._known_and_base(actor, last)
        if base is None:
            first = self._first(known)
            if first is None or last >= first.order:
                raise _unavailable(self.archive_dir, known)

    def build(self, actor: Actor, last: Order, target: Path) -> bool:
        """Make the file that an actor had after commit ``last``.

        Args:
            actor: Namespace's key and id.
            last: Incarnation and number of the commit.
            target: The file to make; not synced.

        Returns:
            Whether the actor had a file then.

        Raises:
            HistoryUnavailable: That state is not kept.
            ArchiveDamaged: What it would be made from cannot be read.
            OSError: Likewise, in the system's words.
        """
        known, base = self._known_and_base(actor, last)
        if base is None:
            first = self._first(known)
            if first is not None and last < first.order:
                return False
            raise _unavailable(target, known)
        if isinstance(base, Record):
            if base.change.kind is RecordKind.DELETE:
                return False
            after, is_new = (base.order[0], base.order[1] - 1), True
        else:
            self._copy(actor, last, base, target)
            after, is_new = base.order, False
        for batch in self.records(known, after, last):
            changes = [record.change for record in batch if record.change.image_count]
            if changes:
                replay(target, changes, is_new=is_new)
                is_new = False
        return True

    def _first(self, known: Known) -> Record | None:
        """Return the first record of an actor that was never there before it."""
        if known.snapshots and (not known.spans or known.snapshots[0].order < known.spans[0].first):
            return None
        first = next(
            (
                each
                for batch in self.records(known, FIRST, LAST)
                for each in batch
                if each.change.kind not in MOVES
            ),
            None,
        )
        is_first = first is not None and first.change.kind is RecordKind.CREATE
        return first if is_first else None

    def _copy(self, actor: Actor, last: Order, base: Snapshot, target: Path) -> None:
        try:
            shutil.copyfile(self.archive_dir / base.name, target)
        except FileNotFoundError:  # it was pending, and is where the index says now
            known_now = self._base(self.known(actor), last)
            if not isinstance(known_now, Snapshot) or known_now.order != base.order:
                raise
            shutil.copyfile(self.archive_dir / known_now.name, target)

    def _known_and_base(
        self, actor: Actor, last: Order
    ) -> "tuple[Known, Snapshot | Record | None]":
        """Return what is known of an actor, and its ``_base``.

        A copy that is pending may be taken into the archive between a look at the index and a look
        for the file; then the next look at the index finds it.
        """
        known = self.known(actor)
        base = self._base(known, last)
        if base is None:
            known = self.known(actor)
            base = self._base(known, last)
        return known, base

    def _base(self, known: Known, last: Order) -> Snapshot | Record | None:
        """Return what the state after ``last`` can be made from with the least reading."""
        if any(before < last < after for before, after in known.gaps):
            return None
        floor = max((after for _, after in known.gaps if after <= last), default=FIRST)
        snapshots = [each for each in known.snapshots if floor <= each.order <= last]
        best = snapshots[-1] if snapshots else None
        beginning = self._last_beginning(known, last)
        if beginning is None or beginning.order < floor:
            return best
        if best is not None and best.order >= beginning.order:
            return best
        if beginning.change.kind is RecordKind.REPLACED:
            return self._pending(beginning)
        return beginning

    def _pending(self, replaced: Record) -> Snapshot | None:
        """Return the copy of what took the actor's place, while the index does not know it."""
        name = f"{PENDING}/{replacement_name(replaced.change)}"
        path = self.archive_dir / name
        return Snapshot(replaced.order, path.stat().st_size, name) if path.exists() else None

    def _last_beginning(self, known: Known, last: Order) -> Record | None:
        return self._last(
            known,
            lambda place: bool(place.base_commit) and place.first <= last,
            lambda record: record.order <= last and record.change.kind in BEGINNINGS,
        )

    def _read(self, place: SpanPlace) -> list[Record]:
        return read_records(self.archive_dir / place.file, place.position)

    def ends(self) -> dict[str, tuple[int, Order]]:
        """Return by slot the last record of its log that is in the archive: LSN, and order."""
        if not self._index_path.exists():
            return {}
        with closing(ArchiveIndex(self._index_path, read_only=True)) as index:
            return index.ends()

    @property
    def _index_path(self) -> Path:
        return index_path(self.archive_dir)


def index_path(archive_dir: Path) -> Path:
    """Return where the index of an archive is."""
    return archive_dir / "index.db"


def _overlapping(spans: list[SpanPlace], after: Order, last: Order) -> Iterator[list[SpanPlace]]:
    """Yield the spans between two commits; together, those whose commits mix."""
    group: list[SpanPlace] = []
    for place in spans:
        if place.last <= after or place.first > last:
            continue
        if group and place.first > max(each.last for each in group):
            yield group
            group = []
        group.append(place)
    if group:
        yield group


def _up_to(records: list[Record], last: Order) -> list[Record]:
    return records[: bisect_right(records, last, key=_ORDER)]


def _between(records: list[Record], after: Order, last: Order) -> list[Record]:
    """Return those records, each once, in order."""
    found = {record.order: record for record in records if after < record.order <= last}
    return [found[order] for order in sorted(found)]


def _unavailable(target: Path, known: Known) -> HistoryUnavailable:
    if known.is_empty:
        problem = "nothing is kept of this actor's past"
        return HistoryUnavailable(target, problem, "It was not written to since history is kept")
    problem = "that state is not kept any more, or a part of the history before it is missing"
    return HistoryUnavailable(target, problem, "Choose a later one; `perdure bookmarks` shows them")
