from dataclasses import replace
from pathlib import Path

from perdure.runtime.config.changed_settings import (
    ADDRESS,
    ROUTERS,
    ROUTERS_LIMITS,
    STARTS,
    for_routers,
    for_the_next_start,
)
from perdure.runtime.config.limits import EdgeLimits
from perdure.runtime.config.model import AssetsConfig, DevConfig, PerdureConfig, WorkerConfig

OLD = WorkerConfig("app", Path("/app/main.py"), Path("/app/wrangler.toml"), Path("/app"))


def test_what_workers_read_is_not_told_of() -> None:
    new = replace(OLD, vars={"A": 1}, perdure=replace(OLD.perdure, idle_timeout_s=1.0))
    assert (for_routers(OLD, new), for_the_next_start(OLD, new)) == ((), ())


def test_what_routers_read_is_told_of_by_its_key() -> None:
    perdure = replace(
        OLD.perdure,
        allowed_origins=("https://a.example",),
        edge_limits=EdgeLimits(connections_max=7),
    )
    new = replace(OLD, perdure=perdure)
    keys = ("perdure.allowed_origins", "perdure.limits.connections_max")
    assert for_routers(OLD, new) == keys
    assert for_the_next_start(OLD, new) == ()


def test_assets_are_routers_wherever_in_the_file_they_stand() -> None:
    old = replace(OLD, assets=AssetsConfig(Path("/app/public"), line=3))
    moved = replace(OLD, assets=AssetsConfig(Path("/app/public"), line=9))
    other = replace(OLD, assets=AssetsConfig(Path("/app/dist"), line=3))
    assert [for_routers(old, new) for new in (moved, other, OLD)] == [(), ("assets",), ("assets",)]


def test_what_is_read_at_the_start_is_told_of_by_its_key() -> None:
    perdure = replace(OLD.perdure, workers=3)
    new = replace(OLD, dev=DevConfig(port=9000), perdure=perdure)
    assert for_the_next_start(OLD, new) == ("dev.port", "perdure.workers")
    assert for_routers(OLD, new) == ()


def test_each_setting_is_somebodys() -> None:
    """Who adds one decides who reads it; workers read what stands nowhere here."""
    workers = {
        "actor_limits",
        "free_space_size_bytes_min",
        "idle_timeout_s",
        "point_in_time_days",
        "point_in_time_size_bytes_max",
        "sandbox",
        "storage_limits",
        "tracing",
    }
    everybodys = {*ROUTERS, *ROUTERS_LIMITS, *STARTS}
    assert not everybodys & workers
    assert set(PerdureConfig.__dataclass_fields__) == everybodys | workers
    assert set(ADDRESS) < set(DevConfig.__dataclass_fields__)
