from pathlib import Path

import pytest

from perdure.runtime.sandbox.agent import replacing
from perdure.runtime.sandbox.asking import SandboxRefused
from perdure.runtime.sandbox.connection import SandboxConnection
from perdure.runtime.sandbox.streams import Refused
from tests.runtime.sandbox.sandboxes import Sandboxes, text_of

pytestmark = pytest.mark.slow


async def replace(sandbox: SandboxConnection, path: str, fresh: str) -> str:
    await sandbox.ask("replace", path=path, **{"with": fresh})
    return await text_of(sandbox, "find . -mindepth 1 | sort | xargs")


async def test_a_folder_has_the_content_of_another(sandboxes: Sandboxes, walled: Sandboxes) -> None:
    for some in (sandboxes, walled):
        sandbox = await some.open()
        await text_of(sandbox, "mkdir -p a/old .new/b; touch a/old/x .new/b/y")
        await text_of(sandbox, "chmod 500 a/old .new/b")
        assert await replace(sandbox, "a", ".new") == "./a ./a/b ./a/b/y"


async def test_so_has_the_workspace(sandboxes: Sandboxes, walled: Sandboxes) -> None:
    for some in (sandboxes, walled):
        sandbox = await some.open()
        await text_of(
            sandbox, "mkdir -p a/old .new/b; touch a/old/x .new/b/y f; chmod 500 a .new/b"
        )
        assert await replace(sandbox, "/workspace", ".new") == "./b ./b/y"
        assert await text_of(sandbox, "stat -c %a b; touch fine; cat fine") == "500"


async def test_what_is_no_folder_is_refused(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    await text_of(sandbox, "mkdir folder; touch file")
    for path, fresh in (("file", "folder"), ("folder", "file")):
        with pytest.raises(SandboxRefused) as caught:
            await replace(sandbox, path, fresh)
        assert caught.value.code == "NOT_DIRECTORY"
    with pytest.raises(SandboxRefused) as caught:
        await replace(sandbox, "folder", "nothing")
    assert caught.value.code == "FILE_NOT_FOUND"
    assert await text_of(sandbox, "ls") == "file\nfolder"


def test_what_cannot_be_moved_leaves_all_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top, fresh, old = tmp_path / "top", tmp_path / "top" / ".new", tmp_path / "top" / ".new.old"
    fresh.mkdir(parents=True)
    old.mkdir()
    for path in (top / "a", top / "b", fresh / "c", fresh / "d"):
        path.write_text(path.name)
    before = sorted(tmp_path.rglob("*"))
    real, moves = replacing._move, 0

    def move(source: str, target: str) -> None:
        nonlocal moves
        moves += 1
        if moves == 4:
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(replacing, "_move", move)
    with pytest.raises(Refused) as caught:
        replacing._move_entries(str(top), str(fresh), str(old))
    assert caught.value.code == "NO_SPACE"
    assert sorted(tmp_path.rglob("*")) == [path for path in before if path != old]
    assert (top / "a").read_text() == "a"
