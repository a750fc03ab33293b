"""The archive: what the logs held, for as long as it is to be kept, and copies to start from.

*Promise*: for each actor whose records are here there is something they can be applied to: its
beginning, or a copy of its file as it was before them. What is not to be kept any more goes,
the oldest first, and never something that a younger state needs.
*Assumes*: one thread uses it at a time; one ``Archive`` for each log of a directory, and ``alone``
around whatever is done with it. They share the index, and each touches the files of its own log
only, and copies of any actor.
*Rules for editing*: copies before deletions, files before what the index says of them. It may be
killed anywhere: ``open`` puts right what was begun.

    archive/index.db                                        storage/archive/index.py
    archive/<slot>/<first LSN>-<last LSN>.arc               storage/archive/spans.py
    archive/snapshots/<namespace>/<ab>/<id>-<order>.db      an actor's file after a commit
    archive/pending/<name>.db                               copies of what takes an actor's place
"""

import contextlib
import fcntl
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from ..durable_files import make_directory, sync_directory, sync_file
from ..errors import ArchiveDamaged, DatabaseFailed, HistoryUnavailable
from ..layout import quote
from ..log_tail import map_file
from ..logformat import BEGINNINGS, SegmentHeader
from ..replay import replay
from .index import Actor, ArchiveFile, ArchiveIndex, Order, Snapshot
from .past import FIRST, LAST, PENDING, Past, index_path
from .spans import SUFFIX, Span, read_spans, write_archive_file

log = logging.getLogger("perdure.storage")

DAY_MS = 86_400_000
# Below this many bytes of records since its last copy an actor gets no other.
SNAPSHOT_SIZE_BYTES_MIN = 2**20


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


@contextlib.contextmanager
def alone(root: Path) -> Iterator[None]:
    """Wait until nobody else works on the archive at ``root``, in this process or in another.

    Raises:
        OSError: The directory cannot be made, or not be locked.
    """
    make_directory(root)
    lock = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


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
        is_new = not index_path(root).exists()
        try:
            self._index = ArchiveIndex(index_path(root))
        except DatabaseFailed as error:
            log.warning("archive.index_is_made_anew", extra={"cause": str(error)})
            for suffix in ("", "-wal", "-shm"):
                index_path(root).with_name(f"index.db{suffix}").unlink(missing_ok=True)
            self._index = ArchiveIndex(index_path(root))
            is_new = True
        self._put_right(is_new=is_new)

    def close(self) -> None:
        """Close the index."""
        self._index.close()

    @property
    def last_lsn(self) -> int:
        """Up to which record the log is here; 0 if nothing of it is."""
        return self._index.ends().get(self._slot, (0, (0, 0)))[0]

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
            LogCorrupt: It cannot be read.
            OSError: It cannot be written; nothing of it is here.
        """
        first_lsn = max(self.last_lsn + 1, header.first_lsn)
        if first_lsn > last_lsn:
            return
        name = f"{self._slot}/{first_lsn:016x}-{last_lsn:016x}{SUFFIX}"
        data = map_file(segment)
        spans = write_archive_file(self.root / name, data, header, (first_lsn, last_lsn), pause)
        self._know(name, spans)
        for actor in dict.fromkeys(span.actor for span in spans):
            pause()
            self._keep_a_copy(actor)

    def _know(self, name: str, spans: list[Span]) -> None:
        first_lsn, last_lsn = (int(part, 16) for part in Path(name).stem.split("-"))
        file = ArchiveFile(
            name,
            name.split("/", maxsplit=1)[0],
            first_lsn,
            last_lsn,
            spans[0].incarnation,
            min(span.first_commit for span in spans),
            max(span.last_commit for span in spans),
            max(span.last_ms for span in spans),
            (self.root / name).stat().st_size,
        )
        self._index.add_file(file, spans)

    # --- copies ------------------------------------------------------------------------------

    def _keep_a_copy(self, actor: Actor) -> None:
        """Have a recent enough copy of an actor, so that a state takes little to make."""
        spans = self._index.spans(actor)
        snapshots = self._index.snapshots(actor)
        last = spans[-1].last
        base = max(
            [each.order for each in snapshots if each.order <= last]
            + [(span.incarnation, span.base_commit) for span in spans if span.base_commit],
            default=None,
        )
        since = sum(span.size_bytes for span in spans if base is not None and span.last > base)
        if base is None:
            self._copy_from_now(actor)
        elif since > SNAPSHOT_SIZE_BYTES_MIN:
            size = max((each.size_bytes for each in snapshots), default=0)
            if since > size:
                self.copy_at(actor, last)

    def copy_at(self, actor: Actor, order: Order) -> None:
        """Make a copy of an actor's file as it was after a commit that is here."""
        draft = self._draft
        try:
            if self.past.build(actor, order, draft):
                self.add_copy(actor, order, draft)
        except (HistoryUnavailable, ArchiveDamaged) as error:
            extra = {"actor": actor[1].hex(), "cause": str(error)}
            log.error("archive.no_copy", extra=extra)  # noqa: TRY400  # the message says it all

    def add_copy(self, actor: Actor, order: Order, draft: Path) -> None:
        """Keep ``draft``, which goes away, as the copy of an actor's file after a commit."""
        name = self._snapshot_name(actor, order)
        path = self.root / name
        make_directory(path.parent)
        sync_file(draft)
        path.unlink(missing_ok=True)
        path.hardlink_to(draft)
        sync_directory(path.parent)
        self._index.add_snapshot(actor, Snapshot(order, path.stat().st_size, name))
        draft.unlink()  # not before: who looks for a pending copy finds it here, or in the index

    def _copy_from_now(self, actor: Actor) -> None:
        """Make the first copy of an actor that was there before the archive was.

        Its file may be written meanwhile. Whatever is written is in the log by then, and the
        log is read afterwards: all of it is applied once more.
        """
        draft = self._draft
        try:
            shutil.copyfile(self._actor_file(*actor), draft)
        except FileNotFoundError:
            return
        known = self.past.known(actor)
        everything = list(self.past.records(known, FIRST, LAST))
        records = [record for batch in everything for record in batch]
        if any(record.change.kind in BEGINNINGS for record in records):
            return
        changes = [record.change for record in records if record.change.image_count]
        if changes:
            replay(draft, changes, is_new=False)
            self.add_copy(actor, records[-1].order, draft)

    def adopt(self, actor: Actor, order: Order, name: str) -> None:
        """Keep the pending copy of this name: its file took the actor's place with that commit."""
        pending = self.root / PENDING / name
        if pending.exists():
            self.add_copy(actor, order, pending)

    # --- letting go --------------------------------------------------------------------------

    def expire(self, now_ms: int) -> int:
        """Let go what is not to be kept any more; return how many files that were."""
        gone = 0
        horizon_ms = now_ms - self._retention.days * DAY_MS
        for file in self._own_files():
            is_too_much = self.size_bytes > self._retention.size_bytes_max
            if file.last_ms >= horizon_ms and not is_too_much:
                break
            self._let_go(file)
            gone += 1
        return gone

    def _own_files(self) -> list[ArchiveFile]:
        return [file for file in self._index.files() if file.slot == self._slot]

    def _let_go(self, file: ArchiveFile) -> None:
        actors = self._index.actors_in(file.name)
        for actor in actors:
            spans = self._index.spans(actor)
            last = max(span.last for span in spans if span.file == file.name)
            bases = [(span.incarnation, span.base_commit) for span in spans if span.base_commit]
            bases += [each.order for each in self._index.snapshots(actor)]
            # Without a base and a file it has only moved, or is nobody: what a seal belongs to.
            has_state = bases or self._actor_file(*actor).exists()
            if has_state and not any(base >= last for base in bases):
                self.copy_at(actor, last)
        self._index.remove_file(file.name)
        (self.root / file.name).unlink(missing_ok=True)
        for actor in actors:
            self._let_copies_go(actor)

    def _let_copies_go(self, actor: Actor) -> None:
        """Delete an actor's copies that no state begins with any more."""
        snapshots = self._index.snapshots(actor)
        spans = self._index.spans(actor)
        if not spans and not self._actor_file(*actor).exists():
            unneeded = snapshots
        else:
            first = spans[0].first if spans else LAST
            unneeded = [each for each in snapshots if each.order < first][:-1]
        for snapshot in unneeded:
            self._index.remove_snapshot(actor, snapshot.order)
            (self.root / snapshot.name).unlink(missing_ok=True)

    # --- after a crash -----------------------------------------------------------------------

    def _put_right(self, *, is_new: bool) -> None:
        home = self.root / self._slot
        for path in [self._draft, *home.glob(f"*{SUFFIX}.new")]:
            path.unlink(missing_ok=True)
        found = self.root.glob(f"*/*{SUFFIX}") if is_new else home.glob(f"*{SUFFIX}")
        there = {f"{path.parent.name}/{path.name}" for path in found}
        known = {file.name for file in self._own_files()}
        for name in sorted(known - there):
            log.error("archive.file_is_missing", extra={"file": name})
            self._index.remove_file(name)
        for name in sorted(there - known):
            try:
                self._know(name, list(read_spans(self.root / name)))
            except ArchiveDamaged as error:
                log.error("archive.file_is_damaged", extra={"cause": str(error)})  # noqa: TRY400  # the message says it all
        if is_new:
            for path in sorted((self.root / "snapshots").glob("*/*/*.db")):
                self._know_copy(path)

    def _know_copy(self, path: Path) -> None:
        text, incarnation, commit = path.stem.split("-")
        unique_key = unquote(path.parent.parent.name)
        order = (int(incarnation, 16), int(commit, 16))
        name = str(path.relative_to(self.root))
        snapshot = Snapshot(order, path.stat().st_size, name)
        self._index.add_snapshot((unique_key, bytes.fromhex(text)), snapshot)

    def _snapshot_name(self, actor: Actor, order: Order) -> str:
        key, text = quote(actor[0]), actor[1].hex()
        return f"snapshots/{key}/{text[:2]}/{text}-{order[0]:08x}-{order[1]:016x}.db"
