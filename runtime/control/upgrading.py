"""``perdure upgrade``: new routers for a server of several processes."""

from dataclasses import dataclass, replace

from ..config.changed_settings import ROUTERS, ROUTERS_LIMITS
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
    newer = {key: getattr(read, key) for key in (*ROUTERS, *ROUTERS_LIMITS)}
    newer["tls"] = read.tls or now.tls
    return replace(config, perdure=replace(now, **newer))


async def has_no_routers(arguments: UpgradeArguments, told: Told) -> Values:
    """Say why nothing is done by a server of one process.

    Raises:
        OperatorError: Always.
    """
    del arguments, told
    problem = "This server has one process, and no routers that could be replaced"
    raise OperatorError(problem, "Start it with --workers, or restart it")
