"""Modules of ours that a program can import, and nobody else."""

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import perdure
from perdure.runtime.compat import finder
from perdure.runtime.compat.finder import PLATFORM_MODULES, SDK_MODULES, Installed
from perdure.runtime.compat.finder import install as install_with


def install(directory: Path, **said: Any) -> Installed:
    return install_with(
        directory, lambda: {n: ModuleType(n, "made") for n in PLATFORM_MODULES}, **said
    )


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    before, modules = list(sys.path), set(sys.modules)
    yield
    while finder._installed:
        finder._installed.pop().remove()
    sys.path[:] = before
    for name in set(sys.modules) - modules:
        if not name.startswith("perdure"):
            del sys.modules[name]


@pytest.mark.parametrize("name", [*SDK_MODULES, *PLATFORM_MODULES])
def test_each_module_of_the_tables_can_be_imported(name: str, tmp_path: Path) -> None:
    install(tmp_path)
    module = importlib.import_module(name)
    assert module.__name__ == name
    assert module.__doc__
    assert [
        exported for exported in getattr(module, "__all__", ()) if not hasattr(module, exported)
    ] == []


def test_none_is_there_outside_of_a_perdure_process(tmp_path: Path) -> None:
    tops = sorted({name.partition(".")[0] for name in [*SDK_MODULES, *PLATFORM_MODULES]})
    code = f"""
import importlib.util, perdure
print([name for name in {tops} if importlib.util.find_spec(name) is not None])
"""
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_the_base_classes_are_perdures_own(tmp_path: Path) -> None:
    install(tmp_path)
    workers = importlib.import_module("workers")
    assert workers.DurableObject is perdure.DurableObject
    assert workers.WorkerEntrypoint is perdure.WorkerEntrypoint


def test_a_file_beside_main_is_found_before_a_module_of_ours(tmp_path: Path) -> None:
    (tmp_path / "workers.py").write_text("whose = 'the program'")
    sys.path.insert(0, str(tmp_path))
    install(tmp_path)
    assert importlib.import_module("workers").whose == "the program"


def test_ours_is_found_before_a_package_that_is_installed(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "workers.py").write_text("whose = 'somebody else'")
    sys.path.insert(0, str(tmp_path / "site"))
    install(tmp_path / "program")
    assert not hasattr(importlib.import_module("workers"), "whose")


def test_a_program_that_brings_its_own_copy_gets_that(tmp_path: Path) -> None:
    (tmp_path / "python_modules").mkdir()
    (tmp_path / "python_modules" / "workers.py").write_text("whose = 'its own'")
    install(tmp_path, libraries=[tmp_path / "python_modules"], has_own_sdk=True)
    assert importlib.import_module("workers").whose == "its own"


def test_the_next_program_does_not_get_that_copy(tmp_path: Path) -> None:
    (tmp_path / "python_modules").mkdir()
    (tmp_path / "python_modules" / "workers.py").write_text("whose = 'its own'")
    install(tmp_path, libraries=[tmp_path / "python_modules"], has_own_sdk=True)
    importlib.import_module("workers")
    install(tmp_path)
    assert not hasattr(importlib.import_module("workers"), "whose")


def test_a_program_that_says_so_and_has_none_gets_ours(tmp_path: Path) -> None:
    install(tmp_path, has_own_sdk=True)
    assert importlib.import_module("workers").DurableObject is perdure.DurableObject


def test_libraries_are_on_the_path_until_it_is_removed(tmp_path: Path) -> None:
    (tmp_path / "python_modules").mkdir()
    installed = install(tmp_path, libraries=[tmp_path / "python_modules", tmp_path / "none"])
    assert str(tmp_path / "python_modules") in sys.path
    assert str(tmp_path / "none") not in sys.path
    installed.remove()
    assert str(tmp_path / "python_modules") not in sys.path


def test_what_was_installed_can_be_removed(tmp_path: Path) -> None:
    installed = install(tmp_path)
    importlib.import_module("workers.workflows")
    installed.remove()
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("workers")


def test_each_program_has_names_of_its_own(tmp_path: Path) -> None:
    install(tmp_path, extras={"workers": {"env": "the first"}})
    first = importlib.import_module("workers")
    install(tmp_path, extras={"workers": {"env": "the second"}})
    second = importlib.import_module("workers")
    assert [first.env, second.env] == ["the first", "the second"]
    assert first.Response is second.Response
    assert "env" in second.__all__
