"""What bash tells before and after a command, and what is made of it."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.sandbox.agent.agent import SHELLS
from perdure.runtime.sandbox.agent.shell_report import TOLD_BYTES_MAX, ShellReport, declared

BASH = next((shell for shell in SHELLS if os.access(shell, os.X_OK)), None)
needs_bash = pytest.mark.skipif(BASH is None, reason="there is no bash here")
PATH = os.environ["PATH"]


@contextmanager
def reported(command: str, cwd: Path, **env: str) -> Iterator[tuple[Any, ShellReport]]:
    """A command that has ended, and what it has left."""
    with closing(ShellReport({"PATH": PATH, **env}, str(cwd), str)) as report:
        yield (
            subprocess.run(
                [BASH or "bash", "-c", command],
                cwd=cwd,
                env=report.environment,
                pass_fds=report.descriptors,
                capture_output=True,
                check=False,
            ),
            report,
        )


def left_by(command: str, cwd: Path, **env: str) -> dict[str, Any]:
    with reported(command, cwd, **env) as (_, report):
        return report.left()


@needs_bash
@pytest.mark.parametrize(
    ("command", "left"),
    [
        ("true", {}),
        ("A=1", {}),
        ("export A=1", {}),  # as it was
        ("export A=2", {"env": {"A": "2"}}),
        ("export B; export C=", {"env": {"C": ""}}),
        ("unset A", {"env": {"A": None}}),
        ("export -n A", {"env": {"A": None}}),
        ("export B=1; exit 3", {"env": {"B": "1"}}),
        ("export B=1; false", {"env": {"B": "1"}}),
        ("export B=1; set -e; false; export C=1", {"env": {"B": "1"}}),
        ("set -u; export B=1; echo $nothing", {"env": {"B": "1"}}),
        ("declare -ix B=2+3; declare -rx C=1", {"env": {"B": "5", "C": "1"}}),
        ("export LIST=(1 2); export B=1", {"env": {"B": "1"}}),
        ("B=1; set -a; C=2", {"env": {"C": "2"}}),
        ("f() { export B=1; }; f", {"env": {"B": "1"}}),
        ("(export B=1); export C=$(export D=1; echo 2) | cat", {}),
        ("kill -TERM $$", {}),
        ("export B=1; kill -KILL $$", {}),
        ("export B=1; exec true", {}),
        ("export B=1; trap 'echo bye' EXIT", {}),
        ("export B=1; exec 100>&- 101>&- 102>&- 103>&-", {}),
        ("for n in $(seq 100 120); do echo lies >&$n; done 2>/dev/null; export B=1", {}),
        ("printf -v B '%0300000d' 0; export B", {}),
        ("declare() { echo lies; }; export B=1", {"env": {"B": "1"}}),
        ("PWD=lies; export B=1", {"env": {"B": "1"}}),
        ("syntax error (", {}),
    ],
)
def test_a_command_leaves_the_variables_that_it_exports(
    tmp_path: Path, command: str, left: dict[str, Any]
) -> None:
    assert left_by(command, tmp_path, A="1") == left


@needs_bash
def test_it_leaves_its_folder_as_it_called_it(tmp_path: Path) -> None:
    (tmp_path / "a b\n").mkdir()
    (tmp_path / "link").symlink_to("a b\n")
    assert left_by("cd link", tmp_path)["cwd"] == f"{tmp_path}/link"
    assert left_by("cd -P link", tmp_path)["cwd"] == f"{tmp_path}/a b\n"
    assert left_by("cd link; cd ..; unset OLDPWD", tmp_path) == {}
    assert left_by("cd link", tmp_path)["env"] == {"OLDPWD": str(tmp_path)}
    assert left_by("cd link; (cd /); pushd / >/dev/null; popd >/dev/null", tmp_path)["cwd"] == (
        f"{tmp_path}/link"
    )
    assert "cwd" not in left_by("cd nowhere", tmp_path)
    assert left_by("cd .", tmp_path / "link").get("cwd") is None
    assert left_by("cd ..", tmp_path / "link")["cwd"] == str(tmp_path)
    with reported("pwd", tmp_path / "link") as (run, _):
        assert run.stdout.decode() == f"{tmp_path}/link\n"


@needs_bash
def test_the_command_does_not_notice(tmp_path: Path) -> None:
    def said(command: str, **env: str) -> tuple[int, str, str]:
        with reported(command, tmp_path, **env) as (run, _):
            return run.returncode, run.stdout.decode(), run.stderr.decode()

    assert said("echo $? $0 $# [$BASH_ENV]; exit 7") == (7, "0 %s 0 []\n" % (BASH or "bash"), "")
    assert said("set -x; false") == (1, "", "+ false\n")
    assert said("kill -TERM $$")[0] == -15
    assert said("trap 'echo bye' EXIT; exit 2") == (2, "bye\n", "")
    assert said("trap -p; type nothing_like_it")[0] == 1
    assert said("bash -c 'echo $BASH_ENV'") == (0, "\n", "")
    assert said("no-such-program")[0] == 127
    assert said("cat <&0") == (0, "", "")
    assert said("export A=1; exec 2>&-; echo hi") == (0, "hi\n", "")


@needs_bash
def test_a_file_that_would_run_before_commands_anyway_does(tmp_path: Path) -> None:
    own = tmp_path / "it's mine"
    own.write_text("export MINE=1\ntwice() { echo $1$1; }\n")
    with reported("twice $MINE; echo $BASH_ENV; export A=1", tmp_path, BASH_ENV=str(own)) as (
        run,
        report,
    ):
        assert run.stdout.decode() == f"11\n{own}\n"
        assert report.left() == {"env": {"A": "1"}}
    with reported("echo $BASH_ENV", tmp_path, BASH_ENV="/no/such file") as (run, _):
        assert (run.stdout, run.stderr) == (b"/no/such file\n", b"")


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@needs_bash
@given(values=st.lists(texts | st.text("\"'\\$`\n\r\t!#{}()é\x01\x1b ", max_size=12), max_size=4))
def test_whatever_the_values_are_they_are_left(values: list[str]) -> None:
    names = [f"V{number}" for number in range(len(values))]
    given = {f"G{number}": value for number, value in enumerate(values)}
    command = "".join(f'export {name}="$G{number}"\n' for number, name in enumerate(names))
    for language in ("C", "C.UTF-8"):
        left = left_by(command, Path("/"), LC_ALL=language, **given)
        assert left.get("env", {}) == dict(zip(names, values, strict=True))


@given(st.binary() | st.text("declare -x AB=\"'$\\()\n012").map(str.encode))
def test_lies_are_read_or_refused(told: bytes) -> None:
    try:
        found = declared(told)
    except (ValueError, IndexError):
        return
    assert all(type(name) is str and type(value) is str for name, value in found.items())


def test_what_is_no_text_is_left_to_nobody() -> None:
    assert declared(b"declare -x A=\"\\$b\"\ndeclare -x B=$'\\377'\n") == {"A": "$b"}


def test_no_descriptor_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(os.listdir("/proc/self/fd"))
    report = ShellReport({}, "/", str)
    assert all(number >= 100 for number in report.descriptors)
    report.close()
    report.close()
    assert set(os.listdir("/proc/self/fd")) == before
    files = iter([os.memfd_create("one")])
    monkeypatch.setattr(os, "memfd_create", lambda _: next(files, -1))
    with pytest.raises(OSError, match="Bad file descriptor"):
        ShellReport({}, "/", str)
    assert set(os.listdir("/proc/self/fd")) == before
    assert TOLD_BYTES_MAX < 1024 * 1024 // 2, "what is left fits into one answer"
