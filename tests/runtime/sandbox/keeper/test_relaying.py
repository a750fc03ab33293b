import io
import tarfile

import pytest

from perdure.runtime.sandbox.asking import SandboxRefused
from perdure.runtime.sandbox.connection import SandboxConnection
from tests.runtime.sandbox.sandboxes import Sandboxes, output_of, text_of

pytestmark = pytest.mark.slow


async def archive(sandbox: SandboxConnection, **fields: object) -> bytes:
    async with sandbox.stream("archive", **fields) as stream:
        stream.end()
        data, _, answer = await output_of(stream)
    assert answer == {}
    return data


async def test_a_folder_is_packed_and_unpacked_elsewhere(sandboxes: Sandboxes) -> None:
    one, other = await sandboxes.open(), await sandboxes.open()
    await text_of(one, "mkdir -p a/b skip; head -c 3000000 /dev/urandom > a/b/file; touch skip/x")
    await text_of(one, "chmod 700 a/b/file; ln -s b a/link")
    data = await archive(one, exclude=["./skip"])
    with tarfile.open(fileobj=io.BytesIO(data)) as packed:
        assert "./skip/x" not in packed.getnames()
    await other.ask("mkdir", path="into")
    async with other.stream("unarchive", path="/workspace/into") as stream:
        await stream.write(data)
        stream.end()
        assert await stream.answer() == {}
    command = "cd {}; sha256sum a/link/file; stat -c %a a/b/file"
    assert await text_of(one, command.format(".")) == await text_of(other, command.format("into"))


async def test_an_archive_can_be_compressed_and_leave_out_a_list_of_paths(
    sandboxes: Sandboxes,
) -> None:
    sandbox = await sandboxes.open()
    await text_of(
        sandbox, "mkdir -p a/b; touch a/x a/b/x x 'st*r' star; head -c 1000000 /dev/zero > z"
    )
    async with sandbox.stream("archive", compressed=True, listed=True, exclude=["b"]) as stream:
        await stream.write(b"./x\n./st*r\n")
        stream.end()
        data, _, _ = await output_of(stream)
    assert len(data) < 20_000
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as packed:
        assert sorted(packed.getnames()) == [".", "./a", "./a/x", "./star", "./z"]
    await sandbox.ask("mkdir", path="into")
    async with sandbox.stream("unarchive", path="into", compressed=True) as stream:
        await stream.write(data)
        stream.end()
        assert await stream.answer() == {}
    assert await text_of(sandbox, "cd into; find . | sort | xargs") == ". ./a ./a/x ./star ./z"


async def test_what_is_no_archive_is_refused(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    async with sandbox.stream("unarchive") as stream:
        await stream.write(b"no archive at all" * 1000)
        stream.end()
        with pytest.raises(SandboxRefused, match="tar") as caught:
            await stream.answer()
    assert caught.value.code == "BACKUP_RESTORE_FAILED"


async def test_a_folder_that_is_not_there_cannot_be_packed(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    with pytest.raises(SandboxRefused) as caught:
        await archive(sandbox, path="nothing")
    assert caught.value.code == "FILE_NOT_FOUND"
    with pytest.raises(SandboxRefused):
        await archive(sandbox, exclude="text")


async def test_one_who_stops_reading_a_file_stops_nothing_else(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    await text_of(sandbox, "head -c 50000000 /dev/zero > file")
    stopped = [sandbox.stream("read_file", path="file") for _ in range(10)]
    for _ in range(20):  # in which far more would have come than there is room for
        assert await text_of(sandbox, "echo fine") == "fine"
    for stream in stopped:
        stream.cancel()
    assert await text_of(sandbox, "rm file; echo fine") == "fine"
