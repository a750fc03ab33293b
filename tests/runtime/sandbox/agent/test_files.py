import os
import resource
from pathlib import Path

import pytest

from perdure.runtime.sandbox.asking import Output, SandboxRefused
from perdure.runtime.sandbox.connection import SandboxConnection
from tests.runtime.sandbox.sandboxes import Sandboxes, open_files, text_of, until

pytestmark = pytest.mark.slow

MIB = 2**20


async def put(sandbox: SandboxConnection, path: str, data: bytes, **fields: object) -> None:
    async with sandbox.stream("write_file", path=path, **fields) as stream:
        await stream.write(data)
        stream.end()
        assert (await stream.answer())["bytes"] == len(data)


async def get(sandbox: SandboxConnection, path: str, **fields: object) -> bytes:
    whole = b""
    async with sandbox.stream("read_file", path=path, **fields) as stream:
        async for item in stream:
            whole += item.data if isinstance(item, Output) else b""
    return whole


async def code_of(sandbox: SandboxConnection, op: str, **fields: object) -> str:
    with pytest.raises(SandboxRefused) as caught:
        await sandbox.ask(op, **fields)
    return caught.value.code


async def test_what_is_written_is_read(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    data = bytes(range(256)) * 1000
    await put(sandbox, "/workspace/file", data)
    assert await get(sandbox, "file") == data
    assert await get(sandbox, "file", offset=100, length=5) == data[100:105]
    assert await get(sandbox, "file", offset=len(data)) == b""
    await put(sandbox, "file", b"short")
    assert await get(sandbox, "file") == b"short"
    await put(sandbox, "file", b"er", append=True)
    assert await get(sandbox, "file") == b"shorter"
    assert await text_of(sandbox, "cat file") == "shorter"
    await put(sandbox, "script", b"#!/bin/sh\necho ran", mode=0o755)
    assert await text_of(sandbox, "./script") == "ran"


async def test_an_empty_file_is_one(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    await put(sandbox, "empty", b"")
    async with sandbox.stream("read_file", path="empty") as stream:
        [told] = [item async for item in stream]
    assert told == {"size": 0, "mode": 0o644}


async def test_a_hundred_megabytes_go_both_ways_in_little_memory(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    piece = os.urandom(MIB)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with sandbox.stream("write_file", path="large") as stream:
        for _ in range(100):
            await stream.write(piece)
        stream.end()
        assert (await stream.answer())["bytes"] == 100 * MIB
    count, is_same = 0, True
    async with sandbox.stream("read_file", path="large") as stream:
        async for item in stream:
            if isinstance(item, Output):
                start = count % MIB
                is_same = is_same and piece.startswith(item.data[: MIB - start], start)
                count += len(item.data)
    assert count == 100 * MIB
    assert is_same
    memory = await text_of(sandbox, "grep VmHWM /proc/$PPID/status")  # the agent's
    assert int(memory.split()[1]) < 40 * 1024
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30 * 1024
    [keeper] = [
        int(line.split()[1])
        for line in Path(f"/proc/{await text_of(sandbox, 'ps -o ppid= -p $PPID')}/status")
        .read_text()
        .splitlines()
        if line.startswith("VmHWM")
    ]
    assert keeper < 150 * 1024  # of which 100 MB would be seen


async def test_folders_are_made(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    await sandbox.ask("mkdir", path="a")
    assert await code_of(sandbox, "mkdir", path="a") == "FILE_EXISTS"
    assert await code_of(sandbox, "mkdir", path="b/c") == "FILE_NOT_FOUND"
    await sandbox.ask("mkdir", path="b/c", recursive=True)
    await sandbox.ask("mkdir", path="b/c", recursive=True)
    assert await sandbox.ask("exists", path="b/c") == {"exists": True}
    assert await sandbox.ask("exists", path="b/d") == {"exists": False}


async def test_files_and_folders_are_removed(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    await text_of(sandbox, "mkdir -p a/b/c; touch a/b/c/file; ln -s /etc a/link; touch file")
    await sandbox.ask("delete", path="file")
    assert await code_of(sandbox, "delete", path="file") == "FILE_NOT_FOUND"
    assert await code_of(sandbox, "delete", path="a") == "IS_DIRECTORY"
    await sandbox.ask("delete", path="a", recursive=True)
    assert await sandbox.ask("exists", path="a") == {"exists": False}
    assert Path("/etc/passwd").exists(), "a link is removed, not what it leads to"


async def test_what_may_not_be_changed_is_removed_only_if_forced(walled: Sandboxes) -> None:
    sandbox = await walled.open()
    await text_of(
        sandbox, "mkdir -p a/b/c; touch a/b/x; ln -s / a/b/root; chmod 0 a/b/c; chmod 500 a/b a"
    )
    assert await code_of(sandbox, "delete", path="a", recursive=True) == "PERMISSION_DENIED"
    await sandbox.ask("delete", path="a", recursive=True, forced=True)
    assert await text_of(sandbox, "ls -A") == ""


async def test_files_and_folders_get_other_paths(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    await text_of(sandbox, "mkdir -p a/b folder; echo text > a/file; ln -s file a/link")
    await sandbox.ask("rename", path="a/file", to="a/other")
    assert await get(sandbox, "a/other") == b"text\n"
    assert (await sandbox.ask("move", path="a", to="folder"))["path"] == "/workspace/folder/a"
    assert await get(sandbox, "folder/a/other") == b"text\n"
    assert await code_of(sandbox, "rename", path="nothing", to="x") == "FILE_NOT_FOUND"
    assert await code_of(sandbox, "rename", path="folder", to="no/such/x") == "FILE_NOT_FOUND"


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="there is no other file system here")
async def test_what_moves_to_another_file_system_is_copied(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    other = await text_of(
        sandbox,
        "for d in /dev/shm /var/tmp; do [ $(stat -c %d $d) != $(stat -c %d .) ] && echo $d; done; true",
    )
    target = f"{other.splitlines()[0]}/perdure-{os.getpid()}"
    await text_of(sandbox, "mkdir -p a/b; echo text > a/b/file; chmod 700 a/b/file; ln -s b a/link")
    try:
        await sandbox.ask("move", path="a", to=target)
        assert await text_of(sandbox, f"stat -c %a {target}/b/file; cat {target}/link/file") == (
            "700\ntext"
        )
        assert await sandbox.ask("exists", path="a") == {"exists": False}
    finally:
        await text_of(sandbox, f"rm -rf {target}")


async def test_a_file_is_described(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    await text_of(sandbox, "printf 12345 > file; chmod 640 file; mkdir folder; mkfifo pipe")
    facts = await sandbox.ask("stat", path="file")
    assert facts["type"] == "file"
    assert facts["size"] == 5
    assert facts["mode"] == 0o640
    assert (await sandbox.ask("stat", path="folder"))["type"] == "directory"
    assert (await sandbox.ask("stat", path="pipe"))["type"] == "other"
    assert await code_of(sandbox, "stat", path="nothing") == "FILE_NOT_FOUND"


async def test_what_cannot_be_read_or_written_says_why(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    setup = "touch file; mkdir folder; mkfifo pipe; ln -s loop loop; (exec 3<>pipe; sleep 30) &"
    await text_of(sandbox, setup)
    assert await code_of(sandbox, "read_file", path="nothing") == "FILE_NOT_FOUND"
    assert await code_of(sandbox, "read_file", path="folder") == "IS_DIRECTORY"
    assert await code_of(sandbox, "read_file", path="file/x") == "NOT_DIRECTORY"
    assert await code_of(sandbox, "read_file", path="x" * 300) == "NAME_TOO_LONG"
    assert await code_of(sandbox, "read_file", path="loop") == "TOO_MANY_LINKS"
    assert await code_of(sandbox, "read_file", path="pipe") == "FILESYSTEM_ERROR"
    assert await code_of(sandbox, "read_file", path="/dev/zero") == "FILESYSTEM_ERROR"
    assert await code_of(sandbox, "read_file", path="file", offset=-1) == "VALIDATION_FAILED"
    assert await code_of(sandbox, "read_file", path="fi\0le") == "VALIDATION_FAILED"
    assert await code_of(sandbox, "read_file", path="") == "VALIDATION_FAILED"
    assert await code_of(sandbox, "read_file") == "VALIDATION_FAILED"
    assert await code_of(sandbox, "write_file", path="folder") == "IS_DIRECTORY"
    assert await code_of(sandbox, "write_file", path="no/such/file") == "FILE_NOT_FOUND"
    assert await code_of(sandbox, "write_file", path="pipe") == "FILESYSTEM_ERROR"
    assert await code_of(sandbox, "write_file", path="/dev/full") == "FILESYSTEM_ERROR"


async def test_behind_a_wall_the_system_is_read_only(walled: Sandboxes) -> None:
    sandbox = await walled.open()
    assert await code_of(sandbox, "write_file", path="/usr/file") == "READ_ONLY"
    assert await code_of(sandbox, "mkdir", path="/etc/x") in {"READ_ONLY", "PERMISSION_DENIED"}
    await put(sandbox, "/tmp/file", b"x")
    await put(sandbox, "file", b"y")
    assert await get(sandbox, "/workspace/file") == b"y"


async def test_paths_and_links_lead_nowhere_but_behind_the_wall(
    walled: Sandboxes, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    canary.write_text("secret")
    sandbox = await walled.open()
    await text_of(sandbox, f"ln -s {canary} link; ln -s / root")
    for path in (str(canary), "link", f"root{canary}", f"../../../..{canary}"):
        assert await code_of(sandbox, "read_file", path=path) == "FILE_NOT_FOUND"
    assert await get(sandbox, "../etc/hostname") != b"secret"


async def test_a_file_that_is_written_no_further_leaves_what_had_come(
    sandboxes: Sandboxes,
) -> None:
    sandbox = await sandboxes.open()
    async with sandbox.stream("write_file", path="file") as stream:
        await stream.write(b"begun")
        while await text_of(sandbox, "cat file 2>/dev/null || true") != "begun":
            pass
    assert await get(sandbox, "file") == b"begun"


async def test_who_reads_no_further_leaves_no_file_open(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    await text_of(sandbox, "head -c 5000000 /dev/zero > file")
    agent = await text_of(sandbox, "echo $PPID")
    for _ in range(5):
        async with sandbox.stream("read_file", path="file") as stream:
            async for _ in stream:
                break
    until(lambda: not any(name.endswith("/workspace/file") for name in open_files(int(agent))))
