"""What a machine gives is found by trying, and told with what to do about the rest."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from perdure.runtime.sandbox.wall import machine
from perdure.runtime.sandbox.wall.machine import Finding, Level, Machine, examine_apart

from .conftest import apart

NEEDED = ("bubblewrap", "system call filter", "namespaces", "control groups")


def machine_without(*missing: str) -> Machine:
    names = (*NEEDED, "slirp4netns")
    return Machine(tuple(Finding(name, name not in missing, "") for name in names))


def test_the_level_is_that_of_what_is_there() -> None:
    assert machine_without().level is Level.FULL
    assert machine_without("slirp4netns").level is Level.FULL
    assert machine_without("control groups").level is Level.BEST_EFFORT
    for name in ("bubblewrap", "system call filter", "namespaces"):
        assert machine_without(name, "control groups").level is Level.NONE


def test_what_is_missing_is_told() -> None:
    found = machine_without("slirp4netns")
    assert [finding.what for finding in found.missing] == ["slirp4netns"]
    assert not found.has_outbound
    assert machine_without().has_outbound


@pytest.mark.usefixtures("bubblewrap", "as_root")
def test_this_machine_is_examined_in_a_process_of_its_own() -> None:
    found = examine_apart()
    assert [finding.what for finding in found.findings] == [
        *("bubblewrap", "system call filter", "control groups", "namespaces", "slirp4netns")
    ]
    assert all(finding.detail for finding in found.findings)
    assert all(finding.what_to_do for finding in found.missing)
    assert found.level is not Level.NONE


def test_where_nothing_is_installed_everything_is_told_and_what_to_do() -> None:
    told = apart("""
        os.environ["PATH"] = "/nowhere"
        from perdure.runtime.sandbox.wall.machine import examine
        found = examine()
        tell([found.level, [[f.what, f.detail, f.what_to_do] for f in found.missing]])
    """)
    level, missing = told
    assert level == "none"
    told_to_do = {what: to_do for what, _, to_do in missing}
    assert "apt-get install bubblewrap" in told_to_do["bubblewrap"]
    assert "apt-get install bubblewrap" in told_to_do["namespaces"]
    assert "apt-get install slirp4netns" in told_to_do["slirp4netns"]


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that everybody can reach."""
    folder = Path(tempfile.mkdtemp(prefix="perdure-wall-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.usefixtures("bubblewrap")
def test_a_bubblewrap_that_fails_is_quoted(reachable: Path) -> None:
    """As one does whose kernel makes no user namespaces."""
    program = reachable / "bwrap"
    program.write_text("#!/bin/sh\necho 'bwrap: No permissions' >&2\nexit 1\n")
    program.chmod(0o755)
    told = apart(
        """
        from perdure.runtime.sandbox.wall import machine
        found = machine.examine()
        tell([found.level, [[f.what, f.detail, f.what_to_do] for f in found.missing]])
        """,
        PATH=f"{reachable}:{os.environ['PATH']}",
    )
    level, missing = told
    assert level == "none"
    problem = next(m for m in missing if m[0] == "namespaces")
    assert "No permissions" in problem[1]
    assert problem[2]


def test_a_bubblewrap_without_the_options_that_are_needed_is_too_old() -> None:
    assert machine.judge_bubblewrap("bubblewrap 0.8.0 (/usr/bin/bwrap)").is_there
    assert machine.judge_bubblewrap("bubblewrap 1.0.0 (/usr/bin/bwrap)").is_there
    assert machine.judge_bubblewrap("of unknown version (/usr/bin/bwrap)").is_there
    old = machine.judge_bubblewrap("bubblewrap 0.6.1 (/usr/bin/bwrap)")
    assert not old.is_there
    assert "0.7" in old.what_to_do


def test_settings_of_kernels_that_forbid_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, forbids, what_to_do in machine.FORBIDDING:
        values = {f"/proc/sys/{name}": forbids}
        monkeypatch.setattr(Path, "exists", lambda path, v=values: str(path) in v)
        monkeypatch.setattr(Path, "read_text", lambda path, v=values: v[str(path)] + "\n")
        assert machine.why_not() == what_to_do
    monkeypatch.setattr(Path, "exists", lambda path: False)
    assert "Docker" in machine.why_not()
