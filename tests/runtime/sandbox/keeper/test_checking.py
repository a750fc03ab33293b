"""Settings that are none are refused before anything is started."""

import math
from typing import Any

import pytest

from perdure.runtime.sandbox.asking import SandboxRefused
from perdure.runtime.sandbox.keeper.checking import check_settings
from perdure.runtime.sandbox.streams import Refused
from tests.runtime.sandbox.sandboxes import Sandboxes


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"isolation": "bubblewrap", "network": "outbound", "best_effort": True},
        {"isolation": None, "network": None, "limits": None, "mounts": None, "env": None},
        {"limits": {"memory_bytes": 1 << 40, "cpu_cores": 2}},
        {"mounts": [["/a/../b", "/opt/b"], ["/a", "/opt/bb"]], "path": ["/opt/b/bin"]},
        {"packages": ["/a", "/a/../b"]},
        {"env": {"A": "", "b.c": "\n"}, "sleep_after_s": 0.5, "disk_bytes": 1, "log_bytes": 1},
    ],
)
def test_what_is_fine_is_taken(settings: dict[str, Any]) -> None:
    check_settings(settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"isolation": "docker"},
        {"isolation": ["none"]},
        {"network": True},
        {"best_effort": "yes"},
        {"limits": []},
        {"limits": {"memory_bytes": 0}},
        {"limits": {"memory_bytes": 1.5}},
        {"limits": {"memory_bytes": 1 << 70}},
        {"limits": {"memory_bytes": True}},
        {"limits": {"cpu_cores": math.nan}},
        {"limits": {"cpu_cores": -1}},
        {"limits": {"memory": 1}},
        {"mounts": {"/a": "/opt/a"}},
        {"packages": "/a"},
        {"packages": ["a"]},
        {"packages": ["/a\0"]},
        {"mounts": [["/a"]]},
        {"mounts": [["a", "/opt/a"]]},
        {"mounts": [["/a", "opt/a"]]},
        {"mounts": [["/a", "/opt/../proc"]]},
        {"mounts": [["/a", "//opt"]]},
        {"mounts": [["/a", "/opt/a/"]]},
        {"mounts": [["/a", "/"]]},
        {"mounts": [["/a\0", "/opt/a"]]},
        {"mounts": [["/a", "/workspace"]]},
        {"mounts": [["/a", "/workspace/a"]]},
        {"mounts": [["/a", "/perdure"]]},
        {"mounts": [["/a", "/proc/self"]]},
        {"mounts": [["/a", "/opt"], ["/b", "/opt"]]},
        {"mounts": [["/a", "/opt"], ["/b", "/opt/b"]]},
        {"path": "/opt"},
        {"path": ["opt"]},
        {"path": ["/a:/b"]},
        {"env": {"A": 1}},
        {"env": {"": "1"}},
        {"env": {"A=B": "1"}},
        {"env": {"A": "\0"}},
        {"sleep_after_s": "10m"},
        {"sleep_after_s": math.inf},
        {"disk_bytes": 0},
        {"log_bytes": 1.5},
    ],
)
def test_what_is_none_is_refused_by_its_name(settings: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        check_settings(settings)
    assert (refused.value.code, refused.value.context["field"]) == (
        "VALIDATION_FAILED",
        *settings,
    )


@pytest.mark.slow
async def test_whoever_opens_a_sandbox_is_told(sandboxes: Sandboxes) -> None:
    name = "ef" * 32
    with pytest.raises(SandboxRefused) as refused:
        await sandboxes.open(name, disk_bytes=-1)
    assert refused.value.code == "VALIDATION_FAILED"
    assert not (sandboxes.folder / name).exists()
