import subprocess
import sys
from pathlib import Path

from perdure.runtime.sandbox.keeper.housing import is_walled, python, write_program


def test_the_agents_file_is_written_once_and_runs(tmp_path: Path) -> None:
    path = write_program(tmp_path)
    written = path.stat()
    assert write_program(tmp_path) == path
    assert path.stat().st_mtime_ns == written.st_mtime_ns
    assert path.stat().st_mode & 0o777 == 0o444
    assert list(tmp_path.iterdir()) == [path]
    run = subprocess.run([python(), "-I", "-S", path], capture_output=True, check=False)
    assert b"IndexError" in run.stderr  # it needs a descriptor


def test_it_runs_with_the_python_that_made_it() -> None:
    code = "import sys; print(sys.version)"
    run = subprocess.run([python(), "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == sys.version


def test_a_wall_is_what_there_is_unless_it_was_written_out() -> None:
    assert is_walled({})
    assert is_walled({"isolation": "bubblewrap"})
    assert not is_walled({"isolation": "none"})
