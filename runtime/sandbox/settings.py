"""What a configuration means for a sandbox that is started."""

from typing import Any

from ..config.sandbox import SandboxConfig
from .interpreter.packages import package_folders

# Name of the configuration to name of ``wall.options.WallLimits``.
LIMITS = {
    "memory_bytes_max": "memory_bytes",
    "processes_max": "processes",
    "cpu_cores": "cpu_cores",
    "file_size_bytes_max": "file_bytes",
    "open_files_max": "open_files",
    "temporary_size_bytes_max": "temporary_bytes",
}


def keeper_settings(config: SandboxConfig) -> dict[str, Any]:
    """Return the settings that ``SandboxConnection.open`` wants, which are plain JSON.

    ``copy`` and ``startup`` are not among them: they are done by whoever opens the sandbox.
    """
    limits = {there: getattr(config, here) for here, there in LIMITS.items()}
    settings = {
        "isolation": config.isolation,
        "network": config.network,
        "best_effort": config.limits == "best-effort",
        "limits": {name: value for name, value in limits.items() if value is not None},
        "mounts": [[str(outside), inside] for outside, inside in config.mount],
        "packages": [str(path) for path in package_folders()],
        "path": list(config.path),
        "env": dict(config.env),
        "sleep_after_s": config.sleep_after_s,
        "disk_bytes": config.disk_size_bytes_max,
        "log_bytes": config.log_size_bytes_max,
    }
    return {name: value for name, value in settings.items() if value is not None}
