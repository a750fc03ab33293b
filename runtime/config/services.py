"""``[[services]]``: names under which a program finds other Workers."""

from collections.abc import Sequence

from .model import ServiceBinding
from .positions import KeyPath
from .report import Table, shown

KEYS = ("binding", "service", "environment", "entrypoint", "props", "remote")
REQUIRED = ("binding", "service")
OPTIONAL = ("environment", "entrypoint")

Services = Sequence[tuple[ServiceBinding, KeyPath]]


def read_services(layer: Table) -> Services | None:
    """Read the services of a layer, the top level or an environment; None when it has none."""
    value = layer.values.get("services")
    if value is None:
        return None
    if not isinstance(value, list):
        message = f'The field "{layer.name("services")}" should be an array but got {shown(value)}.'
        layer.report.error(layer.key("services"), message)
    entries = layer.find_tables("services", are_bindings=True)
    read = ((_read_service(entry), entry.path) for entry in entries)
    return tuple((service, path) for service, path in read if service is not None)


def _read_service(entry: Table) -> ServiceBinding | None:
    wrong = [key for key in REQUIRED if not _is_name(entry.values.get(key))]
    wrong += [key for key in OPTIONAL if not isinstance(entry.values.get(key, ""), str)]
    for key in wrong:
        message = (
            f'"{entry.label}" bindings should have a string "{key}" field but got '
            f"{shown(entry.values)}."
        )
        entry.report.error(entry.key(key), message)
    entry.warn_of_unknown_keys(KEYS)
    props = entry.find_table("props")
    if wrong:
        return None
    service, environment = str(entry.values["service"]), entry.values.get("environment")
    entrypoint = entry.values.get("entrypoint")
    return ServiceBinding(
        name=str(entry.values["binding"]),
        service=service,
        environment=str(environment) if environment else None,
        entrypoint=str(entrypoint) if entrypoint else None,
        line=entry.report.line(entry.path),
        props={} if props is None else dict(props.values),
    )


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value != ""
