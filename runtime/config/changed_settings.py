# Pure: no clock, files or processes.
"""Which settings a server that runs cannot take over from a configuration that is read anew.

Workers get the whole of it when they are replaced. Routers, which hold the clients, go on with what
they were started with, until they are replaced, too; and some is asked for once, at the start.
"""

from collections.abc import Iterator
from dataclasses import fields, replace

from .model import AssetsConfig, WorkerConfig

# Of [perdure]; limits are told one by one.
ROUTERS = (
    "allowed_origins",
    "trusted_proxies",
    "proxy_headers",
    "websocket_compression",
    "tls",
    "firewall",
)
ROUTERS_LIMITS = ("edge_limits", "socket_limits")
STARTS = ("data_dir", "trash_retention_days", "control_port", "log", "workers", "routers")
ADDRESS = ("ip", "port")


def for_routers(old: WorkerConfig, new: WorkerConfig) -> tuple[str, ...]:
    """Return the keys that changed and that routers go on without, as the file has them."""
    return tuple(_of_routers(old, new))


def for_the_next_start(old: WorkerConfig, new: WorkerConfig) -> tuple[str, ...]:
    """Return the keys that changed and take effect when the server is started again."""
    address = [f"dev.{key}" for key in ADDRESS if getattr(old.dev, key) != getattr(new.dev, key)]
    return (
        *address,
        *(
            f"perdure.{key}"
            for key in STARTS
            if getattr(old.perdure, key) != getattr(new.perdure, key)
        ),
    )


def _of_routers(old: WorkerConfig, new: WorkerConfig) -> Iterator[str]:
    if _of_assets(old) != _of_assets(new):
        yield "assets"
    for key in ROUTERS:
        if getattr(old.perdure, key) != getattr(new.perdure, key):
            yield f"perdure.{key}"
    for group in ROUTERS_LIMITS:
        before, after = getattr(old.perdure, group), getattr(new.perdure, group)
        for limit in fields(before):
            if getattr(before, limit.name) != getattr(after, limit.name):
                yield f"perdure.limits.{limit.name}"


def _of_assets(config: WorkerConfig) -> AssetsConfig | None:
    """Its assets, wherever in the file they stand."""
    return None if config.assets is None else replace(config.assets, line=None)
