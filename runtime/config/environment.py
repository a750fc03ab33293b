"""The top level and one ``[env.NAME]``: what each declares, and wrangler's inheritance.

An environment inherits the keys of ``keys.USED_INHERITED``, each replaced whole when it sets
it; ``vars``, bindings and the rest of ``keys.NOT_INHERITED`` it must repeat. Its Worker is called
``<name>-<env>`` unless it sets a name: another Worker, with data of its own.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from .assets import read_assets
from .durable_objects import Bindings, read_bindings
from .errors import did_you_mean
from .exports import read_exports
from .keys import ENVIRONMENT, GUARDS, NOT_INHERITED, NOT_PROVIDED, TOP_LEVEL
from .migrations import read_migrations
from .model import AssetsConfig, ExportedClass, MigrationStep
from .positions import KeyPath
from .report import Table, shown
from .services import Services, read_services
from .settings import Settings, read_settings
from .snippets import environment
from .triggers import read_crons
from .unserved import Unserved, read_unserved
from .variables import read_required, read_vars

NAME = re.compile(r"[a-z0-9_][a-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Layer:
    """What one level of the file declares; None where it declares nothing usable."""

    table: Table
    name: str | None
    main: str | None
    compatibility_date: str | None
    compatibility_flags: Sequence[str] | None
    migrations: Sequence[MigrationStep] | None
    exports: Sequence[ExportedClass] | None
    vars: Mapping[str, object] | None
    required_secrets: Sequence[str] | None
    bindings: Bindings | None
    services: Services | None
    unserved: Unserved
    crons: Sequence[str] | None
    assets: AssetsConfig | None
    settings: Settings

    @property
    def path(self) -> KeyPath:
        return self.table.path


@dataclass(frozen=True, slots=True)
class Layers:
    """The top level, and the environment on it if one was chosen."""

    top: Layer
    env: Layer | None

    @property
    def own(self) -> Layer:
        """The level that counts for keys which are not inherited."""
        return self.env or self.top

    def owner(self, key: str) -> Layer:
        """Return the level whose value of an inherited key counts."""
        return self.env if self.env and key in self.env.table else self.top

    def __iter__(self) -> Iterator[Layer]:
        return iter([self.top, self.env] if self.env else [self.top])


def read_layer(table: Table, base_dir: Path) -> Layer:
    """Read everything a level declares, reporting what is malformed."""
    # wrangler names the keys an environment shares with the top level without "env.NAME".
    plain = Table(table.report, table.path, table.values)
    _tell_of_keys(table)
    return Layer(
        table=table,
        name=_read_name(plain),
        main=_read_main(plain),
        compatibility_date=_read_compatibility_date(plain),
        compatibility_flags=plain.find_strings("compatibility_flags"),
        migrations=read_migrations(plain),
        exports=read_exports(plain),
        vars=read_vars(table),
        required_secrets=read_required(plain),
        bindings=read_bindings(table),
        services=read_services(plain),
        unserved=read_unserved(plain),
        crons=read_crons(plain),
        assets=read_assets(plain, base_dir),
        settings=read_settings(table, base_dir),
    )


def find_environment(top: Table, name: str | None) -> Table | None:
    """Return the table of an environment, or None for the top level.

    None as a name means that nobody chose; an empty name chooses the top level.
    """
    table = top.find_table("env")
    names = list(table.values) if table else []
    if not name:
        if names and name is None:
            message = "Multiple environments are defined, but no target environment was specified."
            hint = (
                f"The top level is used. Choose with -e: {', '.join(names)}; -e '' says that the "
                "top level is meant."
            )
            top.report.warning(("env",), message, hint)
        return None
    if table and (found := table.find_table(name)):
        return found
    if name not in names:
        section = environment(top.report.document.path, name)
        hints = [
            did_you_mean(name, names),
            f"The available configured environment names are: {shown(names)}" if names else "",
            f"Before using --env={name}, add a section for it:\n{section}",
        ]
        message = f'No environment found in configuration with name "{name}".'
        top.report.error(("env",), message, "\n".join(filter(None, hints)))
    return None


def warn_of_missing(top: Layer, env: Layer) -> None:
    """Warn of what an environment does not inherit and does not repeat, in wrangler's words."""
    warning, where = env.table.report.warning, env.table.label
    for key in NOT_INHERITED:
        if top.table.values.get(key) and key not in env.table:
            message = f'"{key}" exists at the top level, but not on "{where}".'
            warning(env.path, message, _repeat(key, where))
    if env.vars is not None:
        for name in [name for name in top.vars or {} if name not in env.vars]:
            message = f'"vars.{name}" exists at the top level, but not on "{where}.vars".'
            warning((*env.path, "vars"), message, _repeat(f"vars.{name}", where, of="vars"))
    if env.bindings is not None and top.bindings is not None:
        for name in [name for name in top.bindings.names if name not in env.bindings.names]:
            path, key = (*env.path, "durable_objects"), f"{where}.durable_objects.bindings"
            message = f'The binding "{name}" is at the top level, but not on "{key}".'
            warning(path, message, _repeat(name, key, of="durable_objects"))


def _repeat(what: str, where: str, of: str = "") -> str:
    return (
        f'This is not what you probably want, since "{of or what}" is not inherited by '
        f'environments.\nPlease add "{what}" to "{where}".'
    )


def _tell_of_keys(table: Table) -> None:
    if table.path:
        table.warn_of_unknown_keys((*ENVIRONMENT, *GUARDS))
    else:
        table.warn_of_unknown_keys((*TOP_LEVEL, *GUARDS), "top-level")
    for key in GUARDS:
        if key in table:
            message = f'"{table.name(key)}" stands in the wrong place, where it guards nothing.'
            hint = (
                f'It belongs under [{table.name("perdure")}], as "{table.name("perdure")}.{key}".'
            )
            table.report.error(table.key(key), message, hint)
    for key in NOT_PROVIDED:
        if table.values.get(key):
            message = f'"{table.name(key)}" is known to wrangler, but not provided by perdure.'
            hint = "It is ignored; a program that relies on it will miss it."
            table.report.warning(table.key(key), message, hint)


def _read_name(table: Table) -> str | None:
    value = table.values.get("name")
    if value is None or (isinstance(value, str) and NAME.fullmatch(value)):
        return value
    type_name = "string, alphanumeric and lowercase with dashes only"
    table.wrong_type("name", type_name)
    return None


def _read_main(table: Table) -> str | None:
    main = table.find_string("main")
    if main is not None and not main.endswith(".py"):
        message = f'"main" should be a Python file, but got {shown(main)}.'
        hint = "perdure runs Workers written in Python: name the .py file with the classes."
        table.report.error(table.key("main"), message, hint)
    return main


def _read_compatibility_date(table: Table) -> str | None:
    value = table.find_string("compatibility_date")
    if value is None:
        return None
    if "\N{EN DASH}" in value or "\N{EM DASH}" in value:
        message = (
            '"compatibility_date" field should use ISO-8601 accepted hyphens (-) rather than '
            "en-dashes (\N{EN DASH}) or em-dashes (\N{EM DASH})."
        )
    elif _is_date(value):
        return value
    else:
        message = (
            '"compatibility_date" field should be a valid ISO-8601 date (YYYY-MM-DD), but got '
            f"{shown(value)}."
        )
    table.report.error(table.key("compatibility_date"), message)
    return None


def _is_date(text: str) -> bool:
    try:
        # fromisoformat alone also takes 20240101 and 2024-W01-1.
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
