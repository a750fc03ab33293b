"""What a machine that was examined gives."""

import pytest

from perdure.runtime.sandbox.wall.machine import Finding, Level, Machine, examine_apart

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
