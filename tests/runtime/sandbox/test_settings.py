"""What a configuration means for a keeper."""

import json
from pathlib import Path

from perdure.runtime.config.sandbox import AMOUNTS, SandboxConfig
from perdure.runtime.sandbox.interpreter.packages import package_folders
from perdure.runtime.sandbox.keeper.checking import check_settings
from perdure.runtime.sandbox.keeper.walled import limits_of
from perdure.runtime.sandbox.settings import LIMITS, keeper_settings
from perdure.runtime.sandbox.wall.options import WallLimits

WHOLE = SandboxConfig(
    isolation="none",
    limits="best-effort",
    network="host",
    copy=((Path("/p/a"), "/workspace/a"),),
    mount=((Path("/p/../q/modules"), "/opt/modules"),),
    path=("/opt/modules/.bin",),
    startup=Path("/p/startup.sh"),
    env={"A": "1"},
    sleep_after_s=5.0,
    memory_bytes_max=1,
    processes_max=2,
    cpu_cores=0.5,
    file_size_bytes_max=4,
    open_files_max=5,
    temporary_size_bytes_max=6,
    disk_size_bytes_max=7,
    log_size_bytes_max=8,
)


def test_by_default_there_is_a_wall_with_its_own_limits() -> None:
    settings = keeper_settings(SandboxConfig())
    assert (settings["isolation"], settings["network"]) == ("bubblewrap", "none")
    assert settings["best_effort"] is False
    assert limits_of(settings) == WallLimits()
    assert not settings.keys() & {"disk_bytes", "log_bytes"}


def test_all_that_a_keeper_knows_reaches_it() -> None:
    assert keeper_settings(WHOLE) == {
        "isolation": "none",
        "network": "host",
        "best_effort": True,
        "limits": {
            "memory_bytes": 1,
            "processes": 2,
            "cpu_cores": 0.5,
            "file_bytes": 4,
            "open_files": 5,
            "temporary_bytes": 6,
        },
        "mounts": [["/p/../q/modules", "/opt/modules"]],
        "packages": [str(path) for path in package_folders()],
        "path": ["/opt/modules/.bin"],
        "env": {"A": "1"},
        "sleep_after_s": 5.0,
        "disk_bytes": 7,
        "log_bytes": 8,
    }


def test_keepers_take_what_is_made_here() -> None:
    for config in (SandboxConfig(), WHOLE):
        check_settings(json.loads(json.dumps(keeper_settings(config))))


def test_each_limit_of_a_wall_has_its_key() -> None:
    assert set(LIMITS.values()) == set(WallLimits.__dataclass_fields__)
    assert set(LIMITS) < set(AMOUNTS)
