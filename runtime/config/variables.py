"""``vars``, files of values, ``--var``: what a program finds in ``env`` beside its bindings.

Later ones win: the configuration file, then files beside it, then the command line. The files are
``.dev.vars.<environment>`` or else ``.dev.vars``, never both; without either ``.env``,
``.env.local``, ``.env.<environment>`` and ``.env.<environment>.local``, each laid over those
before. Files that ``--env-file`` names stand in for all of them. These are wrangler's rules, and so
are the two variables of the process's environment.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from dotenv.parser import parse_stream

from .errors import ConfigError, Problem
from .report import Report, Table

DEV_VARS = ".dev.vars"
DOT_ENV = ".env"
OPTION = "--var"
FILE_OPTION = "--env-file"
PROCESS = "environment"
LOAD_DOT_ENV = "CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV"
INCLUDE_PROCESS = "CLOUDFLARE_INCLUDE_PROCESS_ENV"
NO_VARS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Where values may come from beside the configuration file.

    Attributes:
        overrides: Of the command line, which win over all others.
        env_files: Named on the command line, from the configuration's directory on if relative.
        environ: The environment of the process.
    """

    overrides: Mapping[str, str]
    env_files: Sequence[str]
    environ: Mapping[str, str]

    def has_set(self, name: str, value: str) -> bool:
        return self.environ.get(name, "").lower() == value


@dataclass(slots=True)
class Variables:
    """Values by name, and where each is from, as people call the place."""

    values: dict[str, object] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)

    def add(self, values: Mapping[str, object], source: str) -> None:
        self.values.update(values)
        self.sources.update(dict.fromkeys(values, source))

    def add_all(self, others: "Variables", only: Iterable[str] | None = None) -> None:
        """Lay others over these, or those of them that have one of the names."""
        for name in others.values if only is None else only:
            if name in others.values:
                self.add({name: others.values[name]}, others.sources[name])


def read_vars(layer: Table) -> Mapping[str, object] | None:
    """Read ``vars`` of a layer, the top level or an environment; None when it has none.

    Any value of TOML or JSON is one: text, numbers, booleans, null, dates, arrays, tables.
    """
    table = layer.find_table("vars")
    return None if table is None else table.values


def read_required(layer: Table) -> tuple[str, ...] | None:
    """Read ``secrets.required`` of a layer; None when it has no ``secrets``."""
    table = layer.find_table("secrets")
    if table is None:
        return None
    table.warn_of_unknown_keys(["required"])
    return table.find_strings("required") or ()


def read_values(
    report: Report, base_dir: Path, env: str | None, elsewhere: Elsewhere, *, with_process: bool
) -> Variables:
    """Return what the files that apply say and, over them, the environment of the process.

    That one counts if it is asked for, and never beside a ``.dev.vars``.

    Values are taken as they stand: ``${OTHER}`` is not replaced, a secret may contain it.

    Args:
        report: Told of lines that say nothing.
        base_dir: Where the files are.
        env: The environment that was chosen.
        elsewhere: What the command line and the process say.
        with_process: It is asked for, whatever the process's environment says of that.
    """
    found = Variables()
    files = [] if elsewhere.env_files else _dev_vars(base_dir, env)
    has_dev_vars = bool(files)
    if not has_dev_vars:
        files = _dot_env(report, base_dir, env, elsewhere)
    for path in files:
        found.add(_read_file(report, path), path.name)
    wants_process = with_process or elsewhere.has_set(INCLUDE_PROCESS, "true")
    if wants_process and not has_dev_vars and not elsewhere.has_set(LOAD_DOT_ENV, "false"):
        found.add(elsewhere.environ, PROCESS)
    return found


def _dev_vars(base_dir: Path, env: str | None) -> list[Path]:
    names = [f"{DEV_VARS}.{env}", DEV_VARS] if env else [DEV_VARS]
    return [path for name in names if (path := base_dir / name).is_file()][:1]


def _dot_env(report: Report, base_dir: Path, env: str | None, elsewhere: Elsewhere) -> list[Path]:
    if elsewhere.env_files:
        paths = [base_dir / name for name in elsewhere.env_files]
        for path in paths:
            if not path.is_file():
                report.elsewhere(path, FILE_OPTION, None, "There is no such file.")
        return [path for path in paths if path.is_file()]
    if elsewhere.has_set(LOAD_DOT_ENV, "false"):
        return []
    names = [DOT_ENV, f"{DOT_ENV}.local"]
    names += [f"{DOT_ENV}.{env}", f"{DOT_ENV}.{env}.local"] if env else []
    return [path for name in names if (path := base_dir / name).is_file()]


def _read_file(report: Report, path: Path) -> Mapping[str, str]:
    values: dict[str, str] = {}
    try:
        with path.open(encoding="utf-8-sig") as stream:
            for binding in parse_stream(stream):
                line, text = binding.original.line, binding.original.string.strip()
                if binding.error or (binding.key and binding.value is None):
                    name = text.partition("=")[0][:40]  # what follows may be a secret
                    report.elsewhere(path, name, line, "The line is not of the form NAME=value.")
                elif binding.key and binding.value is not None:
                    values[binding.key] = binding.value
    except (OSError, UnicodeDecodeError) as error:
        report.elsewhere(path, "", None, f"The file cannot be read: {error}.")
    return values


def parse_var_options(options: Iterable[str]) -> Mapping[str, str]:
    """Return the values given as ``--var NAME:value`` on a command line, all of them text.

    Raises:
        ConfigError: One is not of that form.
    """
    values: dict[str, str] = {}
    problems = []
    for option in options:
        name, colon, value = option.partition(":")
        if colon and name:
            values[name] = value
        else:
            message = f"{OPTION} takes NAME:value, but got {option!r}."
            hint = f"For instance: {OPTION} GREETING:hello"
            problems.append(Problem(None, OPTION, None, None, message, hint))
    if problems:
        raise ConfigError(problems)
    return values
