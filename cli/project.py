"""The project a command works on: its configuration, and where its data lies."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..runtime.assets.rules import problems_of_rules
from ..runtime.config.data_dir import data_dir_of
from ..runtime.config.document import find_config
from ..runtime.config.errors import ConfigError, Problem
from ..runtime.config.model import TlsConfig, WorkerConfig
from ..runtime.config.together import load_together
from ..runtime.config.variables import parse_var_options
from .problems import shown_path


@dataclass(frozen=True, slots=True)
class Project:
    """What a command works on.

    Attributes:
        config: The configuration, checked.
        warnings: What is worth saying about it.
        data_dir: Where its state is kept, absolute; it need not exist.
        env_files: Files of values that the command line names, absolute.
    """

    config: WorkerConfig
    warnings: Sequence[Problem]
    data_dir: Path
    env_files: Sequence[Path] = ()

    @property
    def shown_data_dir(self) -> str:
        return shown_path(self.data_dir)


def open_project(
    config_file: Path | None,
    env: str | None,
    data: Path | None,
    variables: Sequence[str] = (),
    env_files: Sequence[str] = (),
) -> Project:
    """Load the configuration that the options choose.

    Raises:
        ConfigError: There is none, or it cannot be used.
    """
    files = [] if config_file is None else [config_file]
    return open_projects(files, env, data, variables, env_files)


def open_projects(
    config_files: Sequence[Path],
    env: str | None,
    data: Path | None,
    variables: Sequence[str] = (),
    env_files: Sequence[str] = (),
) -> Project:
    """Load the configurations of Workers that are started together; state is where the first's is.

    Raises:
        ConfigError: As ``open_project``.
    """
    overrides = parse_var_options(variables)
    paths = list(config_files) or [find_config(Path.cwd())]
    loaded = load_together(paths, env=env, var_overrides=overrides, env_files=env_files)
    config = loaded.config
    files = tuple(config.base_dir / name for name in env_files)
    warnings = (*loaded.warnings, *problems_of_rules(config))
    return Project(config, warnings, data_dir_of(config, data), files)


def with_tls(project: Project, cert: Path | None, key: Path | None) -> Project:
    """Have a project speak TLS as the command line says; without options it stays as it is.

    Raises:
        ConfigError: There is a key, but no certificate.
    """
    config = project.config
    if cert is None:
        if key is None:
            return project
        message = "--tls-key names the key of a certificate, but there is no --tls-cert."
        hint = "Name the certificate too, or write both under [perdure.tls]."
        raise ConfigError([Problem(None, "--tls-key", None, None, message, hint)])
    version = "1.2" if config.perdure.tls is None else config.perdure.tls.min_version
    tls = TlsConfig(cert.absolute(), None if key is None else key.absolute(), version)
    perdure = replace(config.perdure, tls=tls)
    return replace(project, config=replace(config, perdure=perdure))


def with_control_port(project: Project, port: int | None) -> Project:
    """Have a project tell of itself on ``port``; with None it stays as it is."""
    if port is None:
        return project
    perdure = replace(project.config.perdure, control_port=port)
    return replace(project, config=replace(project.config, perdure=perdure))


def with_processes(
    project: Project, workers: int | None, routers: int | None, *, workers_default: int
) -> Project:
    """Have a project run in so many processes; with None each number stays as it is.

    Args:
        project: It.
        workers: How many have actors; 0 for one process with everything.
        routers: How many have clients.
        workers_default: How many workers if its configuration does not say, either.
    """
    perdure = project.config.perdure
    of_file = workers_default if perdure.workers is None else perdure.workers
    perdure = replace(
        perdure,
        workers=of_file if workers is None else workers,
        routers=perdure.routers if routers is None else routers,
    )
    return replace(project, config=replace(project.config, perdure=perdure))
