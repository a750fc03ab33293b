"""``perdure upgrade``: new routers for a server of several processes."""

from dataclasses import dataclass, replace

from ..config.load import load
from ..config.model import WorkerConfig
from ..host.operations.errors import OperatorError
from ..host.operations.house import Told, Values


@dataclass(frozen=True, slots=True)
class UpgradeArguments:
    """Nothing can be chosen."""


def with_newer_edge(config: WorkerConfig) -> WorkerConfig:
    """``config`` with what its file says now of all that a router looks at.

    TLS that was asked for on the command line, or is not in the file any more, stays.

    Raises:
        ConfigError: The file cannot be used.
    """
    now, read = config.perdure, load(config.path, env=config.env_name or "").config.perdure
    newer = replace(
        now,
        edge_limits=read.edge_limits,
        socket_limits=read.socket_limits,
        firewall=read.firewall,
        allowed_origins=read.allowed_origins,
        trusted_proxies=read.trusted_proxies,
        proxy_headers=read.proxy_headers,
        websocket_compression=read.websocket_compression,
        tls=read.tls or now.tls,
    )
    return replace(config, perdure=newer)


async def has_no_routers(arguments: UpgradeArguments, told: Told) -> Values:
    """Say why nothing is done by a server of one process.

    Raises:
        OperatorError: Always.
    """
    del arguments, told
    problem = "This server has one process, and no routers that could be replaced"
    raise OperatorError(problem, "Start it with --workers, or restart it")
