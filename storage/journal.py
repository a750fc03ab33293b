"""One actor's part in the commit log: what its commits changed, and when its file may change.

*Promise*: each commit of the database is one record, in order, with all pages it changed. The
file itself receives only pages that are durable in the log. After a failure nothing is left of
commits that the log did not take.
*Assumes*: the connection is this actor's only one, was opened by storage/connection.py for a
log, and is used from the log's thread. One Journal for a file at a time.
*Rules for editing*: between COMMIT and ``append`` nothing may raise but what ends this
connection; ``abandon`` then cuts off the ``-wal`` what the log does not know. An image in
``_images`` is the page as the log has it, never as a transaction has left it meanwhile.
*Considered and refused*: checkpoints by SQLite (``wal_autocheckpoint``, or when a connection is
closed): it would put pages into the file that are not durable yet. A second look at the
``-wal`` file's end instead of the hook: the hook says what was committed, the file what was
written.
"""

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import apsw

from .errors import CommitTooLarge, DatabaseFailed
from .free_space import FreeSpace
from .log import CommitLog
from .logformat import ALARM_UNCHANGED, Change, RecordKind
from .page_images import encode_image
from .template import (
    APPLICATION_ID,
    NEW_APPLICATION_ID,
    PAGE_SIZE_BYTES,
    Template,
    standard_template,
)
from .wal import (
    HEADER_SIZE_BYTES,
    Committed,
    WalHeader,
    WalUnreadable,
    committed_pages,
    read_header,
)

# From so many frames on the file is brought up to date at the next occasion.
CHECKPOINT_FRAMES = 64
# And from so many on it waits for the log, once: an actor that writes all the time has no
# moment at which all it has written is durable.
CHECKPOINT_FRAMES_MAX = 1024
# Bytes of frames in one commit. Their record's length has 32 bits, one read gives no more than
# 2 GiB, and making the record takes some six times as much memory.
COMMIT_SIZE_BYTES_MAX = 2**30
# Pages of each open actor kept to tell what a commit changed of them. An insert touches two.
IMAGES_MAX = 12
_IN_PARTS = "Write it in parts, with an await of something else (asyncio.sleep(0)) between them"


@dataclass(frozen=True, slots=True)
class Leftover:
    """What is in the log and in the ``-wal`` of an actor that is not open, and not in its file.

    Attributes:
        path: The actor's file.
        frames: How many frames of the ``-wal`` count.
        wal_size_bytes: Where the last of them ends; what comes after it the log does not have.
        first_lsn: The first record of which the file lacks something.
        last_lsn: The actor's last record.
    """

    path: Path
    frames: int
    wal_size_bytes: int
    first_lsn: int
    last_lsn: int


_COMMIT = RecordKind.COMMIT  # a member of an enum is looked up by a function
Leftovers = dict[tuple[str, bytes], Leftover]


class Journal:
    """Writes one actor's commits to the log.

    Is the ``Durability`` of its database.

    Attributes:
        is_logged: True: SQLite need not sync anything.
        log: The log.
        last_lsn: The number of the last record; what was read before may depend on it.
        first_lsn: The first record of which the file lacks something; 0 if it lacks nothing.
        is_wanted: The log is to be shortened: bring the file up to date as soon as possible.
    """

    __slots__ = (
        "_actor",
        "_committed",
        "_database_pages",
        "_descriptor",
        "_frames",
        "_header",
        "_images",
        "_is_new",
        "_leftovers",
        "_path",
        "_space",
        "_template",
        "first_lsn",
        "is_wanted",
        "last_lsn",
        "log",
    )

    is_logged = True

    def __init__(
        self,
        log: CommitLog,
        leftovers: Leftovers,
        unique_key: str,
        actor_id: bytes,
        path: Path,
        space: FreeSpace | None = None,
    ) -> None:
        self.log = log
        self._space = space
        self.first_lsn = self.last_lsn = 0
        self.is_wanted = False
        self._actor = (unique_key, actor_id)
        self._leftovers = leftovers
        self._path = path
        self._descriptor = -1  # of the -wal, from the first commit on
        self._header: WalHeader | None = None
        self._frames = 0  # in the -wal, and not in the file
        self._committed = 0  # frames that SQLite says are in the -wal
        self._images: dict[int, bytes] = {}
        self._database_pages = 0
        self._template: Template | None = None  # of a file of which the log knows nothing yet

    # --- the file ----------------------------------------------------------------------------

    def is_orphan(self) -> bool:
        """Say whether the file was made by a process that died before its log knew of it."""
        leftover = self._leftovers.get(self._actor)
        if leftover is not None and leftover.frames:
            return False
        with contextlib.suppress(FileNotFoundError), self._path.open("rb") as file:
            head = file.read(72)
            if head[68:72] == NEW_APPLICATION_ID.to_bytes(4, "big"):
                return True
            # Or the power has failed: of a file that was never synced its size may be there, and
            # zeros in the place of what was written.
            made = standard_template().data
            left = head + file.read(len(made)) if not any(head) else b"?"
            return len(left) <= len(made) and all(map(_is_left_of, left, made))
        return False

    def create(self, template: Template) -> None:
        """Make the file; until the first commit nobody but us would take it for an actor's.

        Raises:
            SpaceLow: The disk is too full for a new actor.
            OSError: It cannot be made.
        """
        if self._space is not None:
            self._space.check()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            self._wal_path.unlink()
        data = bytearray(template.data)
        data[68:72] = NEW_APPLICATION_ID.to_bytes(4, "big")
        # Not synced: the log will have all of it, and a checkpoint syncs the file system.
        self._path.write_bytes(data)
        self._template = template

    def opened(self, connection: apsw.Connection) -> None:
        """Follow the commits of ``connection``, which was just opened."""
        leftover = self._leftovers.pop(self._actor, None)
        if leftover is not None:
            self._frames = leftover.frames
            self.first_lsn, self.last_lsn = leftover.first_lsn, leftover.last_lsn
        connection.set_wal_hook(self._hook)

    def _hook(self, _: apsw.Connection, __: str, frames: int) -> int:
        self._committed = frames
        return apsw.SQLITE_OK

    @property
    def is_new(self) -> bool:
        """The file was made, and the log knows nothing of it yet."""
        return self._template is not None

    @property
    def is_synced(self) -> bool:
        """All that was committed is durable, whether the loop has been told or not."""
        return self.last_lsn <= self.log.synced_lsn

    @property
    def is_durable(self) -> bool:
        """Likewise, and those who wait for it have been told."""
        return self.last_lsn <= self.log.durable_lsn

    def when_durable(self, action: Callable[[], None]) -> None:
        """Call ``action`` when all that was committed so far is durable; maybe at once."""
        if self.last_lsn <= self.log.durable_lsn:
            action()
        else:
            self.log.when_durable(self.last_lsn, action)

    # --- commits -----------------------------------------------------------------------------

    def before_commit(self, connection: apsw.Connection) -> None:
        """Be told that what is written now will be committed."""
        self._committed = 0
        if self._template is not None:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")

    def committed(self, alarm_ms: int = ALARM_UNCHANGED) -> None:
        """Append to the log what the last COMMIT changed, if it changed anything.

        Raises:
            StorageBroken: The log has failed.
            DatabaseFailed: The frames cannot be read back.
            CommitTooLarge: There are too many.
        """
        if not self._committed:
            return
        try:
            header, found = self._read_frames()
        except (OSError, WalUnreadable) as error:
            problem = f"what was committed cannot be read back: {error}"
            raise DatabaseFailed(self._path, problem, code="SQLITE_IOERR") from error
        images = self._images
        encoded = []
        if self._template is not None:
            encoded = self._template_images(found.pages)
        for number, page in found.pages.items():
            encoded.append(encode_image(number, page, images.pop(number, None)))
            images[number] = page
        database_pages = found.database_pages
        if database_pages < self._database_pages:
            # Such a page may come back; its image will then be against nothing.
            for number in [each for each in images if each > database_pages]:
                del images[number]
        self._database_pages = database_pages
        while len(images) > IMAGES_MAX:
            del images[next(iter(images))]
        unique_key, actor_id = self._actor
        self.last_lsn = self.log.append(
            Change(  # by position: naming the fields takes as long as all the rest of it
                _COMMIT if self._template is None else RecordKind.CREATE,
                unique_key,
                actor_id,
                self.last_lsn,
                alarm_ms,
                header.page_size,
                database_pages,
                len(encoded),
                b"".join(encoded),
            )
        )
        if not self._frames:
            self.first_lsn = self.last_lsn
        self._frames = self._committed
        self._template = None

    def _template_images(self, changed: dict[int, bytes]) -> list[bytes]:
        assert self._template is not None, "asked for by a new actor's first commit"
        data, size = self._template.data, PAGE_SIZE_BYTES
        return [
            encode_image(number, data[(number - 1) * size : number * size], None)
            for number in range(1, len(data) // size + 1)
            if number not in changed
        ]

    def _read_frames(self) -> tuple[WalHeader, Committed]:
        """Return what is in the -wal and not in the log."""
        if self._descriptor < 0:
            self._descriptor = _open_unnoticed(self._wal_path)
        header = self._header
        if header is None:
            header = read_header(os.pread(self._descriptor, HEADER_SIZE_BYTES, 0))
            self._header = header
        frame_size = header.frame_size
        size = (self._committed - self._frames) * frame_size
        if size > COMMIT_SIZE_BYTES_MAX:
            what = "bytes of changed pages in one commit"
            raise CommitTooLarge.of(self._path, what, size, COMMIT_SIZE_BYTES_MAX, _IN_PARTS)
        frames = os.pread(self._descriptor, size, HEADER_SIZE_BYTES + self._frames * frame_size)
        if len(frames) != size:
            raise WalUnreadable(f"{size} bytes of frames were written, {len(frames)} are there")
        return header, committed_pages(header, frames)

    # --- checkpoints -------------------------------------------------------------------------

    def make_room(self, connection: apsw.Connection) -> None:
        """Shorten the -wal if it is long; to be called while no transaction is open."""
        if self._frames < CHECKPOINT_FRAMES and not self.is_wanted:
            return
        if not self.is_synced:
            if self._frames < CHECKPOINT_FRAMES_MAX and not self.is_wanted:
                return
            self.log.settle()
        with contextlib.suppress(apsw.Error):  # the -wal has it all; storage/checkpointer.py tells
            self.checkpoint(connection)

    def checkpoint(self, connection: apsw.Connection) -> bool:
        """Bring the file up to date if all of it is durable; return whether it is now.

        Raises:
            apsw.Error: The file cannot be written.
        """
        if self._frames and self.is_synced:
            frames, done = connection.wal_checkpoint("main", apsw.SQLITE_CHECKPOINT_PASSIVE)
            if frames == done:
                # The next commit begins the -wal anew, with other salts.
                self._frames = self.first_lsn = 0
                self._header = None
                self.is_wanted = False
        return not self._frames

    # --- the end -----------------------------------------------------------------------------

    def closed(self) -> None:
        """Be told that the connection is closed; the file may be opened again."""
        header, self._header = self._header, None
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        self._images.clear()
        is_new, self._template = self._template is not None, None
        page_size = PAGE_SIZE_BYTES if header is None else header.page_size
        wal = WalHeader(page_size, (0, 0), (0, 0), is_big_endian=False)
        size = wal.offset(self._frames) if self._frames else 0
        leftover = Leftover(self._path, self._frames, size, self.first_lsn, self.last_lsn)
        self._leftovers[self._actor] = leftover
        self._frames = self.first_lsn = 0
        with contextlib.suppress(OSError):  # then the leftover stays, and the next opening tries
            self.tidy_up()
        if is_new:
            with contextlib.suppress(OSError):  # then it is an orphan
                self._path.unlink()

    def tidy_up(self) -> None:
        """Have nothing in the ``-wal`` but what the log has.

        A commit that the log did not take was refused, and must not come to light again.

        Raises:
            OSError: It could not be; then the file must not be opened.
        """
        leftover = self._leftovers.get(self._actor)
        if leftover is None:  # a process that is dead left one, or nobody
            with contextlib.suppress(FileNotFoundError):
                self._wal_path.unlink()
            return
        if leftover.frames:
            if self._wal_path.stat().st_size > leftover.wal_size_bytes:
                os.truncate(self._wal_path, leftover.wal_size_bytes)
            return
        with contextlib.suppress(FileNotFoundError):
            self._wal_path.unlink()
        del self._leftovers[self._actor]

    @property
    def _wal_path(self) -> Path:
        return self._path.with_name(self._path.name + "-wal")


def _is_left_of(byte: int, made: int) -> bool:
    return byte in (0, made)


def _open_unnoticed(path: Path) -> int:
    """Open ``path`` for reading, so that reads do not change when it was read last.

    To note that takes the kernel as long as the read of a frame, and only the owner may ask it
    not to.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC
    try:
        return os.open(path, flags | getattr(os, "O_NOATIME", 0))
    except PermissionError:
        return os.open(path, flags)
