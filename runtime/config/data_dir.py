"""Where a Worker's state is kept."""

from pathlib import Path

from .model import WorkerConfig

DATA_DIR = ".perdure"


def data_dir_of(config: WorkerConfig, given: Path | None = None) -> Path:
    """The data directory, absolute: the one that was asked for, or the configuration's, or ours."""
    if given is not None:
        return given.absolute()
    if config.perdure.data_dir is not None:
        return config.perdure.data_dir
    # Each environment is a Worker of its own, whose ids and data are no one else's.
    name = f"{DATA_DIR}-{config.env_name}" if config.env_name else DATA_DIR
    return config.base_dir / name
