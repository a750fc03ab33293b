"""The past of an actor: its records in the archive and in the logs, and the states they make.

*Promise*: ``build`` makes exactly the file that the actor had after the commit it is asked for,
or says that this cannot be had. Nothing is guessed across a part of the history that is missing.
*Assumes*: it may run in any thread; the archive and the logs go on meanwhile.
*Rules for editing*: first the logs, then the index: a segment is used again only when its records
are in the archive, so in this order nothing is missed; what is in both counts once. Whether
something is missing between the two is told by what the index says afterwards.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

from ..errors import ArchiveDamaged, HistoryUnavailable
from ..log_tail import LAST, Tail, read_tails
from ..logformat import BEGINNINGS, MOVES, Record, RecordKind, replacement_name
from ..replay import replay
from .copies import Snapshot, take_out
from .index import Actor, ArchiveIndex, End, Order, SpanPlace
from .known import FIRST, Beginning, Known, missing
from .spans import read_records

# Where copies wait until the index knows them.
PENDING = "pending"
# What is read may be let go in this moment; what takes its place is known by then.
_TRIES_MAX = 5
_Base = Snapshot | Beginning


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

    # --- what there is -----------------------------------------------------------------------

    def known(self, actor: Actor) -> Known:
        """Return all that is kept of an actor.

        Raises:
            DatabaseFailed: The index of the archive cannot be read.
            OSError: A log cannot be read.
        """
        known = self._known(actor)
        if not self._add_pending(known):
            known = self._known(actor)  # a copy has become known in this moment
            self._add_pending(known)
        return known

    def _add_pending(self, known: Known) -> bool:
        """Add copies that the index does not know yet; return whether there is one of each file.

        Added now: when they are wanted, the index may know them, which has been read.
        """
        orders = {snapshot.order for snapshot in known.snapshots}
        replaced = [each for each in known.tail if each.change.kind is RecordKind.REPLACED]
        missing_ones = [each for each in replaced if each.order not in orders]
        copies = [copy for each in missing_ones if (copy := self._pending(each))]
        known.snapshots.extend(copies)
        known.snapshots.sort(key=lambda snapshot: snapshot.order)
        return len(copies) == len(missing_ones)

    def _known(self, actor: Actor) -> Known:
        tails = self.tails(actor, self.ends())
        if not self._index_path.exists():
            if any(self.archive_dir.glob("*/*.arc")):
                problem = "the index of the archive is being made anew"
                hint = "Try again in a moment; a server makes it when it is started"
                raise HistoryUnavailable(self.archive_dir, problem, hint)
            return missing([], {}, tails)
        with closing(ArchiveIndex(self._index_path, read_only=True)) as index:
            return known_of(actor, index, tails)

    def tails(self, actor: Actor, archived: dict[str, End]) -> dict[str, Tail]:
        """Return by slot what the logs hold of an actor; as ``all_tails``."""
        return self.all_tails([actor], archived)[actor]

    def all_tails(
        self,
        actors: Iterable[Actor],
        archived: dict[str, End],
        *,
        without: str = "",
        pause: Callable[[], None] | None = None,
    ) -> dict[Actor, dict[str, Tail]]:
        """Return for each actor by slot what the logs hold of it; each log is read once.

        Args:
            actors: Namespaces' keys and ids.
            archived: What need not be read.
            without: A log that is not wanted.
            pause: As of ``read_tails``.
        """
        found: dict[Actor, dict[str, Tail]] = {actor: {} for actor in actors}
        last_lsns = self._last_lsns()
        for slot in sorted(path.name for path in self._logs_dir.glob("*") if path.is_dir()):
            if slot == without:
                continue
            tails = read_tails(
                self._logs_dir / slot,
                found,
                after_lsn=archived.get(slot, End()).lsn,
                last_lsn=last_lsns.get(slot),
                pause=pause,
            )
            for actor, tail in tails.items():
                found[actor][slot] = tail
        return found

    def ends(self) -> dict[str, End]:
        """Return by slot the last record of its log that is in the archive."""
        if not self._index_path.exists():
            return {}
        with closing(ArchiveIndex(self._index_path, read_only=True)) as index:
            return index.ends()

    def records(self, known: Known, after: Order, last: Order) -> Iterator[list[Record]]:
        """Yield an actor's records in order, some at a time.

        Args:
            known: What is kept of the actor.
            after: The commit before the first.
            last: The last.

        Raises:
            ArchiveDamaged: They cannot be read.
            OSError: Likewise, in the system's words.
        """
        done = after
        for group in _overlapping(known.spans, after, last):
            found = [record for place in group for record in self._read(place)]
            end = min(last, max(place.last for place in group))
            # Of a log that takes its time some are older than what others have archived.
            batch = _between(found + known.tail, done, end)
            if batch:
                yield batch
                done = batch[-1].order
        batch = _between(known.tail, done, last)
        if batch:
            yield batch

    def newest(self, actor: Actor, limit: int) -> list[Record]:
        """Return an actor's last records, the newest first; at most ``limit``."""
        known = self.known(actor)
        found = {record.order: record for record in known.tail}
        for place in reversed(known.spans):
            if len(found) >= limit and place.last < sorted(found)[-limit]:
                continue  # one that began before this may still have ended after it
            found.update((record.order, record) for record in self._read(place))
        return [found[order] for order in sorted(found, reverse=True)[:limit]]

    # --- times -------------------------------------------------------------------------------

    def order_at(self, actor: Actor, time_ms: int) -> Order:
        """Return the last commit that an actor had made at a time, in Unix milliseconds.

        Raises:
            HistoryUnavailable: The state of that time is not kept.
            ArchiveDamaged: What would tell cannot be read.
        """
        known = self.known(actor)
        order = self._order_at(known, time_ms)
        if order is None or known.is_doubtful(order, time_ms) or not self._is_there(known, order):
            raise self._unavailable(known)
        return order

    def _order_at(self, known: Known, time_ms: int) -> Order | None:
        found = self._record_at(known, time_ms)
        if found is not None:
            return found.order
        if time_ms < known.since_ms:
            return None
        first = self._first(known)
        older = [
            each.order for each in known.snapshots if first is None or each.order < first.order
        ]
        if older:
            return older[-1]  # what came after it until that time is known: nothing
        return None if first is None else (first.order[0], first.order[1] - 1)

    def _record_at(self, known: Known, time_ms: int) -> Record | None:
        found = [record for record in known.tail if record.time_ms <= time_ms][-1:]
        for place in reversed(known.spans):
            if found and place.last < found[0].order:
                break
            if place.first_ms <= time_ms:
                found += [record for record in self._read(place) if record.time_ms <= time_ms][-1:]
        return max(found, key=lambda record: record.order, default=None)

    # --- states ------------------------------------------------------------------------------

    def check(self, actor: Actor, last: Order) -> None:
        """Raise unless ``build`` could make this state.

        Raises:
            HistoryUnavailable: It is not kept.
        """
        known = self.known(actor)
        if not self._is_there(known, last):
            raise self._unavailable(known)

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
        for _ in range(_TRIES_MAX):
            try:
                return self.build_from(self.known(actor), last, target)
            except FileNotFoundError as error:
                lost = Path(error.filename)
                if not lost.is_relative_to(self.archive_dir):
                    raise
        raise ArchiveDamaged(lost, "is not there any more")

    def build_from(self, known: Known, last: Order, target: Path) -> bool:
        """As ``build``, of an actor of which ``known`` is kept."""
        bases = self.bases(known, last)
        if not bases:
            if self._had_no_file(known, last):
                return False
            raise self._unavailable(known)
        damage: list[ArchiveDamaged] = []
        for base in bases:
            try:
                return self._build(known, base, last, target)
            except ArchiveDamaged as error:
                damage.append(error)
        raise damage[0]

    def _build(self, known: Known, base: _Base, last: Order, target: Path) -> bool:
        if isinstance(base, Snapshot):
            take_out(self.archive_dir, base, target)
            after, is_new = base.order, False
        elif base.kind is RecordKind.DELETE:
            return False
        else:
            after, is_new = (base.order[0], base.order[1] - 1), True
        for batch in self.records(known, after, last):
            changes = [record.change for record in batch if record.change.image_count]
            if changes:
                replay(target, changes, is_new=is_new)
                is_new = False
        return True

    def bases(self, known: Known, last: Order) -> list[_Base]:
        """Return what the state after ``last`` can be made from; the least reading first."""
        if any(gap.before < last < gap.after for gap in known.gaps):
            return []
        floor = max((gap.after for gap in known.gaps if gap.after <= last), default=FIRST)
        found: list[_Base] = []
        beginning = self._last_beginning(known, last)
        if beginning is not None and beginning.order >= floor:
            floor = beginning.order
            if beginning.kind is not RecordKind.REPLACED:  # else its copy is a snapshot, or lost
                found = [beginning]
        return [each for each in reversed(known.snapshots) if floor <= each.order <= last] + found

    def _is_there(self, known: Known, last: Order) -> bool:
        return bool(self.bases(known, last)) or self._had_no_file(known, last)

    def _last_beginning(self, known: Known, last: Order) -> Beginning | None:
        found = [
            Beginning(record.order, record.change.kind)
            for record in known.tail
            if record.order <= last and record.change.kind in BEGINNINGS
        ][-1:]
        for place in reversed(known.spans):
            if place.base is None or place.first > last or (found and place.last < found[0].order):
                continue
            if place.base <= last:
                found.append(Beginning(place.base, RecordKind(place.base_kind)))
                break
            records = [each for each in self._read(place) if each.order <= last]
            beginnings = [each for each in records if each.change.kind in BEGINNINGS]
            if beginnings:
                found.append(Beginning(beginnings[-1].order, beginnings[-1].change.kind))
                break
        return max(found, key=lambda each: each.order, default=None)

    def _pending(self, replaced: Record) -> Snapshot | None:
        """Return the copy of what took the actor's place, while the index does not know it."""
        name = replacement_name(replaced.change)
        for path in self.archive_dir.glob(f"{PENDING}/*/{name}"):
            shown = str(path.relative_to(self.archive_dir))
            try:
                return Snapshot(replaced.order, path.stat().st_size, shown)
            except FileNotFoundError:
                return None  # the index has come to know it in this moment
        return None

    def _had_no_file(self, known: Known, last: Order) -> bool:
        """Say whether the actor was not there yet after ``last``: neither before, nor then."""
        first = self._first(known)
        if first is None or first.change.kind is not RecordKind.CREATE:
            return False
        if any(each.order < first.order for each in known.snapshots):
            return False
        is_known = not any(gap.after > last and gap.before < first.order for gap in known.gaps)
        return is_known and known.since <= last < first.order

    def _first(self, known: Known) -> Record | None:
        records = (each for batch in self.records(known, FIRST, LAST) for each in batch)
        return next((each for each in records if each.change.kind not in MOVES), None)

    def _read(self, place: SpanPlace) -> list[Record]:
        return read_records(self.archive_dir / place.file, place.position)

    def _unavailable(self, known: Known) -> HistoryUnavailable:
        if known.is_empty:
            problem = "nothing is kept of this actor's past"
            hint = "It was not written to since history is kept"
        else:
            problem = "that state is not kept, or a part of the history before it is missing"
            hint = "Choose a later one; `perdure bookmarks` shows them"
        return HistoryUnavailable(self.archive_dir, problem, hint)

    @property
    def _index_path(self) -> Path:
        return index_path(self.archive_dir)


def known_of(actor: Actor, index: ArchiveIndex, tails: dict[str, Tail]) -> Known:
    """Return what is kept of an actor in the archive, and in what was read of the logs."""
    with index.as_one():
        known = missing(index.files(), index.ends(), tails, index.spans(actor))
        known.snapshots.extend(index.snapshots(actor))
        return known


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


def _between(records: list[Record], after: Order, last: Order) -> list[Record]:
    """Return those records, each once, in order."""
    found = {record.order: record for record in records if after < record.order <= last}
    return [found[order] for order in sorted(found)]
