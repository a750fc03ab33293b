"""From a file to a checked configuration, or to everything that is wrong with it.

This file sees the whole of the folder; the others know one kind of table each.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

from .binding_names import bound_names, check_names
from .document import Document, read_document
from .durable_objects import Bindings
from .environment import Layers, find_environment, read_layer, warn_of_missing
from .exports import check_exports
from .lineage import Declared, check_classes, check_migrations, step_for
from .model import DevConfig, LoadedConfig, WorkerConfig
from .report import Report, Table, shown
from .settings import make_perdure_config
from .snippets import export, setting
from .variables import (
    DEV_VARS,
    DOT_ENV,
    NO_VARS,
    OPTION,
    PROCESS,
    Elsewhere,
    Variables,
    read_values,
)

# The workerd release that perdure was compared with was asked to behave as of this day.
COMPATIBILITY_DATE = "2026-04-21"
EXCLUSIVE = (
    "`migrations` and `exports` are mutually exclusive. Choose one or the other to declare "
    "your Durable Object lifecycle, but not both."
)
DEV_KEYS_IGNORED = (
    "container_engine", "enable_containers", "generate_types", "host", "inspector_ip",
    "inspector_port", "local_protocol", "upstream_protocol",
)  # fmt: skip
PORT_MAX = 65_535


def load(
    path: Path,
    *,
    env: str | None = None,
    var_overrides: Mapping[str, str] = NO_VARS,
    env_files: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
) -> LoadedConfig:
    """Read and check a configuration file, and the files of values beside it.

    Args:
        path: The file; ``find_config`` searches for one.
        env: The environment to choose. An empty name chooses the top level; so does None,
            with a warning when there are environments to choose from.
        var_overrides: Values from the command line, which win over all others.
        env_files: Files of values from the command line, in place of those beside the file.
        environ: The environment of the process; None for this one's.

    Raises:
        ConfigError: It cannot be used. All problems that could be found are in it.
    """
    document = read_document(path.absolute())
    report = Report(document)
    layers, dev = _read(report, document, env)
    name, main = _name(report, layers, env), _main(report, layers)
    bindings = layers.own.bindings or Bindings()
    elsewhere = Elsewhere(var_overrides, env_files, os.environ if environ is None else environ)
    variables = _variables(report, layers, document.path, env, elsewhere)
    _check(report, layers, name or "", bindings, variables)
    report.raise_errors()
    assert name, "the lack of one was reported"
    assert main, "the lack of one was reported"
    migrations = layers.owner("migrations").migrations or ()
    config = WorkerConfig(
        name=name,
        main=document.path.parent / main,
        path=document.path,
        base_dir=document.path.parent,
        main_line=report.line(layers.owner("main").table.key("main")),
        env_name=env or None,
        compatibility_date=layers.owner("compatibility_date").compatibility_date,
        compatibility_flags=layers.owner("compatibility_flags").compatibility_flags or (),
        vars=MappingProxyType(variables.values),
        var_sources=MappingProxyType(variables.sources),
        bindings=tuple(bindings.items),
        services=tuple(service for service, _ in layers.own.services or ()),
        unserved=tuple(unserved for unserved, _ in layers.own.unserved),
        crons=layers.owner("triggers").crons or (),
        assets=layers.owner("assets").assets,
        migrations=migrations,
        exports=None if migrations else layers.owner("exports").exports,
        dev=dev,
        perdure=make_perdure_config(*(layer.settings for layer in layers)),
    )
    return LoadedConfig(config, report.problems())


def _read(report: Report, document: Document, env: str | None) -> tuple[Layers, DevConfig]:
    top = Table(report, (), document.values)
    chosen = find_environment(top, env)
    base_dir = document.path.parent
    layers = Layers(
        read_layer(top, base_dir), read_layer(chosen, base_dir) if chosen is not None else None
    )
    if layers.env:
        warn_of_missing(layers.top, layers.env)
    return layers, _read_dev(top)


def _name(report: Report, layers: Layers, env: str | None) -> str | None:
    owner = layers.owner("name")
    if "name" not in owner.table:
        example = setting(report.document.path, "name", "my-worker")
        hint = f"All ids are made with it, so choose it once and for all: {example}"
        report.error(("name",), '"name" is a required field.', hint)
        return None
    return f"{owner.name}-{env}" if owner.name and env and owner is layers.top else owner.name


def _main(report: Report, layers: Layers) -> str | None:
    owner = layers.owner("main")
    if "main" not in owner.table:
        example = setting(report.document.path, "main", "src/main.py")
        hint = f"It names the Python file with the classes: {example}"
        if layers.owner("assets").assets is not None:
            hint = (
                f"Assets are served in front of a Worker, which answers what is no file: {example}"
            )
        report.error(("main",), '"main" is a required field.', hint)
    return owner.main


def _variables(
    report: Report, layers: Layers, path: Path, env: str | None, elsewhere: Elsewhere
) -> Variables:
    own = layers.own
    variables = Variables()
    variables.add(own.vars or {}, path.name)
    required = own.required_secrets
    found = read_values(report, path.parent, env, elsewhere, with_process=required is not None)
    bound = set(bound_names(own))
    # Nobody has chosen the names in there for this program.
    only = [n for n in found.values if found.sources[n] != PROCESS or n not in bound]
    variables.add_all(found, only if required is None else required)
    variables.add(elsewhere.overrides, OPTION)
    for index, name in enumerate(required or ()):
        if name not in variables.values:
            message = f'The required secret "{name}" is nowhere to be found.'
            hint = (
                f"Put {name}=... into {DEV_VARS} or {DOT_ENV}, or into the process's environment."
            )
            report.warning((*own.path, "secrets", "required", index), message, hint)
    return variables


def _check(
    report: Report, layers: Layers, name: str, bindings: Bindings, variables: Variables
) -> None:
    """Check the parts against each other."""
    check_names(report, layers.own, variables.values)
    _check_classes(report, layers, name, bindings)
    dated = layers.owner("compatibility_date")
    if dated.compatibility_date and dated.compatibility_date < COMPATIBILITY_DATE:
        message = f"Behaviour is that of {COMPATIBILITY_DATE}, whatever older date is asked for."
        report.note(dated.table.key("compatibility_date"), message)


def _check_classes(report: Report, layers: Layers, name: str, bindings: Bindings) -> None:
    """Check how classes are declared, and that those which are bound are."""
    file, owner, other = report.document.path, layers.owner("migrations"), layers.owner("exports")
    steps, path = owner.migrations or (), owner.table.key("migrations")
    if other.exports and steps:
        report.error(other.table.key("exports"), EXCLUSIVE)
    elif other.exports is not None and not steps:
        # What a malformed entry was meant to do is not known, so nothing is concluded from it.
        if report.is_sound(other.table.key("exports")):
            lineage = check_exports(report, other.exports, other.table, name)
            add = partial(export, file, storage="sqlite")
            check_classes(report, name, bindings, lineage, Declared("`exports` does not name", add))
    elif report.is_sound(path):
        lineage = check_migrations(report, path, steps, name)
        add = partial(step_for, file, steps)
        check_classes(report, name, bindings, lineage, Declared("no migration creates", add))


def _read_dev(top: Table) -> DevConfig:
    table = top.find_table("dev")
    if table is None:
        return DevConfig()
    table.warn_of_unknown_keys(("ip", "port", *DEV_KEYS_IGNORED))
    dev = DevConfig()
    if ip := table.find_string("ip"):
        dev = replace(dev, ip=ip)
    port = table.find_number("port")
    if port is None:
        return dev
    if not isinstance(port, int) or not 0 <= port <= PORT_MAX:
        message = f'Expected "dev.port" to be a port from 0 to {PORT_MAX} but got {shown(port)}.'
        table.report.error(table.key("port"), message)
        return dev
    return replace(dev, port=port, port_explicit=True)
