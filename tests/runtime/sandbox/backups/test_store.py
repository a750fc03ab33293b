import json
import os
import stat
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from perdure.runtime.sandbox.backups.store import BackupFacts, BackupStore, checked_id
from perdure.runtime.sandbox.errors import SandboxBackupError


def kept(store: BackupStore, data: bytes = b"archive", ttl_s: float = 100.0) -> BackupFacts:
    writer = store.begin(None)
    writer.write(data)
    return writer.commit("/workspace", "a name", ttl_s)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "backups").iterdir())


def test_what_was_kept_is_found_by_another_process(tmp_path: Path) -> None:
    facts = kept(BackupStore(tmp_path), b"archive" * 1000)
    store = BackupStore(tmp_path)
    assert store.find(facts.id) == facts
    assert (facts.dir, facts.name, facts.size_bytes) == ("/workspace", "a name", 7000)
    with store.open(facts) as file:
        assert file.read() == b"archive" * 1000


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        facts = kept(BackupStore(tmp_path))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "backups").stat().st_mode) == 0o700
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "backups").iterdir()}
    assert modes == {0o600}
    assert names(tmp_path) == [f"{facts.id}.json", f"{facts.id}.tar.gz"]


def test_it_is_on_the_disk_before_it_can_be_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = BackupStore(tmp_path).begin(None)
    writer.write(b"x")
    synced = list[tuple[str, list[str]]]()
    real = os.fsync

    def fsync(descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        synced.append((path.name.partition(".")[2] or path.name, names(tmp_path)))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    writer.commit("/workspace", None, 1.0)
    assert [name for name, _ in synced] == [
        "tar.gz.part",
        "json.part",
        "backups",
        tmp_path.name,
    ]
    before_facts = next(there for name, there in synced if name == "json.part")
    assert any(name.endswith(".tar.gz") for name in before_facts)
    assert not any(name.endswith(".json") for name in before_facts)


def test_one_that_was_not_finished_is_not_there(tmp_path: Path) -> None:
    store = BackupStore(tmp_path)
    writer = store.begin(None)
    writer.write(b"x")
    with pytest.raises(SandboxBackupError) as caught:
        store.find(writer.id)
    assert caught.value.code == "BACKUP_NOT_FOUND"
    writer.discard()
    writer.discard()
    assert names(tmp_path) == []


def test_no_more_is_kept_than_is_allowed(tmp_path: Path) -> None:
    writer = BackupStore(tmp_path).begin(10)
    writer.write(bytes(10))
    with pytest.raises(SandboxBackupError, match="larger than 10 bytes") as caught:
        writer.write(b"x")
    assert caught.value.code == "BACKUP_CREATE_FAILED"
    writer.discard()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "backups").touch()
    with pytest.raises(SandboxBackupError, match="No backup can be begun") as caught:
        BackupStore(tmp_path).begin(None)
    assert caught.value.code == "BACKUP_CREATE_FAILED"


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    writer = BackupStore(tmp_path).begin(None)
    writer._file.close()
    writer._file = open("/dev/full", "wb", buffering=0)  # noqa: SIM115  # the writer closes it
    with pytest.raises(SandboxBackupError, match="No space left") as caught:
        writer.write(b"x")
    assert caught.value.code == "BACKUP_CREATE_FAILED"
    writer.discard()
    assert names(tmp_path) == []


def test_what_is_removed_is_gone_and_who_reads_it_goes_on(tmp_path: Path) -> None:
    store = BackupStore(tmp_path)
    facts = kept(store)
    with store.open(facts) as file:
        assert store.remove(facts.id)
        assert file.read() == b"archive"
    assert not store.remove(facts.id)
    assert names(tmp_path) == []
    with pytest.raises(SandboxBackupError):
        store.open(facts)


def test_those_whose_time_is_over_are_removed(tmp_path: Path) -> None:
    store = BackupStore(tmp_path)
    assert store.remove_expired() == 0
    old, new = kept(store, ttl_s=1e-9), kept(store)
    with pytest.raises(SandboxBackupError) as caught:
        store.find(old.id)
    assert caught.value.code == "BACKUP_EXPIRED"
    assert store.remove_expired() == 1
    assert store.find(new.id) == new
    assert names(tmp_path) == [f"{new.id}.json", f"{new.id}.tar.gz"]


def test_what_a_killed_server_left_is_removed_a_day_later(tmp_path: Path) -> None:
    store = BackupStore(tmp_path)
    facts = kept(store)
    folder = tmp_path / "backups"
    for name in ("a.tar.gz.part", "b.tar.gz", "c.json.part", "notes.txt"):
        (folder / name).touch()
        os.utime(folder / name, (time.time() - 90_000,) * 2)
    os.utime(folder / f"{facts.id}.tar.gz", (time.time() - 90_000,) * 2)
    (folder / "d.tar.gz.part").touch()
    store.remove_expired()
    assert names(tmp_path) == sorted(
        [f"{facts.id}.json", f"{facts.id}.tar.gz", "d.tar.gz.part", "notes.txt"]
    )


@pytest.mark.parametrize(
    "told",
    [b"", b"[]", b'{"id": 5}', b"\xff", b"null"],
)
def test_what_is_not_ours_is_none(tmp_path: Path, told: bytes) -> None:
    store = BackupStore(tmp_path)
    facts = kept(store)
    path = tmp_path / "backups" / f"{facts.id}.json"
    path.write_bytes(told)
    with pytest.raises(SandboxBackupError) as caught:
        store.find(facts.id)
    assert caught.value.code == "BACKUP_NOT_FOUND"
    other = str(uuid.uuid4())
    path.write_text(json.dumps({**vars_of(facts), "id": other}))
    with pytest.raises(SandboxBackupError):
        store.find(facts.id)
    path.write_text(json.dumps({**vars_of(facts), "ttl_s": "long"}))
    with pytest.raises(SandboxBackupError):
        store.find(facts.id)


def vars_of(facts: BackupFacts) -> dict[str, Any]:
    return {name: getattr(facts, name) for name in facts.__slots__}


KNOWN = "4c4d44c1-e8c0-4379-94a6-a5ad704f49df"


@pytest.mark.parametrize(
    "backup_id",
    [
        None,
        5,
        "",
        "..",
        "../../etc/passwd",
        "/etc/passwd",
        "A" * 36,
        str(uuid.UUID(int=0)),
        KNOWN.upper(),
        KNOWN + "\n",
        KNOWN + "/..",
    ],
)
def test_what_is_no_id_never_becomes_a_path(tmp_path: Path, backup_id: Any) -> None:
    with pytest.raises(SandboxBackupError) as caught:
        checked_id(backup_id)
    assert caught.value.code == "INVALID_BACKUP_CONFIG"
    for call in (BackupStore(tmp_path).find, BackupStore(tmp_path).remove):
        with pytest.raises(SandboxBackupError):
            call(backup_id)
