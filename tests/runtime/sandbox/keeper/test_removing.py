import os
import subprocess
from pathlib import Path

import pytest

from perdure.runtime.sandbox.keeper.removing import remove_tree

DEEPER = "import os\nfor _ in range({}):\n    os.mkdir('d'*60); os.chdir('d'*60)\nopen('x', 'w')"


@pytest.mark.slow
def test_folders_deeper_than_python_can_follow_are_removed(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    subprocess.run(["python3", "-c", DEEPER.format(3000)], cwd=top, check=True)
    opened = len(list(Path("/proc/self/fd").iterdir()))
    remove_tree(top)
    assert not top.exists()
    assert len(list(Path("/proc/self/fd").iterdir())) == opened


def test_all_kinds_of_entries_are_removed_and_links_not_followed(tmp_path: Path) -> None:
    outside, top = tmp_path / "outside", tmp_path / "top"
    outside.mkdir()
    (outside / "kept").touch()
    (top / "a/b/c").mkdir(parents=True)
    (top / "a/b/c/link").symlink_to(outside)
    (top / "link").symlink_to(outside)
    (top / "a/.removed-1").mkdir()
    (top / ".removed-1").touch()
    (top / ".removed-2/x").mkdir(parents=True)
    os.mkfifo(top / "a/pipe")
    (top / "a/b").chmod(0)
    remove_tree(top)
    assert not top.exists()
    assert (outside / "kept").exists()


def test_what_is_gone_is_gone(tmp_path: Path) -> None:
    remove_tree(tmp_path / "nothing")


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "top").symlink_to(tmp_path / "outside")
    with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
        remove_tree(tmp_path / "top")
    assert (tmp_path / "outside").exists()
