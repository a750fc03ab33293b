"""Several configurations in one start: Workers that reach each other by their names."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from .document import read_document
from .errors import ConfigError, Problem, Severity
from .load import load
from .model import LoadedConfig, WorkerConfig
from .positions import path_text
from .variables import NO_VARS


def load_together(
    paths: Sequence[Path],
    *,
    env: str | None = None,
    var_overrides: Mapping[str, str] = NO_VARS,
    env_files: Sequence[str] = (),
) -> LoadedConfig:
    """Read and check the configurations of Workers that are started together.

    Args:
        paths: Of each of them; requests from outside are the first one's.
        env: As for ``load``; the others are at their top level if they have none of that name.
        var_overrides: For the first one.
        env_files: Likewise.

    Raises:
        ConfigError: One cannot be used, or two have the same name. All problems are in it.
    """
    loaded: list[LoadedConfig] = []
    problems: list[Problem] = []
    for index, path in enumerate(paths):
        try:
            if index == 0:
                loaded.append(load(path, env=env, var_overrides=var_overrides, env_files=env_files))
            else:
                loaded.append(load(path, env=_env_of(path, env)))
        except ConfigError as error:
            problems += error.problems
    configs = [each.config for each in loaded]
    problems += _taken_names(configs)
    if problems:
        raise ConfigError(problems)
    config = replace(configs[0], others=tuple(configs[1:]))
    warnings = [warning for each in loaded for warning in each.warnings]
    return LoadedConfig(config, (*warnings, *_loose_ends(config)))


def _env_of(path: Path, wanted: str | None) -> str:
    """Return the environment that a file has of this name, or its top level."""
    if not wanted:
        return ""
    environments = read_document(path.absolute()).values.get("env")
    return wanted if isinstance(environments, dict) and wanted in environments else ""


def _taken_names(configs: Sequence[WorkerConfig]) -> Iterator[Problem]:
    first: dict[str, Path] = {}
    for config in configs:
        if config.name not in first:
            first[config.name] = config.path
        else:
            taken = first[config.name]
            message = f'"{config.name}" is the name of the Worker of {taken}, too.'
            hint = "Workers that are started together have names of their own."
            if taken == config.path:
                hint = "Name each configuration once."
            yield Problem(config.path, "name", None, None, message, hint)


def _loose_ends(config: WorkerConfig) -> Iterator[Problem]:
    """Yield a warning for each binding to a Worker that is not started."""
    names = {program.name for program in config.programs}
    for program in config.programs:
        for index, binding in enumerate(program.bindings):
            if (owner := program.owner_of(binding)) not in names:
                key = path_text(("durable_objects", "bindings", index, "script_name"))
                yield _loose_end(program, key, binding.line, binding.name, owner)
        for index, service in enumerate(program.services):
            if service.worker not in names:
                key = path_text(("services", index, "service"))
                yield _loose_end(program, key, service.line, service.name, service.worker)


def _loose_end(
    program: WorkerConfig, key: str, line: int | None, name: str, worker: str
) -> Problem:
    message = f'The binding "{name}" leads to the Worker "{worker}", which is not started.'
    hint = "Name its configuration, too, with another -c; until then, using the binding fails."
    return Problem(program.path, key, line, None, message, hint, Severity.WARNING)
