"""What a machine gives is found by trying, and told with what to do about the rest."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from perdure.runtime.sandbox.wall import trials

from .conftest import apart


def test_where_nothing_is_installed_everything_is_told_and_what_to_do() -> None:
    told = apart("""
        os.environ["PATH"] = "/nowhere"
        from perdure.runtime.sandbox.wall.trials import examine
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
        from perdure.runtime.sandbox.wall import trials
        found = trials.examine()
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
    assert trials.judge_bubblewrap("bubblewrap 0.8.0 (/usr/bin/bwrap)").is_there
    assert trials.judge_bubblewrap("bubblewrap 1.0.0 (/usr/bin/bwrap)").is_there
    assert trials.judge_bubblewrap("of unknown version (/usr/bin/bwrap)").is_there
    old = trials.judge_bubblewrap("bubblewrap 0.6.1 (/usr/bin/bwrap)")
    assert not old.is_there
    assert "0.7" in old.what_to_do


def test_settings_of_kernels_that_forbid_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, forbids, what_to_do in trials.FORBIDDING:
        values = {f"/proc/sys/{name}": forbids}
        monkeypatch.setattr(Path, "exists", lambda path, v=values: str(path) in v)
        monkeypatch.setattr(Path, "read_text", lambda path, v=values: v[str(path)] + "\n")
        assert trials.why_not() == what_to_do
    monkeypatch.setattr(Path, "exists", lambda path: False)
    assert "Docker" in trials.why_not()
