from pathlib import Path

import ipykernel
import jupyter_client

from perdure.runtime.sandbox.interpreter.packages import package_folders, packages_seen


def test_the_folders_have_what_is_needed() -> None:
    folders = package_folders()
    for module in (ipykernel, jupyter_client):
        assert Path(str(module.__file__)).resolve().parent.parent in folders
    assert len(set(folders)) == len(folders)


def test_each_has_a_place_behind_a_wall() -> None:
    count = len(package_folders())
    assert packages_seen(is_walled=True) == [f"/perdure/packages/{n}" for n in range(count)]
    assert packages_seen(is_walled=False) == [str(path) for path in package_folders()]


def test_if_one_is_missing_there_are_none() -> None:
    assert package_folders.__wrapped__(("ipykernel", "no_such_package")) == ()
