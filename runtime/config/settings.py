"""``[perdure]``: what wrangler does not know.

It is ours alone, so an unknown key is an error. An environment's table is laid over the top
level's key by key: what ``[env.NAME.perdure]`` does not name stays as it was.
"""

import math
from collections.abc import Mapping
from dataclasses import Field, dataclass, fields
from pathlib import Path
from typing import Any

from ...actors.limits import ActorLimits
from ...storage.limits import StorageLimits
from ..sockets.limits import SocketLimits
from .access import read_access
from .errors import did_you_mean
from .firewall.rules import read_firewall
from .limits import EdgeLimits
from .model import LogConfig, PerdureConfig
from .report import Table, shown
from .sandbox import SandboxConfig, read_sandbox
from .tls import read_tls
from .tracing import read_tracing

PORT_MAX = 65_535
# Far more than machines have cores for; a partition in 1024 is what a worker has at least.
WORKERS_MAX = 256
ROUTERS_MAX = 64
LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("text", "json")
KEYS = (
    "data_dir",
    "idle_timeout_s",
    "trash_retention_days",
    "free_space_size_bytes_min",
    "point_in_time_days",
    "point_in_time_size_bytes_max",
    "allowed_origins",
    "trusted_proxies",
    "proxy_headers",
    "websocket_compression",
    "tls",
    "tracing",
    "firewall",
    "sandbox",
    "control_port",
    "workers",
    "routers",
    "limits",
    "log",
)
_KINDS = (StorageLimits, ActorLimits, EdgeLimits, SocketLimits)
LIMITS = {f.name: f for kind in _KINDS for f in fields(kind)}


@dataclass(frozen=True, slots=True)
class Settings:
    """What one ``[perdure]`` table sets, as keyword arguments of the values it is made into."""

    top: Mapping[str, Any]
    limits: Mapping[str, Any]
    log: Mapping[str, Any]
    sandbox: Mapping[str, Any]


def read_settings(layer: Table, base_dir: Path) -> Settings:
    """Read ``[perdure]`` of a layer, the top level or an environment; empty without one."""
    table = layer.find_table("perdure")
    if table is None:
        return Settings({}, {}, {}, {})
    _refuse_unknown_keys(table, KEYS)
    top = {
        "data_dir": base_dir / directory if (directory := _data_dir(table)) else None,
        "idle_timeout_s": _find_amount(table, "idle_timeout_s"),
        "trash_retention_days": _find_amount(table, "trash_retention_days", zero_is_fine=True),
        "point_in_time_days": _find_amount(table, "point_in_time_days", zero_is_fine=True),
        "point_in_time_size_bytes_max": _find_amount(
            table, "point_in_time_size_bytes_max", whole=True
        ),
        "free_space_size_bytes_min": _find_amount(
            table, "free_space_size_bytes_min", whole=True, zero_is_fine=True
        ),
        **read_access(table),
        "websocket_compression": table.find_bool("websocket_compression"),
        "tls": read_tls(table, base_dir),
        "tracing": read_tracing(table),
        "firewall": read_firewall(table, base_dir),
        "control_port": _find_count(table, "control_port", 0, PORT_MAX, "a port"),
        "workers": _find_count(table, "workers", 0, WORKERS_MAX, "a number of processes"),
        "routers": _find_count(table, "routers", 1, ROUTERS_MAX, "a number of processes"),
    }
    return Settings(
        {key: value for key, value in top.items() if value is not None},
        _read_limits(table.find_table("limits")),
        _read_log(table.find_table("log")),
        read_sandbox(table, base_dir),
    )


def make_perdure_config(*layers: Settings) -> PerdureConfig:
    """Return the settings of several layers, laid over each other, later ones on top."""
    top: dict[str, Any] = {}
    limits: dict[str, Any] = {}
    log: dict[str, Any] = {}
    sandbox: dict[str, Any] = {}
    for layer in layers:
        top |= layer.top
        limits |= layer.limits
        log |= layer.log
        sandbox |= layer.sandbox
    return PerdureConfig(
        **top,
        storage_limits=StorageLimits(**_of(StorageLimits, limits)),
        actor_limits=ActorLimits(**_of(ActorLimits, limits)),
        edge_limits=EdgeLimits(**_of(EdgeLimits, limits)),
        socket_limits=SocketLimits(**_of(SocketLimits, limits)),
        log=LogConfig(**log),
        sandbox=SandboxConfig(**sandbox),
    )


def _data_dir(table: Table) -> str | None:
    directory = table.find_string("data_dir")
    if directory == "":
        table.report.error(
            table.key("data_dir"), f'"{table.name("data_dir")}" should not be empty.'
        )
    return directory


def _read_limits(table: Table | None) -> Mapping[str, Any]:
    if table is None:
        return {}
    _refuse_unknown_keys(table, LIMITS)
    found = {
        name: _find_amount(
            table,
            name,
            whole=_is_whole(limit),
            zero_is_fine=limit.metadata.get("zero_is_fine", False),
        )
        for name, limit in LIMITS.items()
    }
    return {name: value for name, value in found.items() if value is not None}


def _read_log(table: Table | None) -> Mapping[str, Any]:
    if table is None:
        return {}
    _refuse_unknown_keys(table, ("level", "format"))
    found = {
        "level": table.find_choice("level", LOG_LEVELS),
        "format": table.find_choice("format", LOG_FORMATS),
    }
    return {name: value for name, value in found.items() if value is not None}


def _find_amount(
    table: Table, key: str, *, whole: bool = False, zero_is_fine: bool = False
) -> int | float | None:
    value = table.find_number(key, whole=whole)
    if value is None:
        return None
    if math.isfinite(value) and (value > 0 or (value == 0 and zero_is_fine)):
        return value
    bound = "0 or more" if zero_is_fine else "more than 0"
    given = shown(value) if math.isfinite(value) else str(value)
    message = f'Expected "{table.name(key)}" to be {bound} but got {given}.'
    table.report.error(table.key(key), message)
    return None


def _find_count(table: Table, key: str, low: int, high: int, what: str) -> int | None:
    value = _find_amount(table, key, whole=True, zero_is_fine=low == 0)
    if value is not None and value > high:
        message = f'Expected "{table.name(key)}" to be {what}, {low} to {high}, but got {value}.'
        table.report.error(table.key(key), message)
        return None
    return None if value is None else int(value)


def _refuse_unknown_keys(table: Table, known: "tuple[str, ...] | Mapping[str, object]") -> None:
    for key in table.values:
        if key not in known:
            message = f'There is no setting "{table.name(key)}".'
            table.report.error(table.key(key), message, did_you_mean(key, known))


def _is_whole(limit: "Field[Any]") -> bool:
    return isinstance(limit.default, int)


def _of(kind: type, limits: Mapping[str, Any]) -> dict[str, Any]:
    return {f.name: limits[f.name] for f in fields(kind) if f.name in limits}
