"""The project a command works on: its configuration, and where its data lies."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..runtime.config.document import find_config
from ..runtime.config.errors import Problem
from ..runtime.config.load import load
from ..runtime.config.model import WorkerConfig
from ..runtime.config.variables import parse_var_options
from .problems import shown_path

DATA_DIR = ".perdure"


@dataclass(frozen=True, slots=True)
class Project:
    """What a command works on.

    Attributes:
        config: The configuration, checked.
        warnings: What is worth saying about it.
        data_dir: Where its state is kept, absolute; it need not exist.
    """

    config: WorkerConfig
    warnings: Sequence[Problem]
    data_dir: Path

    @property
    def shown_data_dir(self) -> str:
        return shown_path(self.data_dir)


def open_project(
    config_file: Path | None, env: str | None, data: Path | None, variables: Sequence[str] = ()
) -> Project:
    """Load the configuration that the options choose.

    Raises:
        ConfigError: There is none, or it cannot be used.
    """
    overrides = parse_var_options(variables)
    path = find_config(Path.cwd()) if config_file is None else config_file
    loaded = load(path, env=env, var_overrides=overrides)
    return Project(loaded.config, loaded.warnings, _data_dir(loaded.config, data))


def _data_dir(config: WorkerConfig, given: Path | None) -> Path:
    if given is not None:
        return given.absolute()
    if config.perdure.data_dir is not None:
        return config.perdure.data_dir
    # Each environment is a Worker of its own, whose ids and data are no one else's.
    name = f"{DATA_DIR}-{config.env_name}" if config.env_name else DATA_DIR
    return config.base_dir / name
