"""Recovery: files become what the logs say, whatever was left half done, and as often as asked."""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from perdure.storage import recovery
from perdure.storage.errors import LogCorrupt
from perdure.storage.log import CommitLog
from perdure.storage.log_directory import LogDirectory
from perdure.storage.log_start import LogStart
from perdure.storage.logformat import ALARM_UNCHANGED, NO_ALARM, Change, RecordKind
from perdure.storage.page_images import encode_image
from perdure.storage.recovery import Recovered, recover
from tests.failing import fails_with

SIZE = 512
A, B = ("app-Room", b"a" * 32), ("app-Room", b"b" * 32)


def page(letter: str) -> bytes:
    return letter.encode() * SIZE


class World:
    """A directory with logs, written by hand."""

    def __init__(self, root: Path, slots: int) -> None:
        self.root = root
        self.actors = root / "actors"
        self.actors.mkdir()
        self.logs = [LogDirectory.open(root / "log" / str(slot)) for slot in range(slots)]
        self.alarms: dict[tuple[str, bytes], int | None] = {}
        self.known: dict[tuple[tuple[str, bytes], int], bytes] = {}

    def file(self, unique_key: str, actor_id: bytes) -> Path:
        return self.actors / unique_key / actor_id.hex()[:2] / f"{actor_id.hex()}.db"

    def recover(self) -> Recovered:
        self.alarms.clear()
        return recover(self.actors, self.root / "drafts", self.logs, self.file, self.alarms.update)

    def content(self, actor: tuple[str, bytes]) -> str:
        data = self.file(*actor).read_bytes()
        return "".join(chr(data[at]) for at in range(0, len(data), SIZE))

    def write(self, start: LogStart, slot: int, *changes: Change, commit: int = 0) -> None:
        """Append in one opening of the log, after so many commits elsewhere; leave as if killed."""
        log = CommitLog(
            self.logs[slot].path,
            start,
            notify=lambda call: None,
            time_ms=lambda: 0,
            on_failure=lambda error: None,
        )
        log.last_commit += commit
        for each in changes:
            log.append(each)
        log.close()

    def change(
        self,
        actor: tuple[str, bytes],
        pages: dict[int, str],
        count: int,
        kind: RecordKind = RecordKind.COMMIT,
        alarm_ms: int = ALARM_UNCHANGED,
    ) -> Change:
        images = []
        for number, letter in pages.items():
            new = page(letter)
            before = None if kind is not RecordKind.COMMIT else self.known.get((actor, number))
            images.append(encode_image(number, new, before))
            self.known[actor, number] = new
        return Change(
            kind,
            *actor,
            page_size=SIZE,
            database_pages=count,
            image_count=len(images),
            images=b"".join(images),
            alarm_ms=alarm_ms,
        )


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[[int], World]]:
    made: list[World] = []

    def make(slots: int = 1) -> World:
        made.append(World(tmp_path, slots))
        return made[-1]

    yield make
    for world in made:
        for log in world.logs:
            log.close()


@pytest.fixture
def world(make_world: Callable[[int], World]) -> World:
    return make_world(1)


CREATE = RecordKind.CREATE


def test_an_empty_directory(world: World) -> None:
    found = world.recover()
    assert found.records == found.actors == 0
    assert found.starts == (LogStart(lsn=0, segment=0, epoch=1),)


def test_files_are_made_changed_and_cut(world: World) -> None:
    (start,) = world.recover().starts
    world.write(
        start,
        0,
        world.change(A, {1: "a", 2: "b", 3: "c"}, 3, CREATE),
        world.change(B, {1: "x"}, 1, CREATE),
        world.change(A, {2: "B"}, 3),
        world.change(A, {1: "A"}, 2),  # the database has shrunk
        world.change(A, {3: "C"}, 3),  # and grown again
    )
    found = world.recover()
    assert (found.records, found.actors) == (5, 2)
    assert found.starts[0].lsn == 5
    assert world.content(A) == "ABC"
    assert world.content(B) == "x"


def test_changes_build_on_the_file_that_was_checkpointed(world: World) -> None:
    (start,) = world.recover().starts
    world.write(start, 0, world.change(A, {1: "a", 2: "b"}, 2, CREATE))
    (start,) = world.recover().starts
    world.write(start, 0, world.change(A, {2: "c"}, 2))
    assert world.recover().records == 1
    assert world.content(A) == "ac"
    assert world.recover().records == 0
    assert world.content(A) == "ac"


def test_wals_do_not_count(world: World) -> None:
    (start,) = world.recover().starts
    world.write(start, 0, world.change(A, {1: "a"}, 1, CREATE))
    world.recover()
    stale = world.file(*A).with_name(world.file(*A).name + "-wal")
    for size, left in ((5, bytes(5)), (50, bytes(32) + b"x" * 18), (2**18, None)):
        stale.write_bytes(b"x" * size + b"x" * (left is None))
        world.recover()
        assert (stale.read_bytes() if stale.exists() else None) == left
    for suffix in ("-shm", "-journal"):
        other = world.file(*A).with_name(world.file(*A).name + suffix)
        other.touch()
        world.recover()
        assert not other.exists()


@pytest.mark.parametrize("call", ["pwrite", "pwritev", "replace", "fsync", "unlink"])
def test_recovery_may_be_killed_and_repeated(
    world: World, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    (start,) = world.recover().starts
    world.write(
        start,
        0,
        world.change(A, {1: "a", 2: "b"}, 2, CREATE),
        world.change(A, {2: "c"}, 2),
        world.change(B, {1: "x", 2: "y"}, 2, CREATE),
    )
    for suffix in ("-wal", "-journal"):
        stale = world.file(*A).with_name("left" + suffix)
        stale.parent.mkdir(parents=True, exist_ok=True)
        stale.write_bytes(b"x" * 40)

    class Killed(BaseException):
        pass

    real = getattr(os, call)
    for after in range(6):
        left = after

        def killed(*args: object, **options: object) -> object:
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1
            return real(*args, **options)

        with monkeypatch.context() as patch:
            patch.setattr(os, call, killed)
            try:
                world.recover()
            except Killed:
                continue
            break
    world.recover()
    assert world.content(A) == "ac"
    assert world.content(B) == "xy"


def test_the_files_are_synced_before_the_log_forgets(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (start,) = world.recover().starts
    world.write(start, 0, world.change(A, {1: "a"}, 1, CREATE))

    with monkeypatch.context() as patch:
        patch.setattr(recovery, "sync_file_system", fails_with(errno.EIO))
        with pytest.raises(OSError, match="Input/output"):
            world.recover()
    world.file(*A).write_bytes(b"")  # what an unsynced file may become
    assert world.recover().records == 1
    assert world.content(A) == "a"


def test_the_last_word_on_each_alarm(world: World) -> None:
    (start,) = world.recover().starts
    world.write(
        start,
        0,
        world.change(A, {1: "a"}, 1, CREATE, alarm_ms=500),
        world.change(B, {1: "b"}, 1, CREATE, alarm_ms=700),
        world.change(A, {1: "c"}, 1),
        world.change(B, {1: "c"}, 1, alarm_ms=NO_ALARM),
    )
    world.recover()
    assert world.alarms == {A: 500, B: None}


def test_a_deleted_actor_and_its_successor(world: World) -> None:
    (start,) = world.recover().starts
    world.write(
        start,
        0,
        world.change(A, {1: "a", 2: "b"}, 2, CREATE, alarm_ms=5),
        Change(RecordKind.DELETE, *A),
        world.change(B, {1: "x", 2: "y"}, 2, CREATE),
        Change(RecordKind.DELETE, *B),
        world.change(B, {1: "z"}, 1, CREATE),
    )
    world.recover()
    assert not world.file(*A).exists()
    assert world.content(B) == "z"
    assert world.alarms == {A: None, B: None}


def test_a_file_that_is_gone_is_missed(world: World) -> None:
    (start,) = world.recover().starts
    world.write(start, 0, world.change(A, {1: "a", 2: "b"}, 2, CREATE))
    (start,) = world.recover().starts
    world.write(start, 0, world.change(A, {2: "c"}, 2))
    data = world.file(*A).read_bytes()
    world.file(*A).unlink()
    with pytest.raises(LogCorrupt, match="it is gone"):
        world.recover()
    world.file(*A).write_bytes(data[:SIZE])
    world.write(start, 0, world.change(A, {2: "d"}, 2))
    with pytest.raises(LogCorrupt, match="page 2 is not there"):
        world.file(*A).write_bytes(data[: SIZE + 100])
        partial = Change(
            RecordKind.COMMIT,
            *A,
            page_size=SIZE,
            database_pages=2,
            image_count=1,
            images=encode_image(2, b"q" * 64 + page("c")[64:], page("c")),
        )
        world.write(start, 0, partial)
        world.recover()


def test_an_actor_that_moved_is_not_set_back_by_the_log_it_left(
    make_world: Callable[[int], World],
) -> None:
    """Log 1 was checkpointed after the move, log 0 was not: log 0 must not undo that."""
    world = make_world(3)
    starts = world.recover().starts
    world.write(
        starts[0],
        0,
        world.change(A, {1: "a", 2: "b"}, 2, CREATE),
        world.change(A, {1: "c"}, 2),
        Change(RecordKind.HANDED_OVER, *A, page_size=SIZE, database_pages=2),
    )
    path = world.file(*A)
    path.parent.mkdir(parents=True)
    path.write_bytes(page("c") + page("b"))  # synced before it was handed over
    world.known.clear()
    taken = RecordKind.TAKEN_OVER
    world.write(
        starts[1],
        1,
        world.change(A, {2: "d"}, 2, taken),
        world.change(A, {1: "e"}, 2),
        commit=10,
    )
    assert world.recover().records == 2
    assert world.content(A) == "ed"


def test_the_records_of_an_actor_are_put_in_order_across_logs(
    make_world: Callable[[int], World],
) -> None:
    """Killed between two moves: both logs hold commits, the files nothing of the later ones."""
    world = make_world(2)
    starts = world.recover().starts
    world.write(starts[0], 0, world.change(A, {1: "a"}, 1, CREATE))
    world.write(starts[1], 1, world.change(B, {1: "x"}, 1, CREATE))
    starts = world.recover().starts
    # Later in log 0, though its number there is lower than the one in log 1.
    world.write(starts[0], 0, world.change(A, {1: "z"}, 1), commit=100)
    world.known.clear()
    world.write(starts[1], 1, world.change(A, {1: "y"}, 1), commit=50)
    world.recover()
    assert world.content(A) == "z"
