import os
from pathlib import Path

import pytest

from perdure.runtime.sandbox.keeper.accounting import DEPTH_MAX, DiskAccount, TooDeep, measure
from perdure.runtime.sandbox.reactor import Reactor


def fill(path: Path, size: int) -> None:
    path.write_bytes(os.urandom(size))


def open_count() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_all_files_are_counted_once_and_links_not_followed(tmp_path: Path) -> None:
    top = tmp_path / "top"
    (top / "a/b").mkdir(parents=True)
    fill(top / "one", 100_000)
    fill(top / "a/b/two", 50_000)
    fill(tmp_path / "outside", 10_000_000)
    (top / "link").symlink_to(tmp_path / "outside")
    (top / "out").symlink_to(tmp_path)
    before, opened = sum(measure(top)), open_count()
    (top / "again").hardlink_to(top / "one")
    assert sum(measure(top)) - before < 50_000
    assert 150_000 <= before < 500_000
    assert open_count() == opened


def test_a_hole_takes_nothing(tmp_path: Path) -> None:
    with (tmp_path / "hole").open("wb") as file:
        file.truncate(10**9)
    assert sum(measure(tmp_path)) < 100_000


def test_what_goes_away_meanwhile_is_passed_over(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        fill(tmp_path / name / "x", 10)
    entries = measure(tmp_path)
    next(entries)
    for name in ("a", "b", "c"):
        (tmp_path / name / "x").unlink(missing_ok=True)
        (tmp_path / name).rmdir()
        (tmp_path / name).symlink_to("/")
    assert sum(entries) < 100_000


def test_folders_too_deep_are_an_error(tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(DEPTH_MAX):
        folder = folder / "d"
        folder.mkdir()
    opened = open_count()
    with pytest.raises(TooDeep):
        sum(measure(tmp_path))
    assert open_count() == opened


def test_who_takes_too_much_is_told_of_as_soon_as_it_is_seen(tmp_path: Path) -> None:
    reactor, told = Reactor(), list[str]()
    fill(tmp_path / "file", 100_000)

    DiskAccount(reactor, tmp_path, 50_000, told.append)
    assert told == ["more than 50,000 bytes (disk_size_bytes_max) are in its workspace"]

    def exceeded(why: str) -> None:
        told.append(why)
        reactor.stop()

    other = Reactor()
    reactor.close()
    reactor = other
    account = DiskAccount(reactor, tmp_path, 500_000, exceeded)
    assert account.used_bytes is not None
    assert 100_000 <= account.used_bytes < 500_000
    fill(tmp_path / "another", 600_000)
    reactor.run()
    reactor.close()
    assert told[1:] == ["more than 500,000 bytes (disk_size_bytes_max) are in its workspace"]


def test_it_is_too_much_until_there_is_less(tmp_path: Path) -> None:
    reactor = Reactor()
    fill(tmp_path / "file", 100_000)
    account = DiskAccount(reactor, tmp_path, 50_000, lambda _: None)
    assert account.is_exceeded
    (tmp_path / "file").unlink()

    def look() -> None:
        if account.is_exceeded:
            reactor.call_later(0.01, look)
        else:
            reactor.stop()

    look()
    reactor.run()
    reactor.close()
    assert account.used_bytes == sum(measure(tmp_path))


def test_it_can_be_measured_at_once_whether_there_is_less(tmp_path: Path) -> None:
    reactor, told = Reactor(), list[str]()
    fill(tmp_path / "file", 100_000)
    account = DiskAccount(reactor, tmp_path, 50_000, told.append)
    account.look_again()
    assert (account.is_exceeded, len(told)) == (True, 2)
    (tmp_path / "file").unlink()
    account.look_again()
    assert (account.is_exceeded, len(told)) == (False, 2)
    fill(tmp_path / "file", 100_000)
    account.look_again()  # what was not too much is measured when its time has come
    assert not account.is_exceeded
    reactor.close()


def test_whether_it_was_too_much_before_is_known_to_who_is_told(tmp_path: Path) -> None:
    reactor, was = Reactor(), list[bool]()

    def exceeded(why: str) -> None:
        del why
        was.append(account.is_exceeded)
        reactor.stop()

    account = DiskAccount(reactor, tmp_path, 50_000, exceeded)
    fill(tmp_path / "file", 100_000)
    reactor.run()
    account.look_again()
    assert was == [False, True]
    reactor.close()


def test_many_files_are_measured_in_turns(tmp_path: Path) -> None:
    reactor, turns = Reactor(), 0
    for number in range(2000):
        (tmp_path / str(number)).touch()
    account = DiskAccount(reactor, tmp_path, 10**9, lambda _: None)
    assert account.used_bytes is None

    def look() -> None:
        nonlocal turns
        turns += 1
        if account.used_bytes is None:
            reactor.call_soon(look)
        else:
            reactor.stop()

    look()
    reactor.run()
    reactor.close()
    assert turns >= 3
