from pathlib import Path

import pytest

from perdure.runtime.sandbox.keeper.uids import FIRST, LAST, uid_of


def folder(top: Path, name: str) -> Path:
    path = top / name
    path.mkdir(exist_ok=True)
    return path


def test_each_sandbox_has_a_number_and_keeps_it(tmp_path: Path) -> None:
    assert uid_of(tmp_path, folder(tmp_path, "a")) == FIRST
    assert uid_of(tmp_path, folder(tmp_path, "b")) == FIRST + 1
    assert uid_of(tmp_path, folder(tmp_path, "a")) == FIRST


def test_a_number_is_never_given_twice(tmp_path: Path) -> None:
    first = folder(tmp_path, "a")
    uid_of(tmp_path, first)
    (first / "uid").unlink()
    assert uid_of(tmp_path, first) == FIRST + 1


def test_there_is_an_end_to_them(tmp_path: Path) -> None:
    (tmp_path / "next_uid").write_text(str(LAST + 1))
    with pytest.raises(OverflowError):
        uid_of(tmp_path, folder(tmp_path, "a"))
