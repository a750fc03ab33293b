"""``vars``, ``.dev.vars`` and ``--var``: the values a program finds in ``env``.

Later ones win: the configuration file, then ``.dev.vars.<environment>`` or else ``.dev.vars``
beside it (never both), then the command line.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dotenv.parser import parse_stream

from .errors import ConfigError, Problem
from .report import Report, Table

DEV_VARS = ".dev.vars"
OPTION = "--var"


@dataclass(slots=True)
class Variables:
    """Values by name, and where each is from, as people call the place."""

    values: dict[str, object] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)

    def add(self, values: Mapping[str, object], source: str) -> None:
        self.values.update(values)
        self.sources.update(dict.fromkeys(values, source))


def read_vars(layer: Table) -> Mapping[str, object] | None:
    """Read ``vars`` of a layer, the top level or an environment; None when it has none.

    Any TOML value is one: text, numbers, booleans, dates, arrays, tables.
    """
    table = layer.find_table("vars")
    return None if table is None else table.values


def read_dev_vars(report: Report, base_dir: Path, env: str | None) -> tuple[str, Mapping[str, str]]:
    """Return the name and the content of the ``.dev.vars`` file that applies; empty without one.

    Values are taken as they stand: ``${OTHER}`` is not replaced, a secret may contain it.
    """
    names = [f"{DEV_VARS}.{env}", DEV_VARS] if env else [DEV_VARS]
    path = next((p for name in names if (p := base_dir / name).is_file()), None)
    if path is None:
        return DEV_VARS, {}
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
    return path.name, values


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
