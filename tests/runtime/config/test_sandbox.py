"""``[perdure.sandbox]``."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path

import pytest

from perdure.runtime.config.errors import Problem
from perdure.runtime.config.model import LoadedConfig
from perdure.runtime.config.sandbox import AMOUNTS, KEYS, SandboxConfig

HEAD = 'name = "chat"\nmain = "main.py"\n'
WHOLE = """\
[perdure.sandbox]
isolation = "none"
limits = "best-effort"
network = "outbound"
copy = { "server.py" = "/workspace/server.py", "public" = "/workspace" }
mount = { "node_modules" = "/opt/node_modules", "server.py" = "/etc/server.py" }
path = ["/opt/node_modules/.bin"]
startup = "startup.sh"
startup_timeout_s = 2.5
env = { NAME = "value", EMPTY = "" }
sleep_after = "10m"
memory_bytes_max = 10_000_000
processes_max = 64
cpu_cores = 0.5
file_size_bytes_max = 4096
open_files_max = 32
temporary_size_bytes_max = 3
disk_size_bytes_max = 4
log_size_bytes_max = 5
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "server.py").touch()
    (tmp_path / "startup.sh").touch()
    (tmp_path / "public").mkdir()
    (tmp_path / "node_modules").mkdir()
    return tmp_path


def test_without_the_table_all_is_as_by_default(load_text: Callable[..., LoadedConfig]) -> None:
    assert load_text(HEAD).config.perdure.sandbox == SandboxConfig()
    assert load_text(HEAD + "[perdure.sandbox]").config.perdure.sandbox == SandboxConfig()
    assert SandboxConfig().isolation == "bubblewrap"
    assert SandboxConfig().network == "none"


def test_all_of_it_is_read(load_text: Callable[..., LoadedConfig], project: Path) -> None:
    assert load_text(HEAD + WHOLE).config.perdure.sandbox == SandboxConfig(
        isolation="none",
        limits="best-effort",
        network="outbound",
        copy=((project / "server.py", "/workspace/server.py"), (project / "public", "/workspace")),
        mount=(
            (project / "node_modules", "/opt/node_modules"),
            (project / "server.py", "/etc/server.py"),
        ),
        path=("/opt/node_modules/.bin",),
        startup=project / "startup.sh",
        startup_timeout_s=2.5,
        env={"NAME": "value", "EMPTY": ""},
        sleep_after_s=600,
        memory_bytes_max=10_000_000,
        processes_max=64,
        cpu_cores=0.5,
        file_size_bytes_max=4096,
        open_files_max=32,
        temporary_size_bytes_max=3,
        disk_size_bytes_max=4,
        log_size_bytes_max=5,
    )


def test_each_key_has_its_field_and_each_field_its_key() -> None:
    names = {f.name for f in fields(SandboxConfig)}
    assert set(KEYS) - names == {"sleep_after"}
    assert names - set(KEYS) == {"sleep_after_s"}
    assert set(AMOUNTS) < names


def test_an_environments_table_is_laid_over_key_by_key(
    load_text: Callable[..., LoadedConfig],
) -> None:
    text = """\
[perdure.sandbox]
network = "host"
env = { A = "1" }
[env.prod.perdure.sandbox]
env = { B = "2" }
cpu_cores = 2
"""
    assert load_text(HEAD + text, "prod").config.perdure.sandbox == SandboxConfig(
        network="host", env={"B": "2"}, cpu_cores=2
    )


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('isolation = "docker"', 'field to be one of ["bubblewrap","none"] but got "docker".'),
        ('limits = "off"', 'field to be one of ["strict","best-effort"] but got "off".'),
        ("network = true", "to be of type string but got true."),
        ("cpu_cores = 0", "to be more than 0 but got 0."),
        ("cpu_cores = inf", "to be more than 0 but got inf."),
        ("memory_bytes_max = 0.5", "to be of type integer but got 0.5."),
        ("processes_max = 7", "to be 8 or more but got 7."),
        ("memory_bytes_max = 8388607", "to be 8388608 or more but got 8388607."),
        (
            "memory_bytes_max = 4611686018427387905",
            f"to be {1 << 62} or less but got {(1 << 62) + 1}.",
        ),
        ("file_size_bytes_max = 1", "to be 4096 or more but got 1."),
        ("open_files_max = 1", "to be 32 or more but got 1."),
        ('sleep_after = "10 minutes"', 'to be a length of time but got "10 minutes".'),
        ("startup_timeout_s = -1", "to be more than 0 but got -1."),
    ],
)
def test_a_wrong_value_is_told_with_its_place(
    errors_of: Callable[[str], Sequence[str]], text: str, error: str
) -> None:
    key = text.partition(" ")[0]
    told = errors_of(f"{HEAD}perdure.sandbox.{text}")
    assert told == [f'3:17 Expected "perdure.sandbox.{key}" {error}']


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('copy = "x"', 'The field "perdure.sandbox.copy" should be an object but got "x".'),
        ("env.A = 1", 'Expected "perdure.sandbox.env.A" to be of type string but got 1.'),
        ('env."A=B" = ""', 'A variable of the environment cannot be called "A=B".'),
        ('env.A = "\\u0000"', '"perdure.sandbox.env.A" has a zero byte in it, which no program'),
        ('startup = "public"', "The script specified by"),
        ('startup = "gone.sh"', "The script specified by"),
        ('path = ["/opt/bin", "bin"]', '"perdure.sandbox.path.[1]" should be an absolute path'),
        ('path = ["/a:/b"]', '"perdure.sandbox.path.[0]" has a ":" in it, which separates'),
        ('path = ["/opt//bin"]', '"perdure.sandbox.path.[0]" should have no "..", "." or "/" too'),
    ],
)
def test_what_programs_could_not_be_given_is_refused(
    errors_of: Callable[[str], Sequence[str]], project: Path, text: str, error: str
) -> None:
    assert project.is_dir()
    (told,) = errors_of(f"{HEAD}perdure.sandbox.{text}")
    assert told.startswith("3:")
    assert told.partition(" ")[2].startswith(error)


@pytest.mark.parametrize(
    ("pairs", "error", "hint"),
    [
        ('"gone" = "/workspace/x"', "does not exist", "It is looked for at "),
        ('"" = "/workspace/x"', "does not exist", ""),
        ('"server.py" = "server.py"', "absolute path", 'For instance "/workspace/server.py"'),
        ('"server.py" = "/workspace/../etc/x"', 'should have no ".."', 'Write "/etc/x"'),
        ('"server.py" = "/workspace/"', 'should have no ".."', 'Write "/workspace"'),
        ('"server.py" = "//workspace/x"', 'should have no ".."', 'Write "/workspace/x"'),
        ('"server.py" = "/opt/x"', "outside of /workspace", "Files that programs only read"),
        ('"server.py" = "/workspaces/x"', "outside of /workspace", "Files that programs only"),
        ('"server.py" = "/workspace"', "is a file", 'Write "/workspace/server.py"'),
        (
            '"server.py" = "/workspace/x", "public" = "/workspace/x"',
            "where another one is already",
            "",
        ),
    ],
)
def test_copies_that_cannot_be_are_refused(
    problems_of: Callable[[str], Sequence[Problem]],
    project: Path,
    pairs: str,
    error: str,
    hint: str,
) -> None:
    (problem, *_) = problems_of(f"{HEAD}perdure.sandbox.copy = {{ {pairs} }}")
    assert (problem.file, problem.line) == (project / "wrangler.toml", 3)
    assert "perdure.sandbox.copy." in problem.message
    assert error in problem.message
    assert problem.hint.startswith(hint)
    assert bool(problem.hint) == bool(hint)


@pytest.mark.parametrize(
    ("pairs", "error"),
    [
        ('"public" = "/workspace/x"', "/workspace is the sandbox's own"),
        ('"public" = "/perdure"', "/perdure is the sandbox's own"),
        ('"public" = "/proc/1"', "/proc is the sandbox's own"),
        ('"public" = "/usr/local"', "/usr is the sandbox's own"),
        ('"public" = "/"', "what else is there would be gone"),
        ('"public" = "/etc"', "what else is there would be gone"),
        ('"public" = "/opt/a", "node_modules" = "/opt/a/b"', "inside of another mount"),
        (f'"public" = "{sys.base_prefix}"', ""),
        (f'"public" = "{sys.base_prefix}/lib/x"', ""),
    ],
)
def test_mounts_that_cannot_be_are_refused(
    problems_of: Callable[[str], Sequence[Problem]], project: Path, pairs: str, error: str
) -> None:
    assert project.is_dir()
    (problem,) = problems_of(f"{HEAD}perdure.sandbox.mount = {{ {pairs} }}")
    assert "cannot be mounted at" in problem.message
    assert error in problem.message


def test_who_mounts_at_no_whole_path_is_told_of_one_where_it_can_be(
    problems_of: Callable[[str], Sequence[Problem]], project: Path
) -> None:
    assert project.is_dir()
    (problem,) = problems_of(f'{HEAD}perdure.sandbox.mount = {{ "public" = "public" }}')
    assert "absolute path" in problem.message
    assert problem.hint == 'For instance "/opt/public"'


def test_a_slip_of_the_pen_is_told(problems_of: Callable[[str], Sequence[Problem]]) -> None:
    (problem,) = problems_of(HEAD + "[perdure.sandbox]\nsleepafter = 3")
    assert problem.line == 4
    assert problem.message == 'There is no setting "perdure.sandbox.sleepafter".'
    assert problem.hint == 'Did you mean "sleep_after"?'
