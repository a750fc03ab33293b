"""The archive: what the logs held, for as long as it is to be kept, and copies to start from.

*Promise*: for each actor whose records are here there is something they can be applied to: its
beginning, or a copy of its file as it was before them. What is not to be kept any more goes,
the oldest first, and never something that a younger state needs. To make a state reads at most
twice what the actor takes, and a MiB.
*Assumes*: one thread uses it at a time; one ``Archive`` for each log of a directory, in whatever
process, and ``alone`` around what is done with it. They share the index and the room. Each takes
in, and puts right, its own log's files; the oldest of any log, which may serve no more, goes by
whoever finds that it should.
*Rules for editing*: copies before deletions, files before what the index says of them. It may be
killed anywhere: ``open`` puts right what was begun. A copy stays only while all records of its
actor after it are here: what is let go, or lost, takes the older copies with it.

    archive/index.db                                storage/archive/index.py
    archive/<slot>/<first LSN>-<last LSN>.arc       storage/archive/spans.py
    archive/snapshots/                              storage/archive/copies.py
    archive/pending/<slot>/<name>.db                copies of what takes an actor's place
"""

import logging
import math
import shutil
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from ..durable_files import make_directory, sync_directory, sync_file
from ..errors import ArchiveDamaged, DatabaseFailed, HistoryUnavailable, LogCorrupt
from ..layout import quote
from ..log_tail import LAST, map_file
from ..logformat import BEGINNINGS, Record, SegmentHeader, replacement_name
from ..replay import replay
from .copies import COPIES, Snapshot, checksum_of, copy_name, parse_copy_name
from .index import Actor, ArchiveFile, ArchiveIndex, Order
from .known import Known, missing, needs_copy
from .past import PENDING, Past, index_path
from .spans import SUFFIX, Span, last_intact, read_spans, write_archive_file

log = logging.getLogger("perdure.storage")

DAY_MS = 86_400_000
# So much more than the actor's size may have to be read before there is another copy.
READ_SIZE_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Retention:
    """How long the past is kept.

    Attributes:
        days: So many days, if there is room; 0 for no archive at all.
        size_bytes_max: How much the archive may take.
    """

    days: float = 30.0
    size_bytes_max: int = 10 * 2**30


RETENTION = Retention()


class Archive:
    """The archive of one data directory.

    Attributes:
        root: Its directory.
        past: What can be read from it.
    """

    def __init__(
        self,
        root: Path,
        slot: str,
        past: Past,
        actor_file: Callable[[str, bytes], Path],
        retention: Retention,
    ) -> None:
        """Open the archive at ``root``, which is made if it is not there.

        Args:
            root: Its directory.
            slot: Which log it takes in.
            past: Reads it, and the logs.
            actor_file: Where the file of (namespace, id) is.
            retention: What is to be kept.

        Raises:
            OSError: It cannot be read or written.
            DatabaseFailed: Its index cannot be made.
        """
        self.root = root
        self.past = past
        self._slot = slot
        self._draft = root / f"draft-{slot}.db"
        self._actor_file = actor_file
        self._retention = retention
        make_directory(root)
        try:
            self._index = self._open_index()
        except DatabaseFailed as error:
            log.warning("archive.index_is_made_anew", extra={"cause": str(error)})
            _remove_index(index_path(root))
            self._index = self._open_index()
        try:
            self._put_right()
        except BaseException:
            self._index.close()
            raise

    def _open_index(self) -> ArchiveIndex:
        path = index_path(self.root)
        if not path.exists():
            draft = path.with_name("index.new.db")
            _remove_index(draft)
            with closing(ArchiveIndex(draft)) as self._index:
                self._find_all()
            draft.replace(path)  # readers find nothing, or all of it
        return ArchiveIndex(path)

    @property
    def is_current(self) -> bool:
        """Nobody has made the index anew since this was opened; else open the archive again."""
        return self._index.is_current

    def close(self) -> None:
        """Close the index."""
        self._index.close()

    @property
    def last_lsn(self) -> int:
        """Up to which record the log is here; 0 if nothing of it is."""
        end = self._index.ends().get(self._slot)
        return 0 if end is None else end.lsn

    @property
    def size_bytes(self) -> int:
        """How much it takes on the disk, its index not counted."""
        return self._index.size_bytes()

    # --- taking in ---------------------------------------------------------------------------

    def take(
        self,
        segment: Path,
        header: SegmentHeader,
        last_lsn: int,
        pause: Callable[[], None],
    ) -> None:
        """Take in what a segment holds up to ``last_lsn``; durable on return.

        Args:
            segment: The file.
            header: The segment's.
            last_lsn: Its last record that counts.
            pause: Called again and again; may let others run, or raise.

        Raises:
            LogCorrupt: A record cannot be read; what is before it is here.
            OSError: It cannot be written; nothing of it is here.
        """
        data = map_file(segment)
        try:
            self._take(data, header, last_lsn, pause)
        except LogCorrupt:
            self._take(data, header, last_intact(data, header, last_lsn), pause)
            raise

    def _take(
        self, data: memoryview, header: SegmentHeader, last_lsn: int, pause: Callable[[], None]
    ) -> None:
        first_lsn = max(self.last_lsn + 1, header.first_lsn)
        if first_lsn > last_lsn:
            return
        name = f"{self._slot}/{first_lsn:016x}-{last_lsn:016x}{SUFFIX}"
        lsns = (first_lsn, last_lsn)
        spans = write_archive_file(self.root / name, data, header, lsns, pause, self._adopt)
        self._know(name, spans)
        files = self._index.files()
        known = self._all_known({span.actor for span in spans}, files, self._slot, pause)
        for actor in known:
            pause()
            self._keep_copies(actor, known[actor])

    def _adopt(self, replaced: Record) -> None:
        """Keep the pending copy of a file that took an actor's place."""
        pending = self.root / PENDING / self._slot / replacement_name(replaced.change)
        if pending.exists():
            self.add_copy(replaced.change.actor, replaced.order, pending)

    def forget_pending(self, names: Iterable[str]) -> None:
        """Delete pending copies whose files never took an actor's place."""
        for name in names:
            (self.root / PENDING / self._slot / name).unlink(missing_ok=True)

    def _know(self, name: str, spans: list[Span]) -> None:
        first_lsn, last_lsn = (int(part, 16) for part in Path(name).stem.split("-"))
        if sum(span.records for span in spans) != last_lsn - first_lsn + 1:
            raise ArchiveDamaged(self.root / name, "does not hold all the records that it should")
        file = ArchiveFile(
            name,
            name.split("/", maxsplit=1)[0],
            first_lsn,
            last_lsn,
            spans[0].incarnation,
            min(span.first_commit for span in spans),
            max(span.last_commit for span in spans),
            min(span.first_ms for span in spans),
            max(span.last_ms for span in spans),
            (self.root / name).stat().st_size,
        )
        self._index.add_file(file, spans)

    # --- copies ------------------------------------------------------------------------------

    def _all_known(
        self,
        actors: Iterable[Actor],
        files: list[ArchiveFile],
        slot: str,
        pause: Callable[[], None] | None = None,
    ) -> dict[Actor, Known]:
        """Return what is kept of actors, the log left out that they are looked at for.

        The other logs are read once, not once for each.
        """
        ends = self._index.ends()
        tails = self.past.all_tails(actors, ends, without=slot, pause=pause)
        found: dict[Actor, Known] = {}
        for actor, of_actor in tails.items():
            found[actor] = missing(files, ends, of_actor, self._index.spans(actor))
            found[actor].snapshots.extend(self._index.snapshots(actor))
        return found

    def _keep_copies(self, actor: Actor, known: Known) -> None:
        """Have enough copies of an actor, so that any state takes little to make."""
        last = known.spans[-1].last
        bases = self.past.bases(known, last)
        if not bases:
            self._copy_from_now(actor, last)
            return
        size = bases[0].size_bytes if isinstance(bases[0], Snapshot) else 0
        read, before = 0, bases[0].order
        for place in known.spans:
            if place.last <= bases[0].order:
                continue
            if read and read + place.size_bytes > size + READ_SIZE_BYTES:
                copied = self._copy_at(actor, known, before)
                if copied is None:
                    self._copy_from_now(actor, last)
                    return
                known.snapshots.append(copied)
                size, read = copied.size_bytes, 0
            read, before = read + place.size_bytes, place.last

    def _copy_at(self, actor: Actor, known: Known, order: Order) -> Snapshot | None:
        """Make a copy of an actor's file as it was after a commit that is here, if it can be."""
        try:
            if self.past.build_from(known, order, self._draft):
                return self.add_copy(actor, order, self._draft)
        except (HistoryUnavailable, ArchiveDamaged, FileNotFoundError) as error:
            extra = {"actor": actor[1].hex(), "cause": str(error)}
            log.error("archive.no_copy", extra=extra)  # noqa: TRY400  # the message says it all
        return None

    def add_copy(self, actor: Actor, order: Order, draft: Path) -> Snapshot:
        """Keep ``draft``, which goes away, as the copy of an actor's file after a commit.

        All the while one of the two can be found.
        """
        name = copy_name(actor, order, checksum_of(draft))
        path = self.root / name
        snapshot = Snapshot(order, draft.stat().st_size, name)
        make_directory(path.parent)
        sync_file(draft)
        path.unlink(missing_ok=True)
        path.hardlink_to(draft)
        sync_directory(path.parent)
        before = [each for each in self._index.snapshots(actor) if each.order == order]
        self._index.add_snapshot(actor, snapshot)
        draft.unlink()
        for each in before:
            if each.name != name:
                (self.root / each.name).unlink(missing_ok=True)
        return snapshot

    def _copy_from_now(self, actor: Actor, last: Order) -> None:
        """Make a copy of an actor to whose records there is no beginning.

        It was there before the archive was, or a part of the history is missing. Its file may be
        written meanwhile; whatever is written is in the log by then, and the log is read
        afterwards: all of it is applied once more.
        """
        draft = self._draft
        try:
            shutil.copyfile(self._actor_file(*actor), draft)
        except FileNotFoundError:
            return
        tails = self.past.tails(actor, self._index.ends())
        if any(tail.gaps for tail in tails.values()):
            return
        found = {record.order: record for tail in tails.values() for record in tail.records}
        records = [found[order] for order in sorted(found)]
        if any(record.change.kind in BEGINNINGS for record in records):
            return
        changes = [record.change for record in records if record.change.image_count]
        if changes:
            replay(draft, changes, is_new=False)
        self.add_copy(actor, records[-1].order if records else last, draft)

    # --- letting go --------------------------------------------------------------------------

    def expire(self, now_ms: int) -> int:
        """Let go what is not to be kept any more; return how many files that were."""
        gone = 0
        horizon_ms = now_ms - self._retention.days * DAY_MS
        while (file := self._oldest_file()) is not None:
            if file.last_ms >= horizon_ms and not self._is_too_much():
                return gone
            # What goes because there is too much goes with all that it was.
            self._let_go(file, horizon_ms if file.last_ms < horizon_ms else math.inf)
            gone += 1
        if self._is_too_much():  # copies of actors that are written seldom
            gone += self._let_oldest_copies_go()
        return gone

    def _is_too_much(self) -> bool:
        return self.size_bytes > self._retention.size_bytes_max

    def _oldest_file(self) -> ArchiveFile | None:
        """Return the file that is to go first: of no log one before those that came earlier."""
        first: dict[str, ArchiveFile] = {}
        for file in sorted(self._index.files(), key=lambda each: each.first_lsn):
            first.setdefault(file.slot, file)
        return min(first.values(), key=lambda each: each.last_ms, default=None)

    def _own_files(self) -> list[ArchiveFile]:
        own = [file for file in self._index.files() if file.slot == self._slot]
        return sorted(own, key=lambda file: file.first_lsn)

    def _let_go(self, file: ArchiveFile, horizon_ms: float) -> None:
        files = self._index.files()
        ends: dict[Actor, Order] = {}
        actors = self._index.actors_in(file.name)
        for actor, known in self._all_known(actors, files, file.slot).items():
            ends[actor] = max(span.last for span in known.spans if span.file == file.name)
            # Without a base and a file it has only moved, or is nobody: what a seal belongs to.
            has_state = known.snapshots or any(span.base_commit for span in known.spans)
            is_somebody = has_state or self._actor_file(*actor).exists()
            if is_somebody and needs_copy(known, file.name, ends[actor], horizon_ms):
                self._copy_at(actor, known, ends[actor])
        for name in [file.name, *self._index.remove_file(file.name, ends)]:
            (self.root / name).unlink(missing_ok=True)

    def _let_copy_go(self, actor: Actor, snapshot: Snapshot) -> None:
        self._index.remove_snapshot(actor, snapshot.order)
        (self.root / snapshot.name).unlink(missing_ok=True)

    def _let_oldest_copies_go(self) -> int:
        gone = 0
        for actor, snapshot in sorted(self._index.all_snapshots(), key=lambda each: each[1].order):
            if not self._is_too_much():
                break
            self._let_copy_go(actor, snapshot)
            gone += 1
        return gone

    # --- after a crash -----------------------------------------------------------------------

    def _put_right(self) -> None:
        home = self.root / self._slot
        for path in [self._draft, *home.glob(f"*{SUFFIX}.new")]:
            path.unlink(missing_ok=True)
        there = {f"{path.parent.name}/{path.name}" for path in home.glob(f"*{SUFFIX}")}
        known = {file.name for file in self._own_files()}
        for name in sorted(known - there):
            self._give_up_missing(name)
        for name in sorted(there - known):
            if not self._find(name):
                self._give_up_damaged(name)
        for actor, snapshot in self._index.all_snapshots():
            if not (self.root / snapshot.name).exists():
                log.error("archive.copy_is_missing", extra={"file": snapshot.name})
                self._index.remove_snapshot(actor, snapshot.order)

    def _find_all(self) -> None:
        """Make the index anew."""
        names = sorted(f"{p.parent.name}/{p.name}" for p in self.root.glob(f"*/*{SUFFIX}"))
        damaged = [name for name in names if not self._find(name)]
        keys = {quote(key): key for key in self._index.namespaces()}
        for path in sorted((self.root / COPIES).glob("*/*/*.db")):
            self._know_copy(path, keys)
        for name in damaged:
            self._give_up_damaged(name)

    def _find(self, name: str) -> bool:
        """Know a file that the index does not; return whether it can be read."""
        try:
            self._know(name, list(read_spans(self.root / name)))
        except (ArchiveDamaged, ValueError) as error:
            log.error("archive.file_is_damaged", extra={"file": name, "cause": str(error)})  # noqa: TRY400  # the message says it all
            return False
        return True

    def _give_up_missing(self, name: str) -> None:
        log.error("archive.file_is_missing", extra={"file": name})
        ends = {
            actor: max(span.last for span in self._index.spans(actor) if span.file == name)
            for actor in self._index.actors_in(name)
        }
        is_first = self._own_files()[0].name == name
        # If it is not, it is a gap, on both sides of which there are files.
        for copy in self._index.remove_file(name, ends if is_first else {}):
            (self.root / copy).unlink(missing_ok=True)

    def _give_up_damaged(self, name: str) -> None:
        """Put a file aside that cannot be read: nobody knows whose records were in it."""
        path = self.root / name
        path.rename(path.with_suffix(".damaged"))
        slot = name.split("/", maxsplit=1)[0]
        files = [file for file in self._index.files() if file.slot == slot]
        if any(file.name < name for file in files):
            return  # it is a gap, on both sides of which there are files
        first = min((file.first for file in files), default=LAST)
        for actor, snapshot in self._index.all_snapshots():
            if snapshot.order < first:
                self._let_copy_go(actor, snapshot)

    def _know_copy(self, path: Path, keys: dict[str, str]) -> None:
        quoted = path.parent.parent.name
        unique_key = keys.get(quoted, unquote(quoted))
        parsed = parse_copy_name(path.name)
        if parsed is None or quote(unique_key) != quoted:
            log.error("archive.copy_of_nobody", extra={"file": str(path)})
            return
        actor_id, order = parsed
        snapshot = Snapshot(order, path.stat().st_size, str(path.relative_to(self.root)))
        self._index.add_snapshot((unique_key, actor_id), snapshot)


def _remove_index(path: Path) -> None:
    for suffix in ("-wal", "-shm", ""):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
