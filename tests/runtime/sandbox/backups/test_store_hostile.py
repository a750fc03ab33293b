"""Archives that a hostile program may have had a part in, restored behind a wall.

Their checksums are right: whoever makes a backup of a hostile sandbox gets what it sends.
"""

import gzip
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from perdure.runtime.sandbox.api.backups import DirectoryBackup
from perdure.runtime.sandbox.backups.store import BackupStore
from perdure.runtime.sandbox.client import SandboxStub
from perdure.runtime.sandbox.errors import SandboxBackupError, SandboxError
from tests.runtime.sandbox.boxes import Boxes

MIB = 1024 * 1024
Members = Callable[[tarfile.TarFile, Path], object]


def file(tar: tarfile.TarFile, name: str, data: bytes = b"evil", **more: object) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for each, value in more.items():
        setattr(info, each, value)
    tar.addfile(info, io.BytesIO(data))


def link(tar: tarfile.TarFile, name: str, target: str, *, is_hard: bool = False) -> None:
    info = tarfile.TarInfo(name)
    info.type = tarfile.LNKTYPE if is_hard else tarfile.SYMTYPE
    info.linkname = target
    tar.addfile(info)


def by_dots(tar: tarfile.TarFile, outside: Path) -> None:
    file(tar, "../" * 30 + str(outside / "new").lstrip("/"))
    file(tar, f"./a/../../../../../../../..{outside}/new")


def by_absolute_name(tar: tarfile.TarFile, outside: Path) -> None:
    file(tar, str(outside / "new"))


def by_link(tar: tarfile.TarFile, outside: Path) -> None:
    link(tar, "./way", str(outside))
    file(tar, "./way/new")


def by_link_with_dots(tar: tarfile.TarFile, outside: Path) -> None:
    link(tar, "./way", "../" * 30 + str(outside).lstrip("/"))
    file(tar, "./way/new")


def by_folder_that_becomes_a_link(tar: tarfile.TarFile, outside: Path) -> None:
    info = tarfile.TarInfo("./way")
    info.type = tarfile.DIRTYPE
    tar.addfile(info)
    link(tar, "./way", str(outside))
    file(tar, "./way/new")


def by_hard_link(tar: tarfile.TarFile, outside: Path) -> None:
    link(tar, "./taken", str(outside / "canary"), is_hard=True)
    file(tar, "./taken", b"overwritten")


def by_link_and_hard_link(tar: tarfile.TarFile, outside: Path) -> None:
    link(tar, "./way", str(outside / "canary"))
    link(tar, "./hard", "./way", is_hard=True)
    file(tar, "./hard", b"overwritten")


def by_process(tar: tarfile.TarFile, outside: Path) -> None:
    link(tar, "./way", f"/proc/{os.getpid()}/root{outside}")
    file(tar, "./way/new")


ESCAPES: list[Members] = [
    by_dots,
    by_absolute_name,
    by_link,
    by_link_with_dots,
    by_folder_that_becomes_a_link,
    by_hard_link,
    by_link_and_hard_link,
    by_process,
]


def packed(members: Members, outside: Path) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        members(tar, outside)
    return data.getvalue()


def kept(boxes: Boxes, data: bytes) -> DirectoryBackup:
    writer = BackupStore(boxes.home.folder).begin(None)
    writer.write(data)
    facts = writer.commit("/workspace", None, 1000.0)
    return DirectoryBackup(id=facts.id, dir="/workspace/into")


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "canary").write_text("canary")
    (folder / "canary").chmod(0o666)
    return folder


async def restored(box: SandboxStub, backup: DirectoryBackup) -> str | None:
    """Restore it; the code of what went wrong, if something did."""
    try:
        await box.restore_backup(backup)
    except SandboxBackupError as error:
        return error.code
    return None


@pytest.mark.parametrize("members", ESCAPES)
async def test_nothing_is_unpacked_outside(boxes: Boxes, outside: Path, members: Members) -> None:
    box = boxes.box()
    backup = kept(boxes, packed(members, outside))
    if (code := await restored(box, backup)) is not None:
        assert code == "BACKUP_RESTORE_FAILED"
        assert not (await box.exists("into")).exists
    assert [path.name for path in outside.iterdir()] == ["canary"]
    assert (outside / "canary").read_text() == "canary"
    # Nor beside the folder that it was to go to.
    assert {
        each.name for each in (await box.list_files("/workspace", include_hidden=True)).files
    } <= {"into"}


async def test_a_device_is_not_made(boxes: Boxes, open_boxes: Boxes, outside: Path) -> None:
    def device(tar: tarfile.TarFile, _: Path) -> None:
        info = tarfile.TarInfo("./zero")
        info.type, info.devmajor, info.devminor, info.mode = tarfile.CHRTYPE, 1, 5, 0o666
        tar.addfile(info)

    data = packed(device, outside)
    if os.geteuid() == 0:  # without a wall only root may
        await open_boxes.box().restore_backup(kept(open_boxes, data))
        made = await open_boxes.box().exec("test -c into/zero")
        assert made.success
    with pytest.raises(SandboxBackupError, match="zero"):
        await boxes.box().restore_backup(kept(boxes, data))
    assert not (await boxes.box().exists("into")).exists


async def test_a_setuid_program_gives_nobody_rights(boxes: Boxes, outside: Path) -> None:
    program = Path("/usr/bin/id").read_bytes()

    def setuid(tar: tarfile.TarFile, _: Path) -> None:
        file(tar, "./id", program, mode=0o6755, uid=0, gid=0, uname="root", gname="root")

    box = boxes.box()
    await box.restore_backup(kept(boxes, packed(setuid, outside)))
    assert (await box.exec("./into/id -u; ./into/id -g")).stdout == "1000\n1000\n"
    [owner] = {path.stat().st_uid for path in boxes.home.folder.rglob("into/id")}
    assert owner == (await _owner(boxes))


async def _owner(boxes: Boxes) -> int:
    """Whom a sandbox's files belong to, outside."""
    await boxes.box().write_file("mine", "")
    [uid] = {path.stat().st_uid for path in boxes.home.folder.rglob("mine")}
    assert uid >= 200_000 or uid == os.geteuid() != 0
    return uid


async def test_a_bomb_ends_at_the_limit_and_leaves_all_as_it_was(
    boxes: Boxes, outside: Path
) -> None:
    boxes.restart(file_size_bytes_max=8 * MIB)
    box = boxes.box()
    await box.write_file("old", "x")

    def bomb(tar: tarfile.TarFile, _: Path) -> None:
        file(tar, "./bomb", bytes(64 * MIB))

    data = packed(bomb, outside)
    assert len(data) < 100_000
    with pytest.raises(SandboxBackupError) as caught:
        await box.restore_backup(kept(boxes, data))
    assert caught.value.code == "BACKUP_RESTORE_FAILED"
    assert [
        each.name for each in (await box.list_files("/workspace", include_hidden=True)).files
    ] == ["old"]


async def test_a_sparse_bomb_ends_at_the_limit(boxes: Boxes, outside: Path) -> None:
    boxes.restart(file_size_bytes_max=8 * MIB)

    def sparse(tar: tarfile.TarFile, _: Path) -> None:
        info = tarfile.TarInfo("./sparse")
        info.pax_headers = {
            "GNU.sparse.major": "1",
            "GNU.sparse.minor": "0",
            "GNU.sparse.name": "sparse",
            "GNU.sparse.realsize": str(10**13),
        }
        map_ = b"1\n9999999999999\n1\n".ljust(512, b"\0") + b"x"
        info.size = len(map_)
        tar.addfile(info, io.BytesIO(map_))

    with pytest.raises(SandboxBackupError):
        await boxes.box().restore_backup(kept(boxes, packed(sparse, outside)))
    assert not (await boxes.box().exists("into")).exists


async def test_an_archive_of_archives_and_of_nonsense_is_refused(boxes: Boxes) -> None:
    box = boxes.box()
    for data in (
        gzip.compress(b"nonsense" * 1000),
        gzip.compress(gzip.compress(os.urandom(2000))),
        b"\x1f\x8b",
    ):
        with pytest.raises(SandboxError) as caught:
            await box.restore_backup(kept(boxes, data))
        assert caught.value.code == "BACKUP_RESTORE_FAILED"
    assert (await box.list_files("/workspace", include_hidden=True)).count == 0


async def test_folders_that_nobody_may_enter_are_restored_and_replaced(
    boxes: Boxes, outside: Path
) -> None:
    def closed(tar: tarfile.TarFile, _: Path) -> None:
        for name in (".", "./a", "./a/b"):
            info = tarfile.TarInfo(name)
            info.type, info.mode = tarfile.DIRTYPE, 0
            tar.addfile(info)

    box = boxes.box()
    backup = kept(boxes, packed(closed, outside))
    for folder in ("/workspace/into", "/workspace"):
        for _ in range(2):
            await box.restore_backup(DirectoryBackup(id=backup.id, dir=folder))
        assert (await box.exec("ls -A /workspace | xargs")).stdout in {"into\n", "a\n"}
