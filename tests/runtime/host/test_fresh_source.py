"""Modules of a program are what their sources are, however shortly ago these were something else."""

import importlib
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from perdure.runtime.host.fresh_source import compile_anew_below


@pytest.fixture(autouse=True)
def imports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave nothing behind, and have Python keep what it compiles, as it does for users."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    hooks, modules = list(sys.path_hooks), set(sys.modules)
    yield
    sys.path_hooks[:] = hooks
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def save(file: Path, number: int) -> None:
    """Write another digit, in the same second."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"NUMBER = {number}\n")
    os.utime(file, (1_700_000_000, 1_700_000_000))


def number_in(name: str) -> int:
    """What a process would find that imports this for the first time."""
    sys.modules.pop(name, None)
    importlib.invalidate_caches()
    found: int = importlib.import_module(name).NUMBER
    return found


@pytest.mark.parametrize("file", ["fresh_one.py", "fresh_two/__init__.py", "fresh_three/part.py"])
def test_a_module_of_the_program_is_what_its_source_is(tmp_path: Path, file: str) -> None:
    name = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    compile_anew_below(tmp_path)
    sys.path.insert(0, str(tmp_path))
    save(tmp_path / file, 1)
    assert number_in(name) == 1
    save(tmp_path / file, 2)
    assert number_in(name) == 2
    assert not list(tmp_path.rglob("*.pyc"))


def test_what_was_looked_for_before_is_found_anew(tmp_path: Path) -> None:
    sys.path.insert(0, str(tmp_path))
    save(tmp_path / "fresh_late.py", 1)
    assert number_in("fresh_late") == 1
    compile_anew_below(tmp_path)
    save(tmp_path / "fresh_late.py", 2)
    assert number_in("fresh_late") == 2


@pytest.mark.parametrize("where", ["elsewhere", "program/.venv/lib/python3/site-packages"])
def test_libraries_are_compiled_once(tmp_path: Path, where: str) -> None:
    compile_anew_below(tmp_path / "program")
    sys.path.insert(0, str(tmp_path / where))
    save(tmp_path / where / "fresh_library.py", 1)
    assert number_in("fresh_library") == 1
    assert len(list(tmp_path.rglob("*.pyc"))) == 1


def test_a_module_that_fails_shows_no_frame_of_ours(tmp_path: Path) -> None:
    compile_anew_below(tmp_path)
    sys.path.insert(0, str(tmp_path))
    (tmp_path / "fresh_broken.py").write_text("import fresh_typo\n")
    (tmp_path / "fresh_typo.py").write_text("def :\n")
    with pytest.raises(SyntaxError) as raised:
        importlib.import_module("fresh_broken")
    files = [frame.filename for frame in traceback.extract_tb(raised.value.__traceback__)]
    assert str(tmp_path / "fresh_broken.py") in files
    assert not [file for file in files if "fresh_source" in file and "test_" not in file]
