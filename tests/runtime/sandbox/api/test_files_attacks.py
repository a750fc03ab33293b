"""Paths out of the workspace, through our own calls: each succeeds without a wall, and not with one.

What is asked for is what a program would ask for that hands on what a user typed, and the programs
inside are the user's helpers.
"""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from perdure.runtime.sandbox.api.events import parse_sse_stream
from perdure.runtime.sandbox.errors import SandboxError, SandboxFileError, SandboxInvalid
from perdure.runtime.sandbox.file_stream import collect_file
from tests.runtime.sandbox.boxes import Boxes

SECRET = "a-canary-that-nobody-inside-may-know"
NAME = "canary"

# What programs inside have prepared, and the path that is asked for. {} is the folder outside.
ROUTES = {
    "absolute": ("true", "{}"),
    "dots": ("true", "../../../../../../../../../../../../..{}"),
    "dots in the middle": ("mkdir -p a", "/workspace/a/../../../../../../../../../../../..{}"),
    "link": ("ln -sfn {} link", "link"),
    "link to the root": ("ln -sfn / root", "/workspace/root{}"),
    "link to a link": ("ln -sfn / one; ln -sfn one two", "two{}"),
    "root of a process": ("true", "/proc/self/root{}"),
    "folder of a process": ("true", "/proc/self/cwd/../../../../../../../../../../../../..{}"),
    "root of the server": (f"ln -sfn /proc/{os.getpid()}/root server", "server{}"),
}

Call = Callable[[Any, str], Awaitable[object]]


async def read_file(box: Any, folder: str) -> object:
    return (await box.read_file(f"{folder}/{NAME}")).content


async def read_file_bytes(box: Any, folder: str) -> object:
    return b"".join([piece async for piece in await box.read_file_bytes(f"{folder}/{NAME}")])


async def read_file_stream(box: Any, folder: str) -> object:
    return await collect_file(await box.read_file_stream(f"{folder}/{NAME}"))


async def list_files(box: Any, folder: str) -> object:
    files = (await box.list_files(folder)).files
    return SECRET if any(each.size == len(SECRET) for each in files) else None


async def exists(box: Any, folder: str) -> object:
    return SECRET if (await box.exists(f"{folder}/{NAME}")).exists else None


async def move_file(box: Any, folder: str) -> object:
    await box.move_file(f"{folder}/{NAME}", "/workspace/taken")
    await box.move_file("/workspace/taken", f"{folder}/{NAME}")
    return SECRET


async def check_changes(box: Any, folder: str) -> object:
    await box.check_changes(f"{folder}/{NAME}")
    return SECRET


async def watch(box: Any, folder: str) -> object:
    stream = await box.watch(f"{folder}/{NAME}")
    stream.cancel()
    return SECRET


READING: dict[str, Call] = {
    each.__name__: each
    for each in (
        read_file,
        read_file_bytes,
        read_file_stream,
        list_files,
        exists,
        move_file,
        check_changes,
        watch,
    )
}


async def write_file(box: Any, folder: str) -> object:
    return await box.write_file(f"{folder}/new", "x")


async def overwrite_file(box: Any, folder: str) -> object:
    return await box.write_file(f"{folder}/{NAME}", "x")


async def mkdir(box: Any, folder: str) -> object:
    return await box.mkdir(f"{folder}/new/er", recursive=True)


async def delete_file(box: Any, folder: str) -> object:
    return await box.delete_file(f"{folder}/{NAME}")


async def delete_folder(box: Any, folder: str) -> object:
    return await box.delete_file(f"{folder}/below", recursive=True)


async def rename_file(box: Any, folder: str) -> object:
    await box.write_file("/workspace/mine", "x")
    return await box.rename_file("/workspace/mine", f"{folder}/new")


async def rename_away(box: Any, folder: str) -> object:
    return await box.rename_file(f"{folder}/{NAME}", f"{folder}/elsewhere")


WRITING: dict[str, Call] = {
    each.__name__: each
    for each in (
        write_file,
        overwrite_file,
        mkdir,
        delete_file,
        delete_folder,
        rename_file,
        rename_away,
    )
}


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder of somebody else's, open for everybody."""
    folder = tmp_path / "outside"
    fill(folder)
    return folder


def fill(folder: Path) -> None:
    (folder / "below").mkdir(parents=True, exist_ok=True)
    (folder / NAME).write_text(SECRET)
    (folder / "below" / "file").write_text(SECRET)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o777)


def seen(folder: Path) -> dict[str, str | None]:
    return {
        str(path.relative_to(folder)): path.read_text() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


async def attacked(box: Any, call: Call, route: str, outside: Path) -> object:
    """What somebody gets who tries: the call's result, or its error."""
    prepare, path = ROUTES[route]
    prepared = await box.exec(prepare.format(outside))
    assert prepared.success, prepared.stderr
    try:
        return await call(box, path.format(outside))
    except SandboxError as error:
        return error


def is_known(result: object) -> bool:
    return not isinstance(result, SandboxError) and SECRET in repr(result)


@pytest.mark.parametrize("name", READING)
async def test_nothing_outside_is_read(
    name: str, boxes: Boxes, open_boxes: Boxes, outside: Path
) -> None:
    call, walled, open_ = READING[name], boxes.box(), open_boxes.box()
    for route in ROUTES:
        assert is_known(await attacked(open_, call, route, outside)), route
        assert not is_known(await attacked(walled, call, route, outside)), route


@pytest.mark.parametrize("name", WRITING)
async def test_nothing_outside_is_written(
    name: str, boxes: Boxes, open_boxes: Boxes, outside: Path
) -> None:
    call, walled, open_ = WRITING[name], boxes.box(), open_boxes.box()
    before = seen(outside)
    for route in ROUTES:
        result = await attacked(open_, call, route, outside)
        assert seen(outside) != before, (route, result)
        fill(outside)
        for extra in sorted(set(seen(outside)) - set(before), reverse=True):
            path = outside / extra
            path.rmdir() if path.is_dir() else path.unlink()
        assert seen(outside) == before
        await attacked(walled, call, route, outside)
        assert seen(outside) == before, route


RACE = """
import os, sys
target = sys.argv[1]
open("harmless", "w").write("harmless")
os.symlink("harmless", "raced")
open("begun", "w").close()
while not os.path.exists("done"):
    for path in (target, "harmless"):
        os.symlink(path, "next")
        os.replace("next", "raced")
"""


async def raced(box: Any, canary: Path) -> set[str]:
    """What is read by a path that is swapped all the time between harmless and not."""
    found = set[str]()
    await box.write_file("race.py", RACE)
    racing = await box.start_process(f"exec python3 race.py {canary}")
    await box.exec("until [ -e begun ]; do sleep 0.01; done")
    for _ in range(1000):
        with contextlib.suppress(SandboxError):
            found.add((await box.read_file("raced")).content)
        if SECRET in found:
            break
    await box.exec("touch done")
    await racing.wait_for_exit(timeout=60)
    return found


async def test_a_raced_link_leads_nowhere(boxes: Boxes, open_boxes: Boxes, outside: Path) -> None:
    assert SECRET in await raced(open_boxes.box(), outside / NAME)
    assert await raced(boxes.box(), outside / NAME) == {"harmless"}


async def test_a_backup_of_a_link_has_nothing_of_outside(
    boxes: Boxes, open_boxes: Boxes, outside: Path
) -> None:
    async def taken(box: Any) -> str:
        await box.exec(f"ln -s {outside} link")
        try:
            backup = await box.create_backup(dir="/workspace/link")
            await box.restore_backup({"id": backup.id, "dir": "/workspace/taken"})
            return str((await box.read_file("taken/canary")).content)
        except SandboxError as error:
            return error.code

    assert await taken(open_boxes.box()) == SECRET
    assert await taken(boxes.box()) == "FILE_NOT_FOUND"


async def test_a_backup_keeps_links_as_links(boxes: Boxes, outside: Path) -> None:
    box = boxes.box()
    await box.exec(f"mkdir a; ln -s {outside} a/link; ln -s /etc/passwd a/passwd")
    await box.restore_backup(await box.create_backup(dir="/workspace/a"))
    assert (await box.exec("readlink a/link a/passwd")).stdout == f"{outside}\n/etc/passwd\n"


async def test_a_backup_is_restored_to_nowhere_outside(
    boxes: Boxes, open_boxes: Boxes, outside: Path
) -> None:
    async def put(box: Any) -> None:
        await box.exec(f"ln -s {outside} link; mkdir data; touch data/new")
        backup = await box.create_backup(dir="/workspace/data")
        with contextlib.suppress(SandboxError):
            await box.restore_backup({"id": backup.id, "dir": "/workspace/link/below"})

    before = seen(outside)
    await put(boxes.box())
    assert seen(outside) == before
    await put(open_boxes.box())
    assert "below/new" in seen(outside)


async def test_a_repository_is_cloned_from_and_to_nowhere_outside(
    boxes: Boxes, open_boxes: Boxes, outside: Path
) -> None:
    origin = (
        "mkdir -p origin; (cd origin; git init -q; touch x; git add x; "
        "git -c user.name=a -c user.email=a@a commit -qm x)"
    )

    async def cloned(box: Any) -> tuple[bool, bool]:
        await box.exec(f"{origin}; ln -s {outside} link")
        with contextlib.suppress(SandboxError):
            await box.git_checkout("/workspace/origin", target_dir="link/clone")
        to_outside = (outside / "clone" / "x").exists()
        with contextlib.suppress(SandboxError):
            await box.git_checkout(f"{outside}/clone", target_dir="/workspace/copy")
        return to_outside, (await box.exists("/workspace/copy/x")).exists

    assert await cloned(boxes.box()) == (False, False)
    assert await cloned(open_boxes.box()) == (True, True)
    assert (await boxes.box().git_checkout("origin", target_dir="copy")).success
    with contextlib.suppress(SandboxError):
        await boxes.box().git_checkout(f"{outside}/clone", target_dir="again")
    assert not (await boxes.box().exists("again")).exists


async def test_what_happens_outside_is_not_told(
    boxes: Boxes, open_boxes: Boxes, outside: Path
) -> None:
    async def told(box: Any, folder: str) -> list[str]:
        await box.exec(f"ln -sfn {outside} link; mkdir -p inside; ln -sfn {outside} inside/link")
        await box.exec("rm -f inside/end")
        events = parse_sse_stream(await box.watch(folder))
        (outside / "happens").touch()
        await box.exec("touch inside/end")
        (outside / "happens").unlink()
        names = []
        async for event in events:
            names.append(event["path"].rpartition("/")[2])
            if names[-1] in {"end", "happens"}:
                return names
        return names

    assert (await told(open_boxes.box(), "link"))[-1] == "happens"
    with pytest.raises(SandboxFileError):
        await told(boxes.box(), "link")
    assert (await told(boxes.box(), "inside"))[-1] == "end"
    assert (await told(open_boxes.box(), "inside"))[-1] == "end"


NO_PATHS = ["", "a\0b", "\0", None, 5, b"/etc/passwd"]


@pytest.mark.parametrize("path", NO_PATHS)
async def test_what_is_no_path_is_refused(boxes: Boxes, path: Any) -> None:
    box = boxes.box()
    for call in (
        box.read_file,
        box.read_file_bytes,
        box.mkdir,
        box.delete_file,
        box.list_files,
        box.exists,
        box.watch,
    ):
        with pytest.raises(SandboxInvalid):
            await call(path)
    with pytest.raises(SandboxInvalid):
        await box.write_file(path, "x")


async def test_names_that_are_too_long_are_errors_of_files(boxes: Boxes) -> None:
    box = boxes.box()
    for path in ("x" * 300, "x/" * 3000, "/" + "x" * 5000):
        for call in (box.read_file, box.mkdir, box.list_files, box.watch):
            with pytest.raises(SandboxFileError) as caught:
                await call(path)
            assert caught.value.code == "NAME_TOO_LONG"
        assert not (await box.exists(path)).exists
    assert (await box.exec("echo goes on")).stdout == "goes on\n"


async def test_names_that_are_no_text_are_listed_and_kept(boxes: Boxes) -> None:
    box = boxes.box()
    await box.exec(r"echo content > $'\xff\xfe name'; mkdir $'d\xff'; touch $'a\nb'")
    listed = await box.list_files("/workspace", recursive=True)
    assert listed.count == 3
    assert sorted(each.name for each in listed.files) == ["a\nb", "d\ufffd", "\ufffd\ufffd name"]
    await box.restore_backup(await box.create_backup())
    assert (await box.list_files("/workspace")).count == 3


async def test_a_loop_of_links_ends(boxes: Boxes) -> None:
    box = boxes.box()
    await box.exec("ln -s b a; ln -s a b; mkdir d; ln -s ../d d/e")
    with pytest.raises(SandboxFileError) as caught:
        await box.read_file("a")
    assert caught.value.code == "TOO_MANY_LINKS"
    assert (await box.list_files("/workspace", recursive=True)).count == 4
    stream = await box.watch("/workspace")
    stream.cancel()
    await box.restore_backup(await box.create_backup())


async def test_pipes_and_devices_keep_nobody_waiting(boxes: Boxes) -> None:
    box = boxes.box()
    await box.exec("mkfifo pipe; ln -s /dev/zero zero; ln -s /dev/tty tty")
    async with asyncio.timeout(60):
        for path in ("pipe", "zero", "tty", "/proc/self/mem", "/dev/null"):
            with contextlib.suppress(SandboxError):
                content = (await box.read_file(path)).content
                assert content == ""
            with contextlib.suppress(SandboxError):
                await box.write_file(path, "x")
    await box.restore_backup(await box.create_backup())
    assert (await box.exec("test -p pipe && echo still")).stdout == "still\n"
