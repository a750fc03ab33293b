"""Folders that are kept outside and brought back, behind real walls."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from perdure.runtime.sandbox.api.backups import DirectoryBackup
from perdure.runtime.sandbox.api.events import parse_sse_stream
from perdure.runtime.sandbox.errors import SandboxBackupError, SandboxFileNotFound
from tests.runtime.sandbox.boxes import Boxes

TREE = "find . -mindepth 1 | sort | xargs -d '\\n'"


async def tree(box: Any) -> str:
    return str((await box.exec(TREE)).stdout).strip()


def archive_of(boxes: Boxes, backup: DirectoryBackup) -> Path:
    return boxes.home.folder / "backups" / f"{backup.id}.tar.gz"


async def test_a_workspace_comes_back_in_another_sandbox(boxes: Boxes) -> None:
    one, other = boxes.box("one"), boxes.box("other")
    await one.exec(
        "mkdir -p a/b 'sp ace'; head -c 3000000 /dev/urandom > a/b/data; ln -s b/data a/link; "
        "echo x > 'sp ace/$x'; chmod 640 a/b/data; truncate -s 5G sparse; "
        "mkdir closed; touch closed/x; chmod 500 closed; touch -d 2001-01-01 a/b/data; ln a/b/data h"
    )
    backup = await one.create_backup(name="the first")
    assert backup.dir == "/workspace"
    assert archive_of(boxes, backup).stat().st_size < 10_000_000
    await one.destroy()
    await other.exec("mkdir -p old/x; touch old/x/y z")
    result = await other.restore_backup(backup)
    assert (result.success, result.dir, result.id) == (True, "/workspace", backup.id)
    assert await tree(other) == (
        "./a ./a/b ./a/b/data ./a/link ./closed ./closed/x ./h ./sp ace ./sp ace/$x ./sparse"
    )
    facts = await other.exec(
        "stat -c '%a %Y %h %s' a/b/data; du -m sparse | cut -f1; stat -c %a closed"
    )
    assert facts.stdout.split() == ["640", "978307200", "2", "3000000", "0", "500"]


async def test_a_folder_comes_back_and_what_is_beside_it_stays(boxes: Boxes) -> None:
    box = boxes.box()
    await box.exec("mkdir -p data beside; touch data/kept beside/file")
    backup = await box.create_backup(dir="/workspace/data/")
    assert backup.dir == "/workspace/data"
    await box.exec("rm data/kept; touch data/later")
    await box.restore_backup({"id": backup.id, "dir": backup.dir})
    assert await tree(box) == "./beside ./beside/file ./data ./data/kept"
    await box.restore_backup(DirectoryBackup(id=backup.id, dir="/workspace/new/place"))
    assert (await box.exists("new/place/kept")).exists
    await box.restore_backup({"id": backup.id, "dir": "/tmp/place"})
    assert (await box.exec("ls -A /tmp/place; ls -A /tmp")).stdout == "kept\nplace\n"


async def test_an_empty_workspace_is_one(boxes: Boxes) -> None:
    box = boxes.box()
    backup = await box.create_backup()
    await box.exec("mkdir a; touch a/b c")
    await box.restore_backup(backup)
    assert await tree(box) == ""


async def test_who_watches_the_workspace_goes_on_watching(boxes: Boxes) -> None:
    box = boxes.box()
    await box.write_file("kept", "x")
    backup = await box.create_backup()
    events = parse_sse_stream(await box.watch("/workspace", recursive=False, include=["kept"]))
    await box.restore_backup(backup)
    await anext(events)
    assert [(await anext(events))["event_type"] for _ in range(2)] == ["move_from", "move_to"]


async def test_patterns_leave_things_out(boxes: Boxes) -> None:
    box = boxes.box()
    await box.exec(
        "mkdir -p node_modules/a src/node_modules dist src/dist ./-x; "
        "touch node_modules/a/b src/node_modules/c a.log src/b.log dist/x src/dist/y src/z ./-x/y"
    )
    excludes = ["**/node_modules/**", "*.log", "/dist/", "-x"]
    backup = await box.create_backup(excludes=excludes)
    await box.restore_backup(backup)
    assert await tree(box) == "./src ./src/dist ./src/dist/y ./src/z"


async def test_what_git_ignores_can_be_left_out(boxes: Boxes) -> None:
    box = boxes.box()
    await box.exec(
        "git init -q .; printf '*.o\\n/out/\\nst?r\\n' > .gitignore; mkdir out src; "
        "touch out/x src/a.o src/a.c 'st*r' 'src/st*r'; touch 'src/x*r' src/xyr; echo 'x?r' > src/.gitignore"
    )
    await box.exec("git add -f 'src/x*r'")
    everything = await box.create_backup()
    some = await box.create_backup(gitignore=True)
    part = await box.create_backup(dir="/workspace/src", gitignore=True)
    await box.restore_backup(some)
    files = "find . -name .git -prune -o -type f -print | sort | xargs"
    assert (await box.exec(files)).stdout == "./.gitignore ./src/.gitignore ./src/a.c ./src/x*r\n"
    await box.restore_backup(everything)
    assert (await box.exists("out/x")).exists
    await box.restore_backup(part)
    assert (await box.exec("ls src | xargs")).stdout == "a.c x*r\n"
    assert (await box.exists("out/x")).exists


async def test_without_a_repository_nothing_is_ignored(boxes: Boxes) -> None:
    box = boxes.box()
    await box.exec("echo x > .gitignore; touch x")
    await box.restore_backup(await box.create_backup(gitignore=True))
    assert (await box.exists("x")).exists


async def test_a_damaged_archive_leaves_all_as_it_is(boxes: Boxes) -> None:
    box = boxes.box()
    await box.exec("head -c 300000 /dev/urandom > old")
    backup = await box.create_backup()
    await box.exec("rm old; echo now > now")
    path = archive_of(boxes, backup)
    whole = path.read_bytes()
    half = len(whole) // 2
    flipped = whole[:half] + bytes([whole[half] ^ 1]) + whole[half + 1 :]
    for damaged in (whole[:half], flipped, b"", b"no archive", whole + b"\0" * 512):
        path.write_bytes(damaged)
        with pytest.raises(SandboxBackupError) as caught:
            await box.restore_backup(backup)
        assert caught.value.code == "BACKUP_RESTORE_FAILED"
        assert caught.value.context["backup_id"] == backup.id
        assert await tree(box) == "./now"
    path.write_bytes(whole)
    await box.restore_backup(backup)
    assert await tree(box) == "./old"


async def test_an_archive_that_was_exchanged_is_not_restored(boxes: Boxes) -> None:
    box = boxes.box()
    await box.write_file("a", "1")
    first = await box.create_backup()
    await box.write_file("a", "2")
    second = await box.create_backup()
    archive_of(boxes, first).write_bytes(archive_of(boxes, second).read_bytes())
    with pytest.raises(SandboxBackupError, match="damaged"):
        await box.restore_backup(first)
    assert (await box.read_file("a")).content == "2"


async def test_what_an_interrupted_restore_left_is_removed_by_the_next(boxes: Boxes) -> None:
    box = boxes.box()
    await box.write_file("kept", "x")
    await box.exec("mkdir -p .perdure-restore-0123/x; chmod 0 .perdure-restore-0123/x")
    backup = await box.create_backup()
    await box.restore_backup(backup)
    assert await tree(box) == "./kept"


async def test_one_that_is_gone_or_too_old_is_told(boxes: Boxes) -> None:
    box = boxes.box()
    await box.write_file("x", "y")
    backup = await box.create_backup()
    short = await box.create_backup(ttl=1e-6)
    with pytest.raises(SandboxBackupError) as caught:
        await box.restore_backup(short)
    assert caught.value.code == "BACKUP_EXPIRED"
    assert await box.delete_backup(backup) is True
    assert await box.delete_backup({"id": backup.id, "dir": backup.dir}) is False
    with pytest.raises(SandboxBackupError, match="deleted") as caught:
        await box.restore_backup(backup)
    assert caught.value.code == "BACKUP_NOT_FOUND"
    await box.create_backup()
    assert not archive_of(boxes, short).exists()


async def test_one_that_is_too_large_leaves_nothing(boxes: Boxes) -> None:
    boxes.restart(disk_size_bytes_max=1_000_000)
    box = boxes.box()
    await box.exec("head -c 700000 /dev/urandom > /tmp/a")
    await box.create_backup(dir="/workspace")
    await box.exec("mkdir /tmp/b; head -c 1100000 /dev/urandom > /tmp/b/c")
    before = sorted(os.listdir(boxes.home.folder / "backups"))
    with pytest.raises(SandboxBackupError, match="larger than 1,000,000 bytes") as caught:
        await box.create_backup(dir="/tmp/b")
    assert caught.value.code == "BACKUP_CREATE_FAILED"
    assert sorted(os.listdir(boxes.home.folder / "backups")) == before


async def test_what_cannot_be_read_fails_it(boxes: Boxes) -> None:
    box = boxes.box()
    await box.exec("touch secret; chmod 0 secret")
    with pytest.raises(SandboxBackupError, match="secret") as caught:
        await box.create_backup()
    assert caught.value.code == "BACKUP_CREATE_FAILED"
    with pytest.raises(SandboxFileNotFound):
        await box.create_backup(dir="/workspace/nothing")


async def test_two_at_once_do_not_meet(boxes: Boxes) -> None:
    box = boxes.box()
    await box.exec("mkdir a; touch a/b")
    backup = await box.create_backup()
    await asyncio.gather(*(box.restore_backup(backup) for _ in range(3)), box.create_backup())
    assert await tree(box) == "./a ./a/b"


@pytest.mark.parametrize(
    "arguments",
    [
        {"dir": "relative"},
        {"dir": "/etc"},
        {"dir": "/tmp"},
        {"dir": "/workspaces"},
        {"dir": "/workspace/../etc"},
        {"dir": "/workspace/a\0b"},
        {"dir": None},
        {"name": "x" * 257},
        {"name": "a\nb"},
        {"name": 5},
        {"ttl": 0},
        {"ttl": -1},
        {"ttl": float("inf")},
        {"ttl": float("nan")},
        {"ttl": True},
        {"ttl": "1d"},
        {"excludes": "node_modules"},
        {"excludes": [5]},
        {"excludes": [""]},
        {"excludes": ["**"]},
        {"excludes": ["/"]},
        {"excludes": ["a\0b"]},
        {"gitignore": "yes"},
    ],
)
async def test_arguments_that_make_no_sense_are_refused(boxes: Boxes, arguments: Any) -> None:
    with pytest.raises(SandboxBackupError) as caught:
        await boxes.box().create_backup(**arguments)
    assert caught.value.code == "INVALID_BACKUP_CONFIG"


@pytest.mark.parametrize(
    "backup",
    [None, "id", {}, {"id": "../../etc", "dir": "/workspace"}, {"id": "x", "dir": "/workspace"}],
)
async def test_what_is_no_backup_is_refused(boxes: Boxes, backup: Any) -> None:
    for call in (boxes.box().restore_backup, boxes.box().delete_backup):
        with pytest.raises(SandboxBackupError) as caught:
            await call(backup)
        assert caught.value.code == "INVALID_BACKUP_CONFIG"


async def test_without_a_wall_paths_are_called_the_same(open_boxes: Boxes) -> None:
    box = open_boxes.box()
    await box.exec("mkdir a; touch a/b")
    backup, part = await box.create_backup(), await box.create_backup(dir="/workspace/a")
    await box.exec("rm a/b; touch x")
    await box.restore_backup(part)
    assert await tree(box) == "./a ./a/b ./x"
    await box.restore_backup(backup)
    assert await tree(box) == "./a ./a/b"
