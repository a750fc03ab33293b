"""What is said of a machine's sandboxes."""

import subprocess

import pytest

from perdure.runtime.sandbox import doctoring
from perdure.runtime.sandbox.doctoring import examine_sandboxes, judge
from perdure.runtime.sandbox.wall.machine import Finding, Machine, examine_apart
from tests.failing import fails_with

ALL = ("bubblewrap", "system call filter", "control groups", "namespaces", "slirp4netns")


def machine(*without: str) -> Machine:
    return Machine(
        tuple(
            Finding(what, False, f"no {what}", f"Get {what}")
            if what in without
            else Finding(what, True, f"{what} 1")
            for what in ALL
        )
    )


def test_a_machine_that_has_all_is_well() -> None:
    finding = judge(machine())
    assert (finding.state, finding.advice) == ("ok", "")
    assert finding.found == "full: bubblewrap 1, control groups of control groups 1"


def test_what_is_for_one_setting_only_is_said_and_no_warning() -> None:
    finding = judge(machine("slirp4netns"))
    assert (finding.state, finding.advice) == ("ok", "Get slirp4netns")
    assert finding.found == 'full, but for network = "outbound": no slirp4netns'


@pytest.mark.parametrize(
    ("without", "level", "setting"),
    [
        (("control groups",), "best-effort", 'limits = "best-effort"'),
        (("bubblewrap", "namespaces"), "none", 'isolation = "none"'),
        (("system call filter",), "none", 'isolation = "none"'),
    ],
)
def test_a_machine_that_gives_less_is_warned_of(
    without: tuple[str, ...], level: str, setting: str
) -> None:
    finding = judge(machine(*without))
    assert finding.state == "warning"
    assert finding.found.startswith(f"{level}, they start only with {setting}. ")
    assert finding.found.endswith("; ".join(f"{what}: no {what}" for what in without))
    assert finding.advice == ". ".join(f"Get {what}" for what in without)


@pytest.mark.slow
def test_this_machine_is_tried_out() -> None:
    finding, found = examine_sandboxes(), examine_apart()
    assert finding == judge(found)
    assert finding.found.startswith(found.level)


def test_where_nothing_can_be_tried_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    fails = fails_with(12)
    monkeypatch.setattr(doctoring, "examine_apart", fails)
    assert examine_sandboxes().state == "warning"

    def breaks() -> Machine:
        raise subprocess.CalledProcessError(1, ["python"])

    monkeypatch.setattr(doctoring, "examine_apart", breaks)
    assert examine_sandboxes().found.startswith("not known: ")
