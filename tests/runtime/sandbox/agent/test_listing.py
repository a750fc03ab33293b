import json
from typing import Any

import pytest

from perdure.runtime.sandbox.asking import SandboxRefused
from perdure.runtime.sandbox.connection import SandboxConnection
from tests.runtime.sandbox.sandboxes import Sandboxes, text_of

pytestmark = pytest.mark.slow


async def listed(sandbox: SandboxConnection, **fields: object) -> dict[str, dict[str, Any]]:
    entries = [json.loads(line) for line in await sandbox.lines("list", **fields)]
    return {entry["relative_path"]: entry for entry in entries}


async def test_a_folder_is_listed(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    await text_of(
        sandbox, "printf 123 > file; mkdir folder .hidden; ln -s file link; touch folder/x"
    )
    entries = await listed(sandbox)
    assert list(entries) == ["file", "folder", "link"]
    assert entries["file"]["path"] == "/workspace/file"
    assert entries["file"]["size"] == 3
    assert [entry["type"] for entry in entries.values()] == ["file", "directory", "symlink"]
    assert list(await listed(sandbox, path="/workspace/folder")) == ["x"]
    assert ".hidden" in await listed(sandbox, hidden=True)


async def test_folders_below_are_listed_as_well_if_that_is_asked_for(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    await text_of(sandbox, "mkdir -p a/b .c; touch a/b/x a/y .c/z; ln -s / a/root")
    assert set(await listed(sandbox, recursive=True)) == {"a", "a/b", "a/b/x", "a/root", "a/y"}
    assert ".c/z" in await listed(sandbox, recursive=True, hidden=True)


async def test_many_files_with_odd_names_are_listed(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    await text_of(sandbox, "mkdir many; cd many; seq 1 3000 | xargs touch; touch 'a\nb' $'\\377'")
    entries = await listed(sandbox, path="many")
    assert len(entries) == 3002
    assert {"a\nb", "\udcff"} <= set(entries)


async def test_what_is_no_folder_cannot_be_listed(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    await text_of(sandbox, "touch file")
    for path, code in (("file", "NOT_DIRECTORY"), ("nothing", "FILE_NOT_FOUND")):
        with pytest.raises(SandboxRefused) as caught:
            await sandbox.lines("list", path=path)
        assert caught.value.code == code
