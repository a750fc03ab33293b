"""``[assets]``: files that are served in front of the Worker."""

from pathlib import Path

from .model import AssetsConfig
from .report import Table, shown

KEYS = ("directory", "binding", "run_worker_first", "html_handling", "not_found_handling")
HTML_HANDLING = ("auto-trailing-slash", "force-trailing-slash", "drop-trailing-slash", "none")
NOT_FOUND_HANDLING = ("single-page-application", "404-page", "none")
ONLY_NEGATIVE = (
    "Only negative `run_worker_first` rules were provided; must provide at least 1 "
    "non-negative rule"
)
DEFAULTS = AssetsConfig(Path())


def read_assets(layer: Table, base_dir: Path) -> AssetsConfig | None:
    """Read the assets of a layer, the top level or an environment; None when it has none."""
    table = layer.find_table("assets")
    if table is None:
        return None
    table.warn_of_unknown_keys(KEYS)
    directory = table.find_string("directory")
    if "directory" not in table:
        message = f'"{table.name("directory")}" is a required field.'
        table.report.error(table.key("directory"), message)
    elif directory == "":
        message = f'Expected "{table.name("directory")}" to be a non-empty string.'
        table.report.error(table.key("directory"), message)
    elif directory:
        _look_at(table, directory, base_dir / directory)
    return AssetsConfig(
        directory=base_dir / (directory or ""),
        binding=table.find_string("binding"),
        run_worker_first=_read_first(table),
        html_handling=table.find_choice("html_handling", HTML_HANDLING) or DEFAULTS.html_handling,
        not_found_handling=table.find_choice("not_found_handling", NOT_FOUND_HANDLING)
        or DEFAULTS.not_found_handling,
        line=table.report.line(table.path),
    )


def _look_at(table: Table, written: str, directory: Path) -> None:
    """Warn of what will be missed."""
    key = table.key("directory")
    if not directory.is_dir():
        message = (
            f'The directory specified by "{table.name("directory")}" does not exist: {written}'
        )
        table.report.warning(key, message, "Until it does, no request is answered with a file.")


def _read_first(table: Table) -> bool | tuple[str, ...]:
    value = table.values.get("run_worker_first", False)
    if isinstance(value, bool):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        _check_rules(table, value)
        return tuple(value)
    message = (
        f'The field "{table.name("run_worker_first")}" should be an array of strings or a boolean, '
        f"but got {shown(value)}"
    )
    table.report.error(table.key("run_worker_first"), message)
    return False


def _check_rules(table: Table, rules: list[str]) -> None:
    key, problems = table.key("run_worker_first"), []
    if not rules:
        problems = ["No `run_worker_first` rules were provided; must provide at least 1 rule."]
    elif all(rule.startswith("!/") for rule in rules):
        problems = [ONLY_NEGATIVE]
    for rule in rules:
        if not rule.startswith(("/", "!/")):
            needed = "negative rules must start with '!/'"
            if not rule.startswith("!"):
                needed = "rules must start with '/' or '!/'"
            problems.append(f"Invalid routes in `run_worker_first`: '{rule}': {needed}")
    for problem in problems:
        table.report.error(key, problem)
